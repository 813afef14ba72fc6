"""The closed lists of what a run can be: its states, its kinds, and why it failed."""

from enum import StrEnum


class RunStatus(StrEnum):
    """PENDING → RUNNING → SUCCEEDED | FAILED, forward only within one attempt."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """True when nothing will change this attempt any more."""
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED)

    @property
    def public(self) -> str:
        """The word that the HTTP API uses for this state."""
        return "completed" if self is RunStatus.SUCCEEDED else self.value.lower()


class Kind(StrEnum):
    """What a Job does between claim and finish."""

    RUN = "run"  # one backtest
    SCREEN = "screen"  # a grid of parameters, of which the metrics alone are kept
    # a grid on the same bars in random order, of which the best of each order is kept
    PERMUTATION = "permutation"
    PORTFOLIO = "portfolio"  # legs that have run, in one account
    # combinations of a study on a training part, of which what its verdict needs is kept
    TRAINING = "training"


class ErrorType(StrEnum):
    """Why a run is FAILED."""

    NO_PRICES = "no_prices"
    BAD_PRICES = "bad_prices"
    BAD_PARAMS = "bad_params"
    ENGINE_ERROR = "engine_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CANCELLED = "cancelled"
    WORKER_LOST = "worker_lost"
    HANDBACKS = "handed_back_too_often"
    SYSTEM_ERROR = "system_error"


class PlanKind(StrEnum):
    """What a plan is."""

    BATCH = "batch"  # runs that were submitted together
    SCREEN = "screen"  # a grid of parameters, one Job for each ticker
    STUDY = "study"  # runs and searches that end in a verdict
    PORTFOLIO = "portfolio"  # legs that have run, then one account
