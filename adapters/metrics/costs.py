"""What trading and holding cost, and what idle cash brought."""

import math
from functools import partial

from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured, average

# exits that fill at their level, or do not fill at all
WITHOUT_SLIPPAGE = ("take_profit", "end_of_data")

metric = partial(Metric, "Costs")


@metric("Fees paid", "money", "low")
def total_fees(run: Measured) -> float:
    """Fees of all entries and exits."""
    return math.fsum(trade["entry_fees"] + trade["exit_fees"] for trade in run.trades)


@metric("Slippage paid", "money", "low")
def total_slippage(run: Measured) -> float:
    """Difference between the fills and the prices at which orders were due, times their sizes."""
    share = run.slippage_bps / 10_000.0
    return math.fsum(
        price * size * share / (1.0 + side * share)
        for side, price, size in fills(run, WITHOUT_SLIPPAGE)
    )


@metric("Borrow fees paid", "money", "low")
def total_borrow_fees(run: Measured) -> float:
    """Fees for borrowing the shares of shorts, at the request's borrow_rate; no part of a trade's profit."""
    return run.borrow_fees


@metric("Interest earned", "money", "high")
def total_interest(run: Measured) -> float:
    """On idle cash, at the request's cash_rate; no part of a trade's profit."""
    return run.interest


@metric("Turnover", "ratio", "low")
def turnover(run: Measured) -> float:
    """Value of all fills / mean equity, per year: 2 when all was bought and sold once a year."""
    traded = math.fsum(price * size for _, price, size in fills(run, ("end_of_data",)))
    return traded / average(run.path) / run.bars * run.periods_per_year if traded else 0.0


@metric("Rejected orders", "count", "low")
def rejected_orders(run: Measured) -> float:
    """Opening orders that could not buy a single share."""
    return run.rejected_orders


def fills(run: Measured, without: tuple[str, ...]) -> list[tuple[int, float, float]]:
    """Side (1 bought, -1 sold), price and size of each fill, but for exits for these reasons."""
    found = []
    for trade in run.trades:
        side = 1 if trade["side"] == "BUY" else -1
        found.append((side, trade["entry_price"], trade["size"]))
        if trade["exit_reason"] not in without:
            found.append((-side, trade["exit_price"], trade["size"]))
    return found
