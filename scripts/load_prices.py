"""The command `backtests load` for those who have a checkout and have not installed it; see docs/prices.md."""

import sys

from backtests.cli import main

if __name__ == "__main__":
    sys.exit(main(["load", *sys.argv[1:]]))
