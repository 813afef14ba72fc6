"""Verdicts as one sentence and one of four outcomes: holds, luck, fails, none."""

from collections.abc import Sequence
from statistics import fmean
from typing import NamedTuple

from adapters.metrics.moments import CONFIDENCE, SIGNIFICANCE
from adapters.metrics.timing import percent, than_holding
from contracts.values import Values

SHORT_BARS = 150  # bars of all test parts together; skill seldom shows in fewer
# measured on GJR-GARCH processes with drift: see "The same bars in random order" in docs/studies.md
VOLATILITY_ALONE = (
    "In markets where falls raise volatility, avoiding volatile times is enough for this"
    " in up to 18% of cases, not 5%."
)


class Judged(NamedTuple):
    """Outcome and sentence: holds (timing better than luck with CONFIDENCE), luck (maybe), fails (<= 0), none.

    Timing is the return above holding the same share of the asset all the time.
    """

    outcome: str
    sentence: str


def of_selection(fold: Values, trials: int, reason: str) -> Judged:
    """Judge whether the best of many is better than luck; `reason` explains a missing number."""
    timing = fold["timing"]
    if timing is None or timing["deflated"] is None:
        return _nothing(timing["notes"]["deflated"] if timing else reason)
    chance = percent(1 - timing["deflated"])
    best = f"The best of {trials:,}" if trials > 1 else "The only one tried"
    brought = f"{best} brought {_brought(timing)}"
    if timing["yearly_pct"] <= 0:
        return Judged("fails", f"{brought}.")
    ratio = f"timing with a Sharpe ratio of {_number(timing['sharpe_ratio'])}"
    if timing["deflated"] < CONFIDENCE:
        return Judged(
            "luck",
            f"{brought}, which is what luck gives: {chance} chance of {ratio} or more without skill.",
        )
    luck = (
        f", where luck alone gives {_number(timing['luck_sharpe_ratio'])}" if trials > 1 else ""
    )
    return Judged("holds", f"{brought}: {ratio}{luck}; {chance} chance of it without skill.")


def of_test_parts(folds: Sequence[Values], ahead: Values | None, reason: str) -> Judged:
    """Judge whether the choices in sample hold out of sample; `reason` explains a missing number."""
    timing = ahead["timing"] if ahead else None
    if ahead is None or timing is None or timing["probabilistic"] is None:
        return _nothing(timing["notes"]["probabilistic"] if timing else reason)
    tested = f"{_brought(timing)}{_in_folds(folds)}{_sharpes(folds, ahead['evidence'])}"
    if timing["yearly_pct"] <= 0:
        return Judged("fails", f"Does not hold out of sample: {tested}.{_short(ahead['bars'])}")
    chance = f"{percent(1 - timing['probabilistic'])} chance of that without skill"
    short = _short(ahead["bars"])
    if timing["probabilistic"] >= CONFIDENCE:
        return Judged("holds", f"Holds out of sample: {tested}; {chance}.{short}")
    return Judged("luck", f"May be luck out of sample: {tested}; {chance}.{short}")


def _short(bars: int) -> str:
    warning = (
        f" The test is short: {bars} bars, and skill seldom shows in fewer than {SHORT_BARS}."
    )
    return warning if bars < SHORT_BARS else ""


def of_permutations(search: Values, title: str, reason: str) -> Judged:
    """Judge whether the search finds more than in the same bars in random order; `reason` explains a missing number."""
    failed, p_value = search["failed"], search["p_value"]
    if search["observed"] is None or failed:
        return _nothing(f"{failed:,} of the permutations failed" if failed else reason)
    best = f"the best {title} of {_number(search['observed'])}"
    searches = f"{search['above']:,} of {search['permutations']:,} searches"
    reached = f"{searches} of the same bars in random order found as much (p = {p_value:.3g})"
    if p_value < SIGNIFICANCE:
        more = f"The search finds more than chance: beside {best}, {reached}."
        return Judged("holds", f"{more} {VOLATILITY_ALONE}")
    return Judged("luck", f"The search finds what chance gives: beside {best}, {reached}.")


def compare_returns(
    ticker: str,
    benchmark: str | None,
    return_pct: float,
    buy_hold_pct: float | None,
    benchmark_pct: float | None,
) -> str:
    """Compare the return with buying and holding the asset, and with the benchmark."""
    others = (
        (f"buying and holding {ticker}", buy_hold_pct),
        (f"the benchmark {benchmark}", benchmark_pct),
    )
    comparisons = [
        f"{name} brought {'more' if value > return_pct else 'less'} ({_signed(value)}%)"
        for name, value in others
        if value is not None
    ]
    return f"It came to {_signed(return_pct)}%; before costs {' and '.join(comparisons)}."


def _brought(timing: Values) -> str:
    return than_holding(timing["yearly_pct"], timing["average_exposure_pct"])


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
    return f", with a gain in {won} of {len(folds)} folds"


def _nothing(reason: str) -> Judged:
    return Judged("none", f"Nothing can be said: {reason}.")


def _number(value: float) -> str:
    return f"{value:z.2f}".replace("-", "−")


def _signed(value: float) -> str:
    return f"{value:+z,.1f}".replace("-", "−")
