"""Jobs that try a whole grid on the same prices: a screen, a study's training part, and its search in permuted bars."""

import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from rq.timeouts import JobTimeoutException

from adapters.metrics.measured import STEADY, Array, NoValue, average
from adapters.metrics.risk import measured_sharpe, spread
from adapters.metrics.sharpe_evidence import sharpe_variance, timing_evidence
from adapters.metrics.table import computed, performance
from adapters.metrics.timing import measured_timing, timing_over
from adapters.plans.combinations import (
    CORE,
    MEASURED,
    Combinations,
    packed_metrics,
    ranked_places,
)
from adapters.plans.ranking import Ranking
from adapters.studies.path import Market, run_data
from adapters.studies.trials import OF_TRIAL, trial
from consumer.kinds.backtest import Outcome, outcome_of, trades_of
from consumer.kinds.setup import Setup
from consumer.leader.study_jobs import BEST, columns_of
from contracts.status import Kind
from contracts.values import Json
from engine.engine import BacktestResult
from rules.base import BaseRule

log = logging.getLogger(__name__)


Tell = Callable[[int], None]  # hears how many are done


def try_all(
    setup: Setup,
    kind: Kind,
    asked: tuple[Combinations, Ranking, Mapping[str, int] | None],
    tell: Tell,
) -> Outcome:
    """What a Job of one of these kinds comes to; asked: what is tried, ranked by what, in which orders of the bars."""
    tried, ranking, permuted = asked
    best = None
    if permuted:
        metrics = permute(setup, tried, ranking, permuted, tell)
    elif kind is Kind.TRAINING:
        metrics = train(setup, tried, ranking, tell)
    else:
        metrics, best = screen(setup, tried, tell)
    return Outcome(setup.versions, screened=(metrics, best))


def screen(setup: Setup, tried: Combinations, tell: Tell) -> tuple[bytes, Json | None]:
    """The metrics of every combination, and all that a run knows of the best one; PlatformError as for a run."""
    measured = np.empty((len(tried), len(MEASURED)))
    for number in range(len(tried)):
        result = setup.result_of(setup.rule(tried.member(number)))
        timing = _value("timing_sharpe_ratio", partial(_timing_ratio, setup, result))
        measured[number] = (*core_metrics(setup, result), timing)
        tell(number + 1)
    return packed_metrics(measured), _best(setup, tried, measured)


def core_of(setup: Setup, rules: Sequence[BaseRule]) -> dict[str, Array]:
    """The core metrics of rules under the same terms on the same prices, by name."""
    rows = np.array([core_metrics(setup, setup.result_of(rule)) for rule in rules], dtype=float)
    return dict(zip(CORE, rows.T, strict=True))


def core_metrics(setup: Setup, result: BacktestResult) -> tuple[float | None, ...]:
    """The values of CORE, equal to those of a run with this result; None becomes NaN in an array of floats."""
    core, ratio = result.metrics, result.metrics.sharpe_ratio
    if ratio is not None and setup.request.risk_free_rate:
        ratio = _value("sharpe_ratio", lambda: measured_sharpe(setup.measured(result)))
    return core.total_return_pct, ratio, core.max_drawdown_pct, core.num_trades


def _value(name: str, compute: Callable[[], float]) -> float:
    """NaN where a metric has no value."""
    value, _ = computed(name, compute)
    return math.nan if value is None else value


def _timing_ratio(setup: Setup, result: BacktestResult) -> float:
    """The Sharpe ratio of choosing the times; NoValue where the exposure never changed, and for an emptied account."""
    if result.metrics.sharpe_ratio is None:
        raise NoValue(STEADY)
    traded = setup.prices.traded
    path = np.concatenate(([setup.request.initial_capital], result.equity_curve))
    excess = timing_over(
        path, result.shares_curve, traded.columns["Close"], traded.timestamps, setup.engine.rates
    ).excess()
    return average(excess) / spread(excess) * math.sqrt(setup.prices.bars_per_year)


def _best(setup: Setup, tried: Combinations, measured: Array) -> Json | None:
    """The combination with the highest Sharpe ratio, with all metrics, and its timing against as many tries by luck."""
    metrics = dict(zip(MEASURED, measured.T, strict=True))
    places = ranked_places(metrics, Ranking("sharpe_ratio", "max"))
    if not len(places):
        return None
    number, per_year = int(places[0]), setup.prices.bars_per_year
    result = setup.result_of(setup.rule(tried.member(number)))
    found = performance(setup.measured(result, trades_of(result, setup.prices.traded)))
    ratios = metrics["timing_sharpe_ratio"]
    variance = sharpe_variance((ratios[np.isfinite(ratios)] / per_year**0.5).tolist())
    best = {"number": number, "metrics": found.metrics, "evidence": None}
    try:
        timing = measured_timing(found.metrics, len(result.equity_curve))
    except NoValue:
        return best
    return best | {"evidence": timing_evidence(timing, variance, len(tried), per_year)}


def train(setup: Setup, tried: Combinations, ranking: Ranking, tell: Tell) -> bytes:
    """What combinations come to on a training part of a study, each worked out from what its run would store, so that a
    study comes to the same either way; one that fails has no numbers, as a run that fails has no result."""
    names, bars = columns_of(ranking), setup.prices.bars
    market = Market(bars.times, bars.columns["Close"], rates=setup.engine.rates)
    measured = np.full((len(tried), len(names)), np.nan)
    for number in range(len(tried)):
        try:
            columns = outcome_of(setup, setup.rule(tried.member(number))).columns
            metrics = json.loads(columns["metrics_json"])["values"]
            values = (metrics.get(name) for name in names[: -len(OF_TRIAL)])
            as_trial = trial(run_data(columns, setup.request.initial_capital, market))
            measured[number] = (*values, *as_trial)
        except (JobTimeoutException, MemoryError):
            raise
        except Exception:  # by itself this run would have failed, and the others not
            log.exception("combination_failed number=%d", number)
        tell(number + 1)
    return packed_metrics(measured, names)


def permute(
    setup: Setup,
    tried: Combinations,
    ranking: Ranking,
    permuted: Mapping[str, int],
    tell: Tell,
) -> bytes:
    """The best value of each of some permutations; permuted: their seed, the first of them and that after the last.

    What a search finds where there is nothing to find: Masters (2018), Permutation and Randomization Tests for Trading
    System Development; Aronson (2006), Evidence-Based Technical Analysis.
    """
    numbers = range(permuted["first"], permuted["last"])
    bests = np.empty((len(numbers), 1))
    found = bests_of(setup, tried, ranking, permuted["seed"], numbers)
    for done, best in enumerate(found, start=1):
        bests[done - 1] = best
        tell(done)
    return packed_metrics(bests, (BEST,))


def bests_of(
    setup: Setup, tried: Combinations, ranking: Ranking, seed: int, numbers: range
) -> Iterator[float]:
    """What the whole search finds best in each permutation; the worst there is where nothing has a place."""
    worst = -np.inf if ranking.goal == "max" else np.inf
    rules = [setup.rule(tried.member(number)) for number in range(len(tried))]
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        shuffled = setup.on(permuted_bars(setup.prices.bars.columns, setup.prices.first_bar, rng))
        metrics = core_of(shuffled, rules)
        places = ranked_places(metrics, ranking)
        yield float(metrics[ranking.metric][places[0]]) if len(places) else worst


def permuted_bars(
    columns: Mapping[str, Array], first_bar: int, rng: np.random.Generator
) -> dict[str, Array]:
    """The bars after the first traded one in random order: the gaps between bars by themselves, their shapes together.

    First and last price, and the distribution of returns, stay; bars before, which warm the rules up, are as they were.
    Products in the order of the bars, so that the same seed gives the same bits on every CPU.
    """
    opens, high, low, close, volume = (
        columns[name] for name in ("Open", "High", "Low", "Close", "Volume")
    )
    start = first_bar + 1
    gaps, shapes = (rng.permutation(len(close) - start) for _ in range(2))
    steps = np.empty(2 * len(gaps) + 1)
    steps[0] = close[first_bar]
    steps[1::2] = (opens[start:] / close[first_bar:-1])[gaps]
    steps[2::2] = (close[start:] / opens[start:])[shapes]
    path = np.multiply.accumulate(steps)
    found = {"Open": path[1::2], "Close": path[2::2], "Volume": volume[start:][shapes]}
    for name, column, furthest in (("High", high, np.maximum), ("Low", low, np.minimum)):
        reached = found["Open"] * (column[start:] / opens[start:])[shapes]
        found[name] = furthest(reached, found["Close"])
    return {name: np.concatenate((columns[name][:start], found[name])) for name in found}
