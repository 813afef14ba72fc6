"""What trading and holding cost, and what idle cash brought."""

import math

from adapters.metrics.curves import fills
from adapters.metrics.entry import COSTS
from adapters.metrics.measured import Measured, average


@COSTS("Fees paid", "money", "low")
def total_fees(run: Measured) -> float:
    """Fees of all entries and exits."""
    return math.fsum(trade["entry_fees"] + trade["exit_fees"] for trade in run.trades)


@COSTS("Slippage paid", "money", "low")
def total_slippage(run: Measured) -> float:
    """Difference between the fills and the prices at which orders were due, times their sizes."""
    share = run.slippage_bps / 10_000.0
    return math.fsum(
        fill.price * abs(fill.shares) * share / (1.0 + math.copysign(share, fill.shares))
        for fill in fills(run.trades)
        if fill.reason != "take_profit"  # which fills at its level
    )


@COSTS("Borrow fees paid", "money", "low")
def total_borrow_fees(run: Measured) -> float:
    """Fees for borrowing the shares of shorts, at the request's borrow_rate; no part of a trade's profit."""
    return run.borrow_fees


@COSTS("Interest earned", "money", "high")
def total_interest(run: Measured) -> float:
    """On idle cash, at the request's cash_rate; no part of a trade's profit."""
    return run.interest


@COSTS("Turnover", "ratio", "low")
def turnover(run: Measured) -> float:
    """Value of all fills / mean equity, per year: 2 when all was bought and sold once a year."""
    traded = math.fsum(fill.price * abs(fill.shares) for fill in fills(run.trades))
    return traded / average(run.path) / run.bars * run.periods_per_year if traded else 0.0


@COSTS("Rejected orders", "count", "low")
def rejected_orders(run: Measured) -> float:
    """Opening orders that could not buy a single share."""
    return run.rejected_orders
