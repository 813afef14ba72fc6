"""Verdicts as one sentence and one of four outcomes: holds, luck, fails, none."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from adapters.metrics.moments import CONFIDENCE, SIGNIFICANCE
from adapters.metrics.timing import percent, versus_constant
from contracts.values import Values

SHORT_BARS = 150  # bars of all test parts together; skill seldom shows in fewer
# measured on GJR-GARCH processes with drift: see "The same bars in random order" in docs/studies.md
VOLATILITY_ALONE = (
    "In markets where falls raise volatility, avoiding volatile times is enough to pass"
    " in up to 18% of cases, not 5%."
)


class Judged(NamedTuple):
    """Outcome and sentence: holds (timing better than luck with CONFIDENCE), luck (maybe), fails (<= 0), none.

    Timing is the return above that of a constant position in the asset.
    """

    outcome: str
    sentence: str


def of_selection(fold: Values, reason: str) -> Judged:
    """Judge whether the best of many is better than luck; `reason` explains a missing number."""
    timing = fold["timing"]
    if timing is None or timing["deflated"] is None:
        return _nothing(timing["notes"]["deflated"] if timing else reason)
    trials = timing["trials"]
    best = f"The best of {trials:,}" if trials > 1 else "The only one tried"
    result = f"{best} is {_versus_constant(timing)}"
    if timing["yearly_pct"] <= 0:
        return Judged("fails", f"{result}.")
    ratio = f"timing Sharpe ratio {_number(timing['sharpe_ratio'])}"
    if trials > 1:
        ratio += f"; expected by luck {_number(timing['luck_sharpe_ratio'])}"
    luck = f"{_luck_alone(timing['deflated'])} ({ratio})."
    if timing["deflated"] < CONFIDENCE:
        return Judged("luck", f"{result}, but {luck}")
    return Judged("holds", f"{result}; {luck}")


def of_test_parts(folds: Sequence[Values], ahead: Values | None, reason: str) -> Judged:
    """Judge whether the choices in sample hold out of sample; `reason` explains a missing number."""
    timing = ahead["timing"] if ahead else None
    if ahead is None or timing is None or timing["deflated"] is None:
        return _nothing(timing["notes"]["probabilistic"] if timing else reason)
    result = f"{_versus_constant(timing)}{_in_folds(folds)}{_sharpes(folds, ahead['evidence'])}"
    short, trials = _short(ahead["bars"]), timing["trials"]
    if timing["yearly_pct"] <= 0:
        return Judged("fails", f"Failed out of sample: {result}.{short}")
    among = f" with the best of the {trials:,} rules tried on these bars" if trials > 1 else ""
    result = f"{result}; {_luck_alone(timing['deflated'])}{among}.{short}"
    if timing["deflated"] >= CONFIDENCE:
        return Judged("holds", f"Held up out of sample: {result}")
    return Judged("luck", f"May be luck out of sample: {result}")


def _luck_alone(skill: float) -> str:
    return f"luck alone would do this well {percent(1 - skill)} of the time"


def _short(bars: int) -> str:
    warning = (
        f" The test is short: {bars} bars, and skill seldom shows in fewer than {SHORT_BARS}."
    )
    return warning if bars < SHORT_BARS else ""


def of_permutations(search: Values, title: str, reason: str) -> Judged:
    """Judge whether the search does better than on shuffled bars; `reason` explains a missing number."""
    failed, p_value = search["failed"], search["p_value"]
    if search["observed"] is None or failed:
        return _nothing(f"{failed:,} of the permutations failed" if failed else reason)
    shuffled = f"{search['above']:,} of {search['permutations']:,} searches of shuffled bars"
    result = (
        f"best {title} {_number(search['observed'])}; {shuffled} did as well (p = {p_value:.3g})"
    )
    if p_value < SIGNIFICANCE:
        return Judged("holds", f"The search beats chance: {result}. {VOLATILITY_ALONE}")
    return Judged("luck", f"The search does no better than chance: {result}.")


def compare_returns(
    holding: str,
    benchmark: str | None,
    return_pct: float,
    buy_hold_pct: float | None,
    benchmark_pct: float | None,
) -> str:
    """Compare the return with buying and holding the asset or assets, named `holding`, and with the benchmark."""
    others = ((holding, buy_hold_pct), (f"benchmark {benchmark}", benchmark_pct))
    comparisons = [f"{name} {_percent(value)}" for name, value in others if value is not None]
    return f"Return {_percent(return_pct)}; {', '.join(comparisons)} (before costs)."


def _versus_constant(timing: Values) -> str:
    return versus_constant(timing["yearly_pct"], timing["average_exposure_pct"])


def _sharpes(folds: Sequence[Values], after: Values | None) -> str:
    """Format the mean Sharpe ratio of the choices in sample, and the ratio out of sample."""
    before = [fold["chosen"][0]["train"]["sharpe_ratio"] for fold in folds if fold["chosen"]]
    ratios = [ratio for ratio in before if ratio is not None]
    if not after or not ratios:
        return ""
    return f" (Sharpe {_number(fmean(ratios))} → {_number(after['sharpe_ratio'])})"


def _in_folds(folds: Sequence[Values]) -> str:
    if len(folds) == 1:
        return ""
    tested = [fold["chosen"][0]["test"] for fold in folds if fold["chosen"]]
    won = sum(run is not None and (run["total_return_pct"] or 0.0) > 0 for run in tested)
    return f"; {won} of {len(folds)} folds made money"


def _nothing(reason: str) -> Judged:
    return Judged("none", f"No verdict: {reason}.")


def _number(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")


def _percent(value: float) -> str:
    return f"{value:z,.1f}%".replace("-", "−")
