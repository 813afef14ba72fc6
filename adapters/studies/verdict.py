"""The verdict of a study: what its runs prove, in numbers with their inputs, and in one sentence.

A number that would mean nothing is null, and `notes` has the reason under its name.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

from adapters.batches.flat_params import flat_params
from adapters.metrics.measured import DAY_S, Array, NoValue, average
from adapters.metrics.returns import cagr
from adapters.metrics.sharpe_evidence import evidence, sharpe_variance
from adapters.metrics.table import METRICS_BY_NAME
from adapters.metrics.timing import Timing
from adapters.studies.overfitting import BLOCKS, overfitting
from adapters.studies.path import Market, RunData, Stitched, measured_sharpe, stitched
from adapters.studies.permuted import Permuted
from adapters.studies.resampling import bootstrap, shuffled_trades
from adapters.studies.sentence import beside, of_permutations, of_selection, of_test_parts
from adapters.studies.trials import Training, Tried
from contracts.study import VERDICT_METHOD, StudyPlan
from contracts.values import Json

SAMPLES = 2000  # of the bootstrap and of the orders of trades

Load = Callable[[str], RunData | None]  # of a run_id; None for a run that has not succeeded


def verdict_of(
    plan: StudyPlan,
    choices: Sequence[Json],
    training: Training,
    market: Market,
    load: Load,
    permuted: Permuted | None = None,
) -> Json:
    """The verdict as JSON. choices: what the leader chose in each window; load: the runs of test parts; permuted: what
    the same search came to in other orders of the bars, of a study of that kind."""
    return _Verdict(plan, choices, training, market, load, permuted).made()


@dataclass
class _Verdict:
    """One verdict in the making; `notes` collects the reasons of what has no value."""

    _plan: StudyPlan
    _choices: Sequence[Json]
    _training: Training
    _market: Market
    _load: Load
    _permuted: Permuted | None
    _notes: dict[str, str] = field(default_factory=dict)

    def made(self) -> Json:
        folds = [self._fold(number) for number in range(len(self._plan.windows))]
        subject = self._subject()
        ahead = self._ahead(subject) if subject and self._plan.windows[0].test else None
        reasons = ("folds.0", "folds.0.timing", "out_of_sample", "out_of_sample.timing")
        reason = next(
            (self._notes[name] for name in reasons if name in self._notes), "a number is missing"
        )
        if self._permuted:
            found = of_permutations(
                self._permuted, METRICS_BY_NAME[self._plan.request.metric].title, reason
            )
        elif self._plan.windows[0].test:
            found = of_test_parts(folds, ahead, reason)
        else:
            found = of_selection(folds[0], self._plan.trials, reason)
        return {
            "method": VERDICT_METHOD,
            "outcome": found.outcome,
            "sentence": found.sentence,
            "beside": self._beside(subject) if subject else None,
            "trials": self._plan.trials,
            "folds": folds,
            "out_of_sample": ahead,
            "equity": subject.encoded(self._plan.request.base["timeframe"]) if subject else None,
            "bootstrap": self._known("bootstrap", lambda: self._bootstrap(subject)),
            "shuffled_trades": self._known("shuffled_trades", lambda: self._shuffled(subject)),
            "parameters": list(_parameters(folds)),
            "permutation": self._permuted.to_json() if self._permuted else None,
            "notes": self._notes,
        }

    def _known(self, name: str, compute: Callable[[], Any]) -> Any:
        try:
            return compute()
        except NoValue as reason:
            self._notes[name] = str(reason)
            return None

    def _fold(self, number: int) -> Json:
        """One window: what was tried and chosen there, how much luck alone gives, and what came of it afterwards."""
        window, choice = self._plan.windows[number], self._choices[number]
        tried = self._training.tried(number)
        chosen = [self._chosen(each, number) for each in choice["chosen"]]
        place = f"folds.{number}"
        if not chosen:
            self._notes[place] = "no combination traded, has the metric and keeps the constraints"
        best = self._trained(number)
        return {
            "train": window.train,
            "test": window.test,
            "eligible": choice["eligible"],
            "failed": choice["failed"],
            "with_sharpe": len(tried.sharpes),
            "chosen": chosen,
            "timing": self._known(f"{place}.timing", lambda: self._timing_of_best(best, tried)),
            "evidence": self._known(f"{place}.evidence", lambda: self._evidence(best, tried)),
            "overfitting": self._known(f"{place}.overfitting", lambda: _overfitting(tried)),
        }

    def _trained(self, number: int) -> RunData | None:
        """What the first choice of a window came to on its training part."""
        chosen = self._choices[number]["chosen"]
        return self._training.best(chosen[0], number) if chosen else None

    def _tested(self, number: int) -> RunData | None:
        """What it came to on its test part."""
        chosen = self._choices[number]["chosen"]
        return self._load(chosen[0]["test_run"]) if chosen else None

    def _evidence(self, best: RunData | None, tried: Tried) -> Json:
        if best is None:
            raise NoValue("nothing was chosen")
        variance = sharpe_variance(tried.sharpes)
        return asdict(evidence(best.sharpe(), variance, self._plan.trials, best.bars_per_year))

    def _timing_of_best(self, best: RunData | None, tried: Tried) -> Json:
        if best is None:
            raise NoValue("nothing was chosen")
        variance = sharpe_variance(tried.timing)
        return _timed(
            best.timing, best.timing.excess(), variance, self._plan.trials, best.bars_per_year
        )

    def _chosen(self, each: Json, number: int) -> Json:
        """A combination that was chosen, with what it came to."""
        tested = self._load(each["test_run"]) if each["test_run"] else None
        parts = {"train": self._training.best(each, number), "test": tested}
        shown = (
            "sharpe_ratio",
            "total_return_pct",
            "cagr",
            "max_drawdown_pct",
            "num_trades",
            "buy_hold_return_pct",
        )
        measured = {
            part: {name: run.metrics[name] for name in shown} if run else None
            for part, run in parts.items()
        }
        return {**each, **measured}

    def _subject(self) -> Stitched | None:
        """What the verdict is about: the test parts of the first choices, or the choice itself where none is tested."""
        part = self._tested if self._plan.windows[0].test else self._trained
        runs = [part(number) for number in range(len(self._choices))]
        sound = [run for run in runs if run and run.is_sound]
        if not sound:
            self._notes["out_of_sample"] = "no chosen combination has a run to be judged by"
            return None
        if len(sound) < len(self._choices):
            self._notes["equity"] = (
                f"{len(self._choices) - len(sound)} of {len(self._choices)} parts are missing"
            )
        return stitched(sound, float(self._plan.request.base["risk_free_rate"]))

    def _ahead(self, subject: Stitched) -> Json:
        """Out of sample: amounts, Sharpe ratio and its probability; of one path, so nothing is deflated."""
        ratio = self._known("out_of_sample.evidence", subject.sharpe)
        bars_per_year = subject.measured.periods_per_year
        return {
            "bars": subject.measured.bars,
            "amounts": self._known("out_of_sample.amounts", subject.amounts),
            "timing": self._known(
                "out_of_sample.timing", lambda: _timed_ahead(subject.timing, bars_per_year)
            ),
            "evidence": asdict(evidence(ratio, None, 1, bars_per_year)) if ratio else None,
            "efficiency": self._known("out_of_sample.efficiency", self._efficiency),
        }

    def _beside(self, subject: Stitched) -> Json:
        """What came of the money, and of money that bought and held, before costs; in percent over the same bars."""
        base, run, market = self._plan.request.base, subject.measured, self._market
        return_pct = float(run.path[-1] / run.path[0] - 1.0) * 100.0
        buy_hold_pct, benchmark_pct = (
            market.growth_pct(subject.times, each) for each in (market.closes, market.benchmark)
        )
        return {
            "return_pct": return_pct,
            "buy_hold_pct": buy_hold_pct,
            "benchmark_pct": benchmark_pct,
            "sentence": beside(
                base["ticker"], base["benchmark"], return_pct, buy_hold_pct, benchmark_pct
            ),
        }

    def _efficiency(self) -> float:
        """Yearly growth of the test parts over that of the training parts of the same choices.

        Growth rates are logarithmic, of all parts together over all their years. Pardo (2008), The Evaluation and
        Optimization of Trading Strategies, calls it walk-forward efficiency.
        """
        trained, tested = ([*self._growths(part)] for part in (self._trained, self._tested))
        in_sample, ahead = (
            math.fsum(g for g, _ in each) / math.fsum(y for _, y in each)
            for each in (trained, tested)
        )
        if in_sample <= 0:
            raise NoValue("the choices did not grow in sample")
        return ahead / in_sample

    def _growths(self, part: Callable[[int], RunData | None]) -> Iterator[tuple[float, float]]:
        """Logarithmic growth and years of the first choice's run in each window."""
        for number in range(len(self._choices)):
            run = part(number)
            if run is None or not run.is_sound:
                raise NoValue("a part is missing, or its account was emptied")
            first, last = run.times[[0, -1]] // DAY_S
            yield (
                math.fsum(map(math.log1p, run.returns.tolist())),
                float(last - first + 1) / 365.25,
            )

    def _bootstrap(self, subject: Stitched | None) -> Json:
        if subject is None:
            raise NoValue("there is nothing to resample")
        run = subject.measured
        found = bootstrap(
            subject.returns,
            run.years,
            run.periods_per_year,
            run.bar_rate,
            self._plan.request.seed,
            SAMPLES,
        )
        if self._known("bootstrap.cagr", lambda: cagr(run)) is None:
            found["cagr"] = None
        return found

    def _shuffled(self, subject: Stitched | None) -> Json:
        if subject is None:
            raise NoValue("there is nothing to shuffle")
        return shuffled_trades(subject.trade_steps, self._plan.request.seed, SAMPLES)


def _timed(
    timing: Timing, excess: Array, variance: float | None, trials: int, bars_per_year: float
) -> Json:
    """What choosing the times proves, as the best of so many trials; with its yearly return and usual exposure."""
    return {
        **asdict(evidence(measured_sharpe(excess), variance, trials, bars_per_year)),
        "yearly_pct": average(excess) * bars_per_year * 100.0,
        "average_exposure_pct": timing.average_exposure() * 100.0,
    }


def _timed_ahead(timing: Timing, bars_per_year: float) -> Json:
    """The same of one path out of sample: above its exposure of all its time or of its past, whichever proves less."""
    both = [
        _timed(timing, excess, None, 1, bars_per_year)
        for excess in (timing.excess(), timing.excess_over_past())
    ]
    return min(both, key=lambda each: float(each["sharpe_ratio"]))


def _overfitting(tried: Tried) -> Json:
    if not len(tried.sums):
        raise NoValue("no run is long enough to be split into blocks")
    return overfitting(tried.sums, tried.bars // BLOCKS)


def _parameters(folds: Sequence[Json]) -> Iterator[Json]:
    """Each parameter with its values by fold (the first choices), how many differ, and how often it changed."""
    chosen = [flat_params(fold["chosen"][0]["params"]) for fold in folds if fold["chosen"]]
    for name in dict.fromkeys(name for params in chosen for name in params):
        values = [params.get(name) for params in chosen]
        changes = sum(before != after for before, after in pairwise(values))
        yield {
            "name": name,
            "values": values,
            "distinct": len(set(map(repr, values))),
            "changes": changes,
        }
