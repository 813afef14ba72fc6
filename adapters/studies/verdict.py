"""Verdict of a study, in numbers with their inputs and in one sentence.

A number that would be meaningless is null, and `notes` has the reason under its name.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

from adapters.metrics.moments import (
    Array,
    NoValue,
    average,
    evidence,
    sharpe_variance,
    timing_evidence,
)
from adapters.metrics.returns import cagr
from adapters.metrics.table import METRICS_BY_NAME
from adapters.metrics.timing import Timing
from adapters.plans.ranking import flat_params
from adapters.runs.series import encode_equity
from adapters.studies.luck import evidence_among
from adapters.studies.path import (
    BLOCKS,
    RunData,
    Stitched,
    StudyMarket,
    Tried,
    measured_sharpe,
    overfitting,
    stitched,
    yearly_growth,
)
from adapters.studies.resampling import bootstrap, shuffled_trades
from adapters.studies.sentence import (
    Judged,
    compare_returns,
    of_permutations,
    of_selection,
    of_test_parts,
)
from adapters.studies.trials import Tries
from contracts.study import VERDICT_METHOD, StudyPlan
from contracts.values import Json, side_by_side

COUNT_ERROR = 0.8  # of the number of trials, as a sample shows it
SAMPLES = 2000  # samples of the bootstrap, and orders of trades
SHOWN = (
    "sharpe_ratio",
    "total_return_pct",
    "cagr",
    "max_drawdown_pct",
    "num_trades",
    "buy_hold_return_pct",
)

Part = Literal["train", "test"]
Load = Callable[[Part, int, Json], RunData | None]
PARTS: tuple[Part, Part] = ("train", "test")
NOTHING_SOUND = {
    "out_of_sample": "no chosen combination has a run to be judged by",
    "bootstrap": "there is nothing to resample",
    "shuffled_trades": "there is nothing to shuffle",
}


@dataclass
class Verdict:
    """Computation of a verdict; `notes` collects the reasons for missing numbers.

    choices: of the leader, by window; tried: the trials of each window. load: returns the run of a chosen combination
    on a part of a window, None if it failed. permuted: of a permutation study, the result of the search in other orders
    of the bars. tries: returns the trials that read bars at these times of each part, whoever made them.
    """

    plan: StudyPlan
    choices: Sequence[Json]
    tried: Sequence[Tried]
    market: StudyMarket
    load: Load
    permuted: Json | None = None
    tries: Callable[[Sequence[Array]], Tries] = lambda times: Tries()
    notes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> Json:
        """Compute the verdict as JSON."""
        folds = [self._fold(number) for number in range(len(self.choices))]
        of_subject = self._of_subject()
        judged = self._judged(folds, of_subject["out_of_sample"])
        return {
            "method": VERDICT_METHOD,
            "outcome": judged.outcome,
            "sentence": judged.sentence,
            "trials": self.plan.trials,
            "folds": folds,
            **of_subject,
            "parameters": list(_parameters(folds)),
            "permutation": self.permuted,
            "notes": self.notes,
        }

    def _noted(self, name: str, compute: Callable[..., Any], *arguments: Any) -> Any:
        """Compute a number; None, with the reason in `notes`, if it has no value."""
        try:
            return compute(*arguments)
        except NoValue as reason:
            self.notes[name] = str(reason)
            return None

    def _judged(self, folds: Sequence[Json], ahead: Json | None) -> Judged:
        reasons = ("folds.0", "folds.0.timing", "out_of_sample", "out_of_sample.timing")
        noted = (self.notes[name] for name in reasons if name in self.notes)
        reason = next(noted, "a number is missing")
        if self.permuted:
            title = METRICS_BY_NAME[self.plan.request.metric].title
            return of_permutations(self.permuted, title, reason)
        if self.plan.windows[0].test:
            return of_test_parts(folds, ahead, reason)
        return of_selection(folds[0], reason)

    def _fold(self, number: int) -> Json:
        """Describe a window: its trials and choices, the evidence against luck, and the results on the test part."""
        choice, tried, place = self.choices[number], self.tried[number], f"folds.{number}"
        chosen = [self._chosen(number, each) for each in choice["chosen"]]
        if choice["failed"] == len(self.plan.request.combinations):
            self.notes[place] = "every combination failed; a run of one of them says why"
        elif not chosen:
            self.notes[place] = "no combination traded, has the metric and keeps the constraints"
        return {
            **asdict(self.plan.windows[number]),
            "eligible": choice["eligible"],
            "failed": choice["failed"],
            "with_sharpe": len(tried.sharpes),
            "chosen": chosen,
            "timing": self._noted(f"{place}.timing", self._timing, number),
            "evidence": self._noted(f"{place}.evidence", self._evidence, number),
            "overfitting": self._noted(f"{place}.overfitting", _overfitting, tried),
        }

    def _chosen(self, number: int, each: Json) -> Json:
        """Return a chosen combination with its metrics on each part."""
        runs = ((part, self.load(part, number, each)) for part in PARTS)
        return each | {
            part: {name: run.metrics[name] for name in SHOWN} if run else None
            for part, run in runs
        }

    @cached_property
    def firsts(self) -> dict[Part, list[RunData | None]]:
        """Runs of the first choice of each window, by part."""
        chosen = [choice["chosen"] for choice in self.choices]
        return {
            part: [
                self.load(part, number, each[0]) if each else None
                for number, each in enumerate(chosen)
            ]
            for part in PARTS
        }

    def _best(self, number: int) -> RunData:
        """Return the run of the first choice of a window on its training part."""
        if best := self.firsts["train"][number]:
            return best
        raise NoValue("nothing was chosen")

    def _timing(self, number: int) -> Json:
        best, trained = self._best(number), self.tried[number].timing
        timed = _timed(
            best.timing, best.timing.excess(), self.tries([best.times]), best.bars_per_year
        )
        if timed["trials"] >= len(trained) * COUNT_ERROR:
            return timed
        # trials that are older than the ledger
        measured = measured_sharpe(best.timing.excess())
        variance, per_year = sharpe_variance(trained), best.bars_per_year
        return timed | timing_evidence(measured, variance, self.plan.trials, per_year)

    def _evidence(self, number: int) -> Json:
        best, variance = self._best(number), sharpe_variance(self.tried[number].sharpes)
        return evidence(best.sharpe(), variance, self.plan.trials, best.bars_per_year)

    def _of_subject(self) -> Json:
        """Describe the subject of the verdict: the test parts of the first choices, or an untested choice."""
        base, is_tested = self.plan.request.base, self.plan.windows[0].test is not None
        runs = self.firsts["test" if is_tested else "train"]
        sound = [run for run in runs if run and run.is_sound]
        if not sound:
            self.notes |= NOTHING_SOUND
            return dict.fromkeys(("beside", "equity", *NOTHING_SOUND))
        if missing := len(self.choices) - len(sound):
            self.notes["equity"] = f"{missing} of {len(self.choices)} parts are missing"
        subject, seed = stitched(sound, float(base["risk_free_rate"])), self.plan.request.seed
        return {
            "beside": self._comparison(subject),
            "out_of_sample": self._ahead(subject, self.tries([run.times for run in sound]))
            if is_tested
            else None,
            "equity": encode_equity(
                subject.times,
                subject.measured.path[1:],
                base["timeframe"],
                float(subject.measured.path[0]),
            ),
            "bootstrap": self._noted("bootstrap", self._bootstrap, subject, seed),
            "shuffled_trades": self._noted(
                "shuffled_trades", shuffled_trades, subject.trade_steps, seed, SAMPLES
            ),
        }

    def _ahead(self, subject: Stitched, tries: Tries) -> Json:
        """Describe the test parts: amounts, Sharpe ratio and its probability as the best of all that read them."""
        run = subject.measured
        bars_per_year, returns = run.periods_per_year, subject.returns
        ratio = self._noted("out_of_sample.evidence", measured_sharpe, returns, run.bar_rate)
        return {
            "bars": run.bars,
            "amounts": self._noted("out_of_sample.amounts", subject.amounts),
            "timing": self._noted(
                "out_of_sample.timing", _timed_ahead, subject.timing, tries, bars_per_year
            ),
            "evidence": evidence(ratio, None, 1, bars_per_year) if ratio else None,
            "efficiency": self._noted("out_of_sample.efficiency", self._efficiency),
        }

    def _comparison(self, subject: Stitched) -> Json:
        """Compare the return with buying and holding, before costs, in percent over the same bars."""
        base, market, times = self.plan.request.base, self.market, subject.times
        benchmark_pct = None
        if market.benchmark is not None:
            place = "beside.benchmark_pct"
            benchmark_pct = self._noted(place, market.growth_pct, times, market.benchmark)
        percents: Json = {
            "return_pct": subject.return_pct,
            "buy_hold_pct": market.growth_pct(times, market.closes),
            "benchmark_pct": benchmark_pct,
        }
        holding = "the same assets held equally" if self.plan.request.legs else "buy-and-hold"
        sentence = compare_returns(holding, base["benchmark"], **percents)
        return percents | {"sentence": sentence}

    def _efficiency(self) -> float:
        """Ratio of the yearly growth of the test parts to that of the training parts of the same choices.

        Growth is logarithmic, of all parts together over all their years. Pardo (2008), The Evaluation and
        Optimization of Trading Strategies, calls it walk-forward efficiency.
        """
        in_sample, ahead = (yearly_growth(self.firsts[part]) for part in PARTS)
        if in_sample <= 0:
            raise NoValue("the choices did not grow in sample")
        return ahead / in_sample

    def _bootstrap(self, subject: Stitched, seed: int) -> Json:
        run = subject.measured
        intervals = bootstrap(
            subject.returns, run.years, run.periods_per_year, run.bar_rate, seed, SAMPLES
        )
        if self._noted("bootstrap.cagr", cagr, run) is None:
            intervals["cagr"] = None
        return intervals


def _timed(timing: Timing, excess: Array, tries: Tries, bars_per_year: float) -> Json:
    """Evidence of timing, as the best of these trials; with its yearly return and mean exposure."""
    return {
        **evidence_among(timing, excess, tries, bars_per_year),
        "yearly_pct": average(excess) * bars_per_year * 100.0,
        "average_exposure_pct": average(timing.exposures) * 100.0,
    }


def _timed_ahead(timing: Timing, tries: Tries, bars_per_year: float) -> Json:
    """Evidence of timing of one path, above its usual or its past exposure, whichever has the lower Sharpe ratio."""
    both = [
        _timed(timing, excess, tries, bars_per_year)
        for excess in (timing.excess(), timing.excess_over_past())
    ]
    return min(both, key=lambda each: float(each["sharpe_ratio"]))


def _overfitting(tried: Tried) -> Json:
    if not len(tried.sums):
        raise NoValue("no run is long enough to be split into blocks")
    return overfitting(tried.sums, tried.bars // BLOCKS)


def _parameters(folds: Sequence[Json]) -> Iterator[Json]:
    """Yield each parameter with its values by fold (first choices), and counts of distinct values and changes."""
    chosen = [flat_params(fold["chosen"][0]["params"]) for fold in folds if fold["chosen"]]
    for name, values in side_by_side(chosen).items():
        changes = sum(before != after for before, after in pairwise(values))
        yield {
            "name": name,
            "values": values,
            "distinct": len(set(map(repr, values))),
            "changes": changes,
        }
