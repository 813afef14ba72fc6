"""`python -m tests.bench.portfolio_alone book.npz`: a portfolio traded by a script that imports only the package.

Prints {orders, equity, peak_mb} as JSON: fills, final equity, and the most memory that the process held, in MB.
"""

import json
import re
import sys
from pathlib import Path

import numpy as np

from engine.engine import BacktestEngine, check_bars
from portfolio.legs import Leg
from portfolio.result import PortfolioResult
from portfolio.sharing import SharingTerms
from portfolio.walk import trade_together

CAPITAL, SIZE, FEE_RATE = 20_000_000.0, 10_000.0, 0.001  # portfolio_peers.py has the same


def main(book: Path) -> None:
    """Trade the book once."""
    result = traded(legs_of(book))
    print(
        json.dumps(
            {
                "orders": len(result.fills),
                "equity": result.equity_curve[-1].item(),
                "peak_mb": peak_mb(),
            }
        )
    )


def legs_of(book: Path) -> list[Leg]:
    """A leg for each column; closes are all that is known of a bar."""
    with np.load(book) as arrays:
        closes, signals, times = (arrays[name] for name in ("closes", "signals", "times"))
    columns = np.ascontiguousarray(closes.T), np.ascontiguousarray(signals.T)
    return [
        Leg(
            ticker=f"T{number}",
            times=times,
            bars=check_bars(dict.fromkeys(("Open", "High", "Low", "Close"), close)),
            signals=orders,
        )
        for number, (close, orders) in enumerate(zip(*columns, strict=True))
    ]


def traded(legs: list[Leg]) -> PortfolioResult:
    """The legs in one shared account."""
    terms = BacktestEngine(initial_capital=CAPITAL, position_size=SIZE, fee_rate=FEE_RATE)
    return trade_together(SharingTerms(terms=terms), legs)


def peak_mb() -> float:
    """Of this program alone: what getrusage says has the size of the process that started it, too."""
    peak = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert peak is not None
    return int(peak[1]) / 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]))
