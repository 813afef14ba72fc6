"""The command `backtests` for those who have a checkout and have not installed it; see docs/batches.md."""

import sys

from backtests.cli import main

if __name__ == "__main__":
    sys.exit(main())
