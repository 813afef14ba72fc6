"""The verdict in one sentence, and as one of four words: holds, luck, fails, none."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from adapters.results.sharpe_evidence import CONFIDENCE

Json = Mapping[str, Any]


class Judged(NamedTuple):
    """outcome: holds (better than luck with CONFIDENCE), luck (it may be), fails (0 or below), none (no number)."""

    outcome: str
    sentence: str


def of_selection(fold: Json, trials: int, reason: str) -> Judged:
    """Whether the best of many is better than luck; `reason` is why there is no number, if there is none."""
    found = fold["evidence"]
    if found is None or found["deflated"] is None:
        return _nothing(found["notes"]["deflated"] if found else reason)
    chance = _percent(1 - found["deflated"])
    best = f"The best of {trials:,}" if trials > 1 else "The only one tried"
    ratio = f"a Sharpe ratio of {found['sharpe_ratio']:.2f}"
    if found["deflated"] < CONFIDENCE:
        return Judged("luck", f"{best} is what luck gives: {chance} chance of {ratio} or more without any skill.")
    luck = f", where luck alone gives {found['luck_sharpe_ratio']:.2f}" if trials > 1 else ""
    return Judged("holds", f"{best} is better than luck: {ratio}{luck}; {chance} chance of it without any skill.")


def of_test_parts(folds: Sequence[Json], ahead: Json | None, reason: str) -> Judged:
    """Whether what was chosen in sample holds out of sample; `reason` as above."""
    found = ahead["evidence"] if ahead else None
    before = [fold["chosen"][0]["train"]["sharpe_ratio"] for fold in folds if fold["chosen"]]
    known = [ratio for ratio in before if ratio is not None]
    if found is None or found["probabilistic"] is None or not known:
        return _nothing(found["notes"].get("probabilistic", reason) if found else reason)
    tested = f"Sharpe {_signed(fmean(known))} → {_signed(found['sharpe_ratio'])}{_in_folds(folds)}"
    chance = f"{_percent(1 - found['probabilistic'])} chance of that without any skill"
    if found["sharpe_ratio"] <= 0:
        return Judged("fails", f"Does not hold out of sample: {tested}.")
    if found["probabilistic"] >= CONFIDENCE:
        return Judged("holds", f"Holds out of sample: {tested}; {chance}.")
    return Judged("luck", f"May be luck out of sample: {tested}; {chance}.")


def _in_folds(folds: Sequence[Json]) -> str:
    if len(folds) == 1:
        return ""
    tested = [fold["chosen"][0]["test"] for fold in folds if fold["chosen"]]
    won = sum(run is not None and (run["total_return_pct"] or 0.0) > 0 for run in tested)
    return f", with a gain in {won} of {len(folds)} folds"


def _nothing(reason: str) -> Judged:
    return Judged("none", f"Nothing can be said: {reason}.")


def _percent(share: float) -> str:
    """31%, or less than 1%, or more than 99%."""
    whole = round(share * 100)
    return "less than 1%" if whole < 1 else "more than 99%" if whole > 99 else f"{whole}%"


def _signed(ratio: float) -> str:
    return f"{ratio:.2f}".replace("-", "−")
