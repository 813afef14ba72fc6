"""A study: a plan of many backtests that ends in a verdict. A new field has a default; none is removed or renamed."""

from dataclasses import asdict, field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from contracts.run_request import Closed
from contracts.values import Json, Values, frozen, frozen_by_name

# method of verdicts: 1, a Sharpe ratio above 0; 2, better than a constant position; 3, the same by Student's t, so
# that a few lucky bars prove nothing, and a p-value of exactly 0.05 does not pass; 4, better than the largest of
# everything that was ever tried on the same bars
VERDICT_METHOD = 4

TRAINED_AT_ONCE = 100  # combinations of a study that one Job tries, within a second or two

PERMUTED_AT_ONCE = 25  # orders of the bars that one Job searches

Kind = Literal["selection", "holdout", "walk_forward", "permutation"]


class StudyStatus(StrEnum):
    """State of a study: ACCEPTED → TRAINING → TESTING → JUDGING → COMPLETED; before that also FAILED or CANCELLED.

    COMPLETED → JUDGING when a new verdict by a later method is requested; it then always ends as COMPLETED.
    """

    ACCEPTED = "ACCEPTED"
    TRAINING = "TRAINING"
    TESTING = "TESTING"
    JUDGING = "JUDGING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def public(self) -> str:
        """The word that the HTTP API uses."""
        return self.value.lower()

    @property
    def is_terminal(self) -> bool:
        """True when the state cannot change any more."""
        return self in (StudyStatus.COMPLETED, StudyStatus.FAILED, StudyStatus.CANCELLED)


@frozen_by_name
class StudyRequest(Closed):
    """Request of a study.

    base: a run's request without run_id, params, batch_id, label and charts; its dates are those of the whole study.
    combinations: complete params, each tried on each training part. metric, goal, constraints, by_neighbourhood: how
    the best is chosen. holdout_share: for kind holdout, the last part of the dates as a fraction. chosen: the number
    of combinations that the holdout tries. train_days, test_days: for kind walk_forward, the calendar days of a fold;
    anchored: every training part begins with the study. seed: of all random draws. permutations: for kind
    permutation, the number of orders of the bars in which the search is repeated. legs: of a rotation, whose
    combinations are fields of Sharing: the assets, each with ticker, data_hash, first_date and last_date.
    """

    kind: Kind
    base: Json
    combinations: Annotated[list[Json], MinLen(1)]
    name: Annotated[str, MinLen(1), MaxLen(64)] = "Study"
    metric: str = "sharpe_ratio"
    goal: Literal["max", "min"] | None = None
    constraints: Annotated[list[str], MaxLen(20)] = field(default_factory=list)
    by_neighbourhood: bool = False
    holdout_share: Annotated[float, Gt(0), Lt(1)] = 0.3
    chosen: Annotated[int, Ge(1), Le(20)] = 1
    train_days: Annotated[int, Ge(1), Le(36_525)] = 730
    test_days: Annotated[int, Ge(1), Le(36_525)] = 182
    anchored: bool = False
    seed: Annotated[int, Ge(0), Lt(2**32)] = 0
    permutations: Annotated[int, Ge(19), Le(10_000)] = 1000
    legs: Annotated[list[Json], MaxLen(500)] = field(default_factory=list)


@frozen
class StudyWindow:
    """A training part and the test part after it, each as first and last day, both included."""

    train: tuple[str, str]
    test: tuple[str, str] | None  # None in a study of kind selection or permutation


@frozen
class StudyPlan:
    """A validated request with all that follows from it; the leader works from it.

    request.base is a complete run request with its prices named by data_hash; no two combinations trade alike.
    """

    request: StudyRequest
    windows: tuple[StudyWindow, ...]

    def to_json(self) -> Json:
        """Return this plan as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Values) -> "StudyPlan":
        """Return the plan that `to_json` wrote."""
        windows = (
            StudyWindow(tuple(w["train"]), tuple(w["test"]) if w["test"] else None)
            for w in values["windows"]
        )
        return cls(StudyRequest(**values["request"]), tuple(windows))

    @property
    def trials(self) -> int:
        """Number of trials on all training parts."""
        return len(self.windows) * len(self.request.combinations)

    @property
    def training_jobs(self) -> int:
        """Number of Jobs of the training parts and of permutations."""
        return len(self.windows) * len(self.training_groups) + len(self.permuted_groups)

    @property
    def permutations(self) -> int:
        """Number of other orders of the bars in which the search is repeated."""
        return self.request.permutations if self.request.kind == "permutation" else 0

    @property
    def tried(self) -> int:
        """Number of trials on all training parts and on all other orders of the bars."""
        return self.trials + self.permutations * len(self.request.combinations)

    @property
    def permuted_groups(self) -> list[range]:
        """Numbers of the permutations that each Job searches."""
        return _groups(self.permutations, PERMUTED_AT_ONCE)

    @property
    def training_groups(self) -> list[range]:
        """Indexes of the combinations that each Job tries together."""
        return _groups(len(self.request.combinations), TRAINED_AT_ONCE)

    @property
    def test_runs(self) -> int:
        """Largest number of runs on the test parts."""
        chosen = min(self.chosen, len(self.request.combinations))
        return sum(chosen for window in self.windows if window.test)

    @property
    def repeats_training(self) -> bool:
        """True where Jobs run the chosen combinations again on their training parts, for the verdict.

        Its process does it for other rules, but must not run a strategy in Python.
        """
        return bool(self.request.base.get("rule_type") == "PYTHON")

    @property
    def last_runs(self) -> int:
        """Largest number of Jobs after the choice."""
        chosen = min(self.chosen, len(self.request.combinations))
        return self.test_runs + self.repeats_training * chosen * len(self.windows)

    @property
    def chosen(self) -> int:
        """Number of combinations of each training part that are tried on its test part."""
        return self.request.chosen if self.request.kind == "holdout" else 1


def _groups(count: int, at_once: int) -> list[range]:
    return [range(first, min(first + at_once, count)) for first in range(0, count, at_once)]
