"""What trading and holding cost, and what idle cash brought."""

import math

from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured

WITHOUT_SLIPPAGE = ("take_profit", "end_of_data")  # exits that fill at their level, or do not fill at all


def total_fees(run: Measured) -> float:
    """Money paid as fees, entries and exits."""
    return math.fsum(trade["entry_fees"] + trade["exit_fees"] for trade in run.trades)


def total_slippage(run: Measured) -> float:
    """Money lost because fills were worse than the prices at which orders were due."""
    share = run.slippage_bps / 10_000.0
    return math.fsum(price * size * share / (1.0 + side * share) for side, price, size in fills(run, WITHOUT_SLIPPAGE))


def turnover(run: Measured) -> float:
    """Traded value, entries and exits, over the mean equity, per year of bars."""
    traded = math.fsum(price * size for _, price, size in fills(run, ("end_of_data",)))
    mean_equity = float(run.path.cumsum()[-1]) / len(run.path)
    return traded / mean_equity / run.bars * run.periods_per_year if traded else 0.0


def fills(run: Measured, without: tuple[str, ...]) -> list[tuple[int, float, float]]:
    """Side (1 bought, -1 sold), price and size of each fill, but for exits for these reasons."""
    found = []
    for trade in run.trades:
        side = 1 if trade["side"] == "BUY" else -1
        found.append((side, trade["entry_price"], trade["size"]))
        if trade["exit_reason"] not in without:
            found.append((-side, trade["exit_price"], trade["size"]))
    return found


METRICS = (
    Metric(
        name="total_fees",
        title="Fees paid",
        unit="money",
        section="Costs",
        compute=total_fees,
        formula="Fees of all entries and exits.",
        better="low",
    ),
    Metric(
        name="total_slippage",
        title="Slippage paid",
        unit="money",
        section="Costs",
        compute=total_slippage,
        formula="Difference between the fills and the prices at which orders were due, times their sizes.",
        better="low",
    ),
    Metric(
        name="total_borrow_fees",
        title="Borrow fees paid",
        unit="money",
        section="Costs",
        compute=lambda run: run.borrow_fees,
        formula="Fees for borrowing the shares of shorts, at the request's borrow_rate; no part of a trade's profit.",
        better="low",
    ),
    Metric(
        name="total_interest",
        title="Interest earned",
        unit="money",
        section="Costs",
        compute=lambda run: run.interest,
        formula="On idle cash, at the request's cash_rate; no part of a trade's profit.",
        better="high",
    ),
    Metric(
        name="turnover",
        title="Turnover",
        unit="ratio",
        section="Costs",
        compute=turnover,
        formula="Value of all fills / mean equity, per year: 2 when all was bought and sold once a year.",
        better="low",
    ),
    Metric(
        name="rejected_orders",
        title="Rejected orders",
        unit="count",
        section="Costs",
        compute=lambda run: run.rejected_orders,
        formula="Opening orders that could not buy a single share.",
        better="low",
    ),
)
