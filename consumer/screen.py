"""A screen: what every combination of a grid comes to on the same prices; of the best one all that a run knows."""

import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from rq.timeouts import JobTimeoutException

from adapters.batches.leaderboard import Ranking
from adapters.metrics.measured import Array, NoValue, average
from adapters.metrics.risk import measured_sharpe, spread
from adapters.metrics.sharpe_evidence import evidence, sharpe_variance
from adapters.metrics.timing import measured_timing, timing_over
from adapters.prices.packing import PackedPrices
from adapters.screens.columns import CORE, MEASURED, Combinations, packed_metrics, ranked_places
from adapters.studies.path import Market, run_data
from adapters.studies.trials import OF_TRIAL, trial
from consumer.backtest import Outcome, outcome_of, trades_of
from consumer.setup import Setup
from consumer.study_jobs import columns_of
from contracts.run_request import RunRequest
from engine.engine import BacktestResult
from rules.base import BaseRule

log = logging.getLogger(__name__)


def screen(
    request: RunRequest,
    packed: PackedPrices,
    tried: Combinations,
    image_tag: str,
    tell: Callable[[int], None],
) -> Outcome:
    """Try every combination of a request's params; PlatformError as for a run. `tell` hears how many are done."""
    setup = Setup.of(request, packed)
    measured = np.empty((len(tried), len(MEASURED)))
    for number in range(len(tried)):
        result = setup.result_of(setup.rule_of(tried.member(number)))
        measured[number] = (*core_metrics(setup, result), _timing_ratio(setup, result))
        tell(number + 1)
    return Outcome(
        setup.versions(image_tag),
        screened=(packed_metrics(measured), _best(setup, tried, measured)),
    )


def core_of(setup: Setup, rules: Sequence[BaseRule]) -> dict[str, Array]:
    """The core metrics of rules under the same terms on the same prices, by name."""
    rows = np.array([core_metrics(setup, setup.result_of(rule)) for rule in rules], dtype=float)
    return dict(zip(CORE, rows.T, strict=True))


def core_metrics(setup: Setup, result: BacktestResult) -> tuple[float | None, ...]:
    """The values of CORE, equal to those of a run with this result; None becomes NaN in an array of floats."""
    core = result.metrics
    return (
        core.total_return_pct,
        _sharpe_ratio(setup, result),
        core.max_drawdown_pct,
        core.num_trades,
    )


def _sharpe_ratio(setup: Setup, result: BacktestResult) -> float | None:
    """The engine's own, or above a risk-free rate."""
    if result.metrics.sharpe_ratio is None or not setup.request.risk_free_rate:
        return result.metrics.sharpe_ratio
    try:
        return measured_sharpe(setup.measured(result))
    except NoValue:
        return None


def _timing_ratio(setup: Setup, result: BacktestResult) -> float:
    """The Sharpe ratio of choosing the times; NaN where the exposure never changed, and for an emptied account."""
    if result.metrics.sharpe_ratio is None:
        return math.nan
    traded = setup.prices.traded
    path = np.concatenate(([setup.request.initial_capital], result.equity_curve))
    found = timing_over(
        path, result.shares_curve, traded.columns["Close"], traded.timestamps, setup.engine.rates
    )
    try:
        excess = found.excess()
    except NoValue:
        return math.nan
    return float(average(excess) / spread(excess) * math.sqrt(setup.prices.bars_per_year))


def _best(setup: Setup, tried: Combinations, measured: Array) -> dict[str, Any] | None:
    """The combination with the highest Sharpe ratio, with all metrics, and its timing against as many tries by luck."""
    metrics = dict(zip(MEASURED, measured.T, strict=True))
    places = ranked_places(metrics, Ranking("sharpe_ratio", "max"))
    if not len(places):
        return None
    number = int(places[0])
    result, per_year = (
        setup.result_of(setup.rule_of(tried.member(number))),
        setup.prices.bars_per_year,
    )
    found = setup.performance_of(result, trades_of(result, setup.prices.traded))
    ratios = metrics["timing_sharpe_ratio"]
    variance = sharpe_variance((ratios[np.isfinite(ratios)] / per_year**0.5).tolist())
    best = {"number": number, "metrics": found.metrics, "evidence": None}
    try:
        timing = measured_timing(found.metrics, len(result.equity_curve))
    except NoValue:
        return best
    return best | {"evidence": asdict(evidence(timing, variance, len(tried), per_year))}


def train(
    request: RunRequest,
    packed: PackedPrices,
    tried: Combinations,
    ranking: Ranking,
    image_tag: str,
    tell: Callable[[int], None],
) -> Outcome:
    """Try combinations on a training part of a study, each worked out from what its run would store, so that a study
    comes to the same either way; one that fails has no numbers, as a run that fails has no result."""
    setup, names = Setup.of(request, packed), columns_of(ranking)
    bars = setup.prices.bars
    market = Market(bars.times, bars.columns["Close"], rates=setup.engine.rates)
    measured = np.full((len(tried), len(names)), np.nan)
    for number in range(len(tried)):
        try:
            columns = outcome_of(setup, setup.rule_of(tried.member(number)), image_tag).columns
            metrics = json.loads(columns["metrics_json"])["values"]
            values = (metrics.get(name) for name in names[: -len(OF_TRIAL)])
            measured[number] = (
                *values,
                *trial(run_data(columns, request.initial_capital, market)),
            )
        except (JobTimeoutException, MemoryError):
            raise
        except Exception:  # by itself this run would have failed, and the others not
            log.exception("combination_failed number=%d", number)
        tell(number + 1)
    return Outcome(setup.versions(image_tag), screened=(packed_metrics(measured, names), None))
