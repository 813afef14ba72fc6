"""All metrics of a run: what was measured, put into the table of `adapters.metrics`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured, NoValue
from adapters.metrics.rates import Rates
from adapters.metrics.returns import price_paid
from adapters.metrics.table import METRICS
from adapters.metrics.timing import NO_RATES, timing_of

# Of all that lies around the engine: the bars that a rule sees, and the derived metrics. A run reproduced under another
# version may come to other numbers. None in a row: 250 bars of warm-up, before versions were recorded.
ANALYSIS_VERSION = "2.1.0"

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Performance:
    """All metrics of a run by name, and for each one without a value the reason; NaN and infinity never leave."""

    metrics: dict[str, float | int | None]
    notes: dict[str, str]


def performance(
    core: Mapping[str, float | int | None],
    equity: Array,
    close: Array,
    timestamps: Array,
    trades: Sequence[Mapping[str, Any]],
    *,
    initial_capital: float,
    fee_rate: float,
    slippage_bps: float = 0.0,
    risk_free_rate: float = 0.0,
    periods_per_year: float,
    rejected_orders: int = 0,
    interest: float = 0.0,
    borrow_fees: float = 0.0,
    rates: Rates = NO_RATES,
    benchmark: Array | None = None,
) -> Performance:
    """The metrics of one run, of whose arguments `Measured` says what they are; equity: (bars,) float64."""
    path = np.concatenate(([initial_capital], equity))
    run = Measured(
        core=core,
        path=path,
        close=close,
        timestamps=np.concatenate((timestamps[:1], timestamps)),
        trades=trades,
        fee_rate=fee_rate,
        slippage_bps=slippage_bps,
        risk_free_rate=risk_free_rate,
        periods_per_year=periods_per_year,
        rejected_orders=rejected_orders,
        interest=interest,
        borrow_fees=borrow_fees,
        benchmark=benchmark,
    )
    holding = np.concatenate(([initial_capital], initial_capital / price_paid(run) * close))
    run = replace(run, held=replace(run, path=holding, trades=()))
    metrics: dict[str, float | int | None] = {}
    notes: dict[str, str] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a reason, not as a warning
        run = with_timing(run, rates)
        for metric in METRICS:
            try:
                metrics[metric.name] = _finite(metric, run)
            except NoValue as reason:
                metrics[metric.name], notes[metric.name] = None, str(reason)
    return Performance(metrics, notes)


def with_timing(run: Measured, rates: Rates) -> Measured:
    """The same run with what it earned by choosing its times; a ruined one, and a single bar, have no such thing."""
    if run.is_ruined or run.bars < 2:
        return run
    found = timing_of(run.path[0], run.path[1:], run.close, run.trades, run.timestamps[1:], rates)
    held = replace(run, exposure=found.average_exposure())
    try:
        return replace(held, timed=found.excess())
    except NoValue:
        return held


def _finite(metric: Metric, run: Measured) -> float:
    try:
        value = metric.compute(run)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise NoValue("too large for a number")
    return value
