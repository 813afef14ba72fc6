"""All metrics of a run: what was measured, put into the table of `adapters.results.metrics`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from adapters.results.measured import Measured, NoValue
from adapters.results.metrics.entry import Metric
from adapters.results.metrics.returns import price_paid
from adapters.results.metrics.table import METRICS

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
    benchmark: Array | None = None,
) -> Performance:
    """The metrics of one run, of whose arguments `Measured` says what they are; equity: (bars,) float64."""
    path = np.concatenate(([initial_capital], equity))
    run = Measured(
        core=core,
        path=path,
        peaks=np.maximum.accumulate(path),
        close=close,
        timestamps=np.concatenate((timestamps[:1], timestamps)),
        trades=trades,
        fee_rate=fee_rate,
        slippage_bps=slippage_bps,
        risk_free_rate=risk_free_rate,
        periods_per_year=periods_per_year,
        rejected_orders=rejected_orders,
        benchmark=benchmark,
    )
    holding = np.concatenate(([initial_capital], initial_capital / price_paid(run) * close))
    run = replace(run, held=replace(run, path=holding, peaks=np.maximum.accumulate(holding), trades=()))
    metrics: dict[str, float | int | None] = {}
    notes: dict[str, str] = {}
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a reason, not as a warning
        for metric in METRICS:
            try:
                metrics[metric.name] = _finite(metric, run)
            except NoValue as reason:
                metrics[metric.name], notes[metric.name] = None, str(reason)
    return Performance(metrics, notes)


def _finite(metric: Metric, run: Measured) -> float:
    try:
        value = metric.compute(run)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise NoValue("too large for a number")
    return value
