"""The command `backtests load` for those who have a checkout and have not installed it; see docs/data.md."""

import sys

from backtests.cli import load_prices

if __name__ == "__main__":
    sys.exit(load_prices())
