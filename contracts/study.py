"""A study: a plan of many backtests that ends in a verdict. A new field has a default; none is removed or renamed."""

from dataclasses import asdict, field
from enum import StrEnum
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from contracts.run_request import Closed
from contracts.values import Json, Values, frozen, frozen_by_name

# of verdicts: 1, a Sharpe ratio above 0; 2, better than holding the same share; 3, the same by Student's t, in which a
# few lucky bars prove nothing, and a p-value of exactly 0.05 does not hold
VERDICT_METHOD = 3

TRAINED_AT_ONCE = 100  # combinations of a study that one Job tries, within a second or two

PERMUTED_AT_ONCE = 25  # orders of the bars that one Job searches

Kind = Literal["selection", "holdout", "walk_forward", "permutation"]


class StudyStatus(StrEnum):
    """ACCEPTED → TRAINING → TESTING → JUDGING → COMPLETED; FAILED or CANCELLED from any but the last.

    COMPLETED → JUDGING when somebody asks for a new verdict by a later method; then it ends as COMPLETED in any case.
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
        """True when nothing will change it any more."""
        return self in (StudyStatus.COMPLETED, StudyStatus.FAILED, StudyStatus.CANCELLED)


@frozen_by_name
class StudyRequest(Closed):
    """What is to be studied.

    base: a run's request without run_id, params, batch_id, label and charts; its dates are those of the whole study.
    combinations: complete params, of which each is tried on each training part. metric, goal, constraints,
    by_neighbourhood: how one is chosen. holdout_share: the last part of the dates, as a fraction, of kind holdout.
    chosen: how many combinations the holdout tries. train_days, test_days: calendar days of a fold of kind
    walk_forward; anchored: every training part begins with the study. seed: of all that is drawn at random. train_by:
    whether each combination is a run on a training part, or a row of a screen, of which no receipt is kept.
    permutations: in how many orders of the bars the search is repeated, of kind permutation.
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
    train_by: Literal["screens", "runs"] = "screens"
    permutations: Annotated[int, Ge(19), Le(10_000)] = 1000

    @classmethod
    def from_json(cls, values: Values) -> "StudyRequest":
        """The request of a stored plan; before there were screens each combination was a run."""
        return cls(**({"train_by": "runs"} | dict(values)))


@frozen
class Window:
    """A training part and the test part behind it, each as first and last day, both included."""

    train: tuple[str, str]
    test: tuple[str, str] | None  # None in a study of kind selection or permutation


@frozen
class StudyPlan:
    """A checked request with all that follows from it: what the leader works from.

    request.base is a whole run request, its prices named by data_hash; combinations differ in what they do.
    """

    request: StudyRequest
    windows: tuple[Window, ...]

    def to_json(self) -> Json:
        """This plan as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Values) -> "StudyPlan":
        """The plan that `to_json` wrote."""
        windows = (
            Window(tuple(w["train"]), tuple(w["test"]) if w["test"] else None)
            for w in values["windows"]
        )
        return cls(StudyRequest.from_json(values["request"]), tuple(windows))

    @property
    def by_runs(self) -> bool:
        """Whether each combination is a run on a training part."""
        return self.request.train_by == "runs"

    @property
    def trials(self) -> int:
        """Everything that is tried on the training parts."""
        return len(self.windows) * len(self.request.combinations)

    @property
    def training_jobs(self) -> int:
        """Jobs of the training parts, and of permutations."""
        return len(self.windows) * len(self.training_groups) + len(self.permuted_groups)

    @property
    def permutations(self) -> int:
        """In how many other orders of the bars the search is repeated."""
        return self.request.permutations if self.request.kind == "permutation" else 0

    @property
    def permuted_groups(self) -> list[range]:
        """The numbers of the permutations that one Job searches."""
        return _groups(self.permutations, PERMUTED_AT_ONCE)

    @property
    def training_groups(self) -> list[range]:
        """The places of the combinations that one Job tries together."""
        at_once = 1 if self.by_runs else TRAINED_AT_ONCE
        return _groups(len(self.request.combinations), at_once)

    @property
    def test_runs(self) -> int:
        """The most runs of the test parts."""
        chosen = min(self.chosen, len(self.request.combinations))
        return sum(chosen for window in self.windows if window.test)

    @property
    def chosen(self) -> int:
        """How many combinations of each training part are tried on its test part."""
        return self.request.chosen if self.request.kind == "holdout" else 1


def _groups(count: int, at_once: int) -> list[range]:
    return [range(first, min(first + at_once, count)) for first in range(0, count, at_once)]
