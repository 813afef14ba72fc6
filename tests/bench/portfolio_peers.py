"""`portfolio_peers.py book.npz [REPETITIONS]`: vectorbt's side of portfolio_speed.py; runs in `.venv-peers`.

Prints {orders, equity, seconds} as JSON: of the fastest repetition after one that warms up, or without any of the one
call of a process that has just been started.
"""

import json
import sys
import time
import warnings
from typing import Any

import numpy as np

warnings.simplefilter("ignore")
# as in portfolio_alone.py, which this environment must not import
COMMON = {
    "init_cash": 20_000_000,
    "size": 10_000,
    "size_type": "value",
    "size_granularity": 1,
    "fees": 0.001,
}
SHARED = {"cash_sharing": True, "group_by": True, "call_seq": "auto"}


def main(book: str, repetitions: int) -> None:
    """Trade the book."""
    import pandas as pd

    with np.load(book) as arrays:
        closes, entries, exits = (
            pd.DataFrame(values, index=arrays["times"])
            for values in (arrays["closes"], arrays["signals"] > 0, arrays["signals"] < 0)
        )
    seconds, portfolio, equity = traded(closes, entries, exits)
    for _ in range(repetitions):
        seconds = min(traded(closes, entries, exits)[0], seconds)
    print(
        json.dumps({"orders": len(portfolio.orders.values), "equity": equity, "seconds": seconds})
    )


def traded(closes: Any, entries: Any, exits: Any) -> tuple[float, Any, float]:
    """Seconds, portfolio and final equity of one call."""
    import vectorbt as vbt

    began = time.perf_counter()
    portfolio = vbt.Portfolio.from_signals(closes, entries, exits, **COMMON, **SHARED)
    equity = float(portfolio.final_value())
    return time.perf_counter() - began, portfolio, equity


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 0)
