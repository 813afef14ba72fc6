"""Closed lists: states of a run, kinds of Jobs and plans, reasons of failure."""

from enum import StrEnum


class RunStatus(StrEnum):
    """State of a run: PENDING → RUNNING → SUCCEEDED | FAILED, forward only within one attempt."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def is_terminal(self) -> bool:
        """True when this attempt cannot change any more."""
        return self in (RunStatus.SUCCEEDED, RunStatus.FAILED)

    @property
    def public(self) -> str:
        """The word that the HTTP API uses for this state."""
        return "completed" if self is RunStatus.SUCCEEDED else self.value.lower()


class Kind(StrEnum):
    """Kind of a Job: its work between claim and finish."""

    RUN = "run"  # one backtest
    SCREEN = "screen"  # a grid of parameters; only metrics are stored
    # a grid on the same bars in random orders; the best of each order is stored
    PERMUTATION = "permutation"
    PORTFOLIO = "portfolio"  # completed legs in one account
    # combinations of a study on a training part; what the verdict needs is stored
    TRAINING = "training"
    ROBUSTNESS = "robustness"  # variations of a completed run


class ErrorType(StrEnum):
    """Reason why a run is FAILED."""

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
    # of a strategy in Python
    CODE_ERROR = "code_error"
    LOOK_AHEAD = "look_ahead"
    NOT_DETERMINISTIC = "not_deterministic"


class PlanKind(StrEnum):
    """Kind of a plan."""

    BATCH = "batch"  # runs that were submitted together
    SCREEN = "screen"  # a grid of parameters, one Job for each ticker
    STUDY = "study"  # runs and searches that end in a verdict
    PORTFOLIO = "portfolio"  # runs of legs, then one account
    ROBUSTNESS = "robustness"  # one Job with variations of a completed run
