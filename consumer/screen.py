"""A screen: what every combination of a grid comes to on the same prices; of the best one all that a run knows."""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from rq.timeouts import JobTimeoutException

from adapters.batches.flat_params import with_params
from adapters.batches.leaderboard import Ranking
from adapters.metrics.measured import Array, NoValue, average
from adapters.metrics.performance import ANALYSIS_VERSION
from adapters.metrics.risk import measured_sharpe, spread
from adapters.metrics.sharpe_evidence import evidence, sharpe_variance
from adapters.metrics.timing import timing_over
from adapters.metrics.timing_words import measured_timing
from adapters.prices.packing import PackedPrices
from adapters.screens.columns import MEASURED, Combinations, packed_metrics, ranked_places
from adapters.studies.path import Market, run_data
from adapters.studies.trials import OF_TRIAL, trial
from consumer.backtest import Outcome, outcome_of, plain_trades, with_excursions
from consumer.setup import Setup
from consumer.training import columns_of
from contracts.run_request import RunRequest
from engine.engine import ENGINE_VERSION, BacktestResult

log = logging.getLogger(__name__)


def screen(
    request: RunRequest, packed: PackedPrices, tried: Combinations, image_tag: str, tell: Callable[[int], None]
) -> Outcome:
    """Try every combination of a request's params; PlatformError as for a run. `tell` hears how many are done."""
    setup = Setup.of(request, packed)
    measured = np.empty((len(tried), len(MEASURED)))
    for number in range(len(tried)):
        measured[number] = _measured(setup, _result_of(setup, tried, number))
        tell(number + 1)
    columns = {
        "data_hash": packed.data_hash,
        "engine_version": ENGINE_VERSION,
        "analysis_version": ANALYSIS_VERSION,
        "image_tag": image_tag,
    }
    return Outcome(columns, screened=(packed_metrics(measured), _best(setup, tried, measured)))


def _result_of(setup: Setup, tried: Combinations, number: int) -> BacktestResult:
    return setup.result_of(setup.rule(with_params(setup.request.params, tried.member(number))))


def _measured(setup: Setup, result: BacktestResult) -> tuple[float | None, ...]:
    """The values of MEASURED, equal to those of a run with this result; None becomes NaN in an array of floats."""
    core = result.metrics
    sharpe, timing = core.sharpe_ratio, None
    if sharpe is not None:  # an account that was emptied, or never moved, has none
        try:
            if setup.request.risk_free_rate:
                sharpe = measured_sharpe(setup.measured(result))
            timing = _timing_ratio(setup, result)
        except NoValue:
            pass
    return core.total_return_pct, sharpe, core.max_drawdown_pct, core.num_trades, timing


def _timing_ratio(setup: Setup, result: BacktestResult) -> float:
    """The Sharpe ratio of choosing the times; NoValue where the exposure never changed."""
    traded = setup.prices.traded
    path = np.concatenate(([setup.request.initial_capital], result.equity_curve))
    found = timing_over(path, result.shares_curve, traded.columns["Close"], traded.timestamps, setup.rates)
    excess = found.excess()
    return float(average(excess) / spread(excess) * math.sqrt(setup.prices.bars_per_year))


def _best(setup: Setup, tried: Combinations, measured: Array) -> dict[str, Any] | None:
    """The combination with the highest Sharpe ratio, with all metrics, and its timing against as many tries by luck."""
    metrics = dict(zip(MEASURED, measured.T, strict=True))
    places = ranked_places(metrics, Ranking("sharpe_ratio", "max"))
    if not len(places):
        return None
    number = int(places[0])
    result, per_year = _result_of(setup, tried, number), setup.prices.bars_per_year
    found = setup.performance_of(result, with_excursions(plain_trades(result), setup.prices.traded))
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
    market = Market(bars.times, bars.columns["Close"], rates=setup.rates)
    measured = np.full((len(tried), len(names)), np.nan)
    columns: dict[str, Any] = {}
    for number in range(len(tried)):
        try:
            columns = outcome_of(setup, setup.rule(tried.member(number)), image_tag).columns
            metrics = json.loads(columns["metrics_json"])["values"]
            values = (metrics.get(name) for name in names[: -len(OF_TRIAL)])
            measured[number] = (*values, *trial(run_data(columns, request.initial_capital, market)))
        except (JobTimeoutException, MemoryError):
            raise
        except Exception:
            log.exception("combination_failed number=%d", number)
        tell(number + 1)
    receipt = ("data_hash", "engine_version", "analysis_version", "image_tag")
    kept = {name: columns[name] for name in receipt if name in columns}
    return Outcome(kept, screened=(packed_metrics(measured, names), None))
