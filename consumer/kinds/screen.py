"""Jobs that try a whole grid on the same prices: screen, training part of a study, and search in permuted bars."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from rq.timeouts import JobTimeoutException

from adapters.metrics.moments import (
    STEADY,
    Array,
    NoValue,
    average,
    sharpe_variance,
    spread,
    timing_evidence,
)
from adapters.metrics.risk import measured_sharpe
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
from adapters.studies.path import OF_TRIAL, RunData, StudyMarket, run_data, trial
from adapters.studies.trials import Trials
from consumer.kinds.backtest import JobResult, run_rule, trades_of
from consumer.kinds.setup import Setup
from consumer.leader.studies import BEST, columns_of
from contracts.status import Kind
from contracts.values import Json
from engine.engine import BacktestResult
from rules.base import BaseRule

log = logging.getLogger(__name__)

Report = Callable[[int], None]  # is called with the number of combinations that are done


def run_search(
    setup: Setup,
    kind: Kind,
    search: tuple[Combinations, Ranking, Mapping[str, int] | None],
    report: Report,
) -> JobResult:
    """Run a Job of one of these kinds. search: its combinations, their ranking, and the permutations, if any."""
    tried, ranking, permuted = search
    best, trials = None, setup.trials()
    if permuted:
        metrics = permute(setup, tried, ranking, permuted, report)
    elif kind is Kind.TRAINING:
        setup.expect(tried)
        metrics = train(partial(_trained, setup, trials), tried, ranking, report)
    else:
        metrics, best = screen(setup, tried, report, trials)
    return JobResult(
        setup.versions, screened=(metrics, best), trials=None if permuted else trials
    )


def screen(
    setup: Setup, tried: Combinations, report: Report, trials: Trials
) -> tuple[bytes, Json | None]:
    """Packed metrics of every combination, and all metrics of the best one; PlatformError as for a run."""
    measured = np.empty((len(tried), len(MEASURED)))
    setup.expect(tried)
    for number in range(len(tried)):
        rule = setup.rule(tried.member(number))
        result = setup.result_of(rule)
        shares = result.shares_curve  # each access computes it
        trials.add(rule.spec.name, rule.params, shares)
        timing = _value("timing_sharpe_ratio", partial(_timing_ratio, setup, result, shares))
        measured[number] = (*core_metrics(setup, result), timing)
        report(number + 1)
    return packed_metrics(measured), _best(setup, tried, measured)


def core_of(setup: Setup, rules: Sequence[BaseRule]) -> dict[str, Array]:
    """Core metrics of the rules by name, each (rules,), under the same terms on the same prices."""
    rows = np.array([core_metrics(setup, setup.result_of(rule)) for rule in rules], dtype=float)
    return dict(zip(CORE, rows.T, strict=True))


def core_metrics(setup: Setup, result: BacktestResult) -> tuple[float | None, ...]:
    """Values of CORE, equal to those of a run with this result; None becomes NaN in an array of floats."""
    core, ratio = result.metrics, result.metrics.sharpe_ratio
    if ratio is not None and setup.request.risk_free_rate:
        ratio = _value("sharpe_ratio", lambda: measured_sharpe(setup.metric_inputs(result)))
    return core.total_return_pct, ratio, core.max_drawdown_pct, core.num_trades


def _value(name: str, compute: Callable[[], float]) -> float:
    """Compute a metric; NaN where it has no value."""
    value, _ = computed(name, compute)
    return math.nan if value is None else value


def _timing_ratio(setup: Setup, result: BacktestResult, shares: Array) -> float:
    """Sharpe ratio of the timing; NoValue where the exposure never changed, and for an account that lost everything."""
    if result.metrics.sharpe_ratio is None:
        raise NoValue(STEADY)
    traded = setup.prices.traded
    path = np.concatenate(([setup.request.initial_capital], result.equity_curve))
    excess = timing_over(
        path, shares, traded.columns["Close"], traded.timestamps, setup.engine.rates
    ).excess()
    return average(excess) / spread(excess) * math.sqrt(setup.prices.bars_per_year)


def _best(setup: Setup, tried: Combinations, measured: Array) -> Json | None:
    """The combination with the highest Sharpe ratio: all metrics, and its timing compared with as many lucky tries."""
    metrics = dict(zip(MEASURED, measured.T, strict=True))
    places = ranked_places(metrics, Ranking("sharpe_ratio", "max"))
    if not len(places):
        return None
    number, per_year = int(places[0]), setup.prices.bars_per_year
    result = setup.result_of(setup.rule(tried.member(number)))
    best = performance(setup.metric_inputs(result, trades_of(result, setup.prices.traded)))
    ratios = metrics["timing_sharpe_ratio"]
    variance = sharpe_variance((ratios[np.isfinite(ratios)] / per_year**0.5).tolist())
    row = {"number": number, "metrics": best.metrics, "evidence": None}
    try:
        timing = measured_timing(best.metrics, len(result.equity_curve))
    except NoValue:
        return row
    return row | {"evidence": timing_evidence(timing, variance, len(tried), per_year)}


def _trained(setup: Setup, trials: Trials, member: Json) -> RunData:
    """Return the run of one combination, from the columns that it would store: a study has one result either way."""
    bars = setup.prices.bars
    market = StudyMarket(bars.times, bars.columns["Close"], rates=setup.engine.rates)
    columns = run_rule(setup, setup.rule(member), trials).columns
    return run_data(columns, setup.request.initial_capital, market)


def train(
    run: Callable[[Json], RunData], tried: Combinations, ranking: Ranking, report: Report
) -> bytes:
    """Packed metrics of all combinations on a training part of a study; NaN for a combination that fails.

    run: of one combination.
    """
    names = columns_of(ranking)
    measured = np.full((len(tried), len(names)), np.nan)
    for number in range(len(tried)):
        try:
            tried_run = run(tried.member(number))
            values = (tried_run.metrics.get(name) for name in names[: -len(OF_TRIAL)])
            measured[number] = (*values, *trial(tried_run))
        except (JobTimeoutException, MemoryError):
            raise
        except Exception:  # as a run of its own only this combination would have failed
            log.exception("combination_failed number=%d", number)
        report(number + 1)
    return packed_metrics(measured, names)


def permute(
    setup: Setup,
    tried: Combinations,
    ranking: Ranking,
    permuted: Mapping[str, int],
    report: Report,
) -> bytes:
    """Packed best value of each permutation. permuted: their seed, the first number, and the one after the last.

    They show how well the search does where there is nothing to find: Masters (2018), Permutation and Randomization
    Tests for Trading System Development; Aronson (2006), Evidence-Based Technical Analysis.
    """
    numbers = range(permuted["first"], permuted["last"])
    bests = np.empty((len(numbers), 1))
    setup.expect(tried)
    values = bests_of(setup, tried, ranking, permuted["seed"], numbers)
    for done, best in enumerate(values, start=1):
        bests[done - 1] = best
        report(done)
    return packed_metrics(bests, (BEST,))


def bests_of(
    setup: Setup, tried: Combinations, ranking: Ranking, seed: int, numbers: range
) -> Iterator[float]:
    """Best value of the whole search in each permutation; infinitely bad where no combination is ranked."""
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
    """Shuffle the bars after the first traded one: the gaps between bars, and independently of them their shapes.

    First and last price and the distribution of returns stay; earlier bars, which warm the rules up, are unchanged.
    Prices are multiplied up in the order of the bars, so that the same seed gives the same bits on every CPU.
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
    shuffled = {"Open": path[1::2], "Close": path[2::2], "Volume": volume[start:][shapes]}
    for name, column, extreme in (("High", high, np.maximum), ("Low", low, np.minimum)):
        level = shuffled["Open"] * (column[start:] / opens[start:])[shapes]
        shuffled[name] = extreme(level, shuffled["Close"])
    return {name: np.concatenate((columns[name][:start], shuffled[name])) for name in shuffled}
