"""All metrics of a run: what was measured, put into the table of `adapters.metrics`."""

import math
from dataclasses import replace

import numpy as np

from adapters.metrics.curves import shares_held
from adapters.metrics.entry import Metric
from adapters.metrics.measured import Measured, NoValue
from adapters.metrics.rates import Rates
from adapters.metrics.returns import price_paid
from adapters.metrics.table import METRICS
from adapters.metrics.timing import NO_RATES, timing_over
from contracts.values import frozen

# Of all that lies around the engine: the bars that a rule sees, and the derived metrics. A run reproduced under another
# version may come to other numbers. None in a row: 250 bars of warm-up, before versions were recorded.
ANALYSIS_VERSION = "2.1.0"


@frozen
class Performance:
    """All metrics of a run by name, and for each one without a value the reason; NaN and infinity never leave."""

    metrics: dict[str, float | int | None]
    notes: dict[str, str]


def performance(run: Measured, rates: Rates = NO_RATES) -> Performance:
    """The metrics of one run; of buying and holding, and of its timing, it is measured here."""
    capital = float(run.path[0])
    holding = np.concatenate(([capital], capital / price_paid(run) * run.close))
    run = replace(run, held=replace(run, path=holding, trades=()))
    metrics: dict[str, float | int | None] = {}
    notes: dict[str, str] = {}
    # what overflows ends as a reason, not as a warning
    with np.errstate(over="ignore", invalid="ignore"):
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
    shares = shares_held(run.trades, run.bars) if run.shares is None else run.shares
    found = timing_over(run.path, shares, run.close, run.timestamps[1:], rates)
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
