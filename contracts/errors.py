"""Faults with a text for users; anything else is an internal error."""

from collections.abc import Mapping


class PlatformError(Exception):
    """Base of all faults with a text for users."""


class InvalidRequest(PlatformError):
    """One or more fields of a request are wrong; `errors` maps each field to its fault."""

    def __init__(
        self, errors: Mapping[str, str], message: str = "the request is not valid"
    ) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class Unknown(PlatformError):
    """Nothing has this name."""


class UnknownRun(Unknown):
    """No run has this run_id."""


class UnknownBatch(Unknown):
    """No run belongs to this batch_id."""


class UnknownStudy(Unknown):
    """No study has this study_id."""


class UnknownScreen(Unknown):
    """No screen has this screen_id."""


class UnknownPortfolio(Unknown):
    """No portfolio has this portfolio_id."""


class UnknownTicker(Unknown):
    """The store has no prices of this ticker and timeframe, or none with this data_hash."""


class BadPrices(PlatformError):
    """The stored prices are damaged: their bytes differ from those that were stored."""


class NoPricesInRange(PlatformError):
    """The ticker has prices, but none between the requested dates."""


class BadParams(PlatformError):
    """The rule refuses params that the web tier accepted."""


class StaleMessage(PlatformError):
    """The message is about an attempt that no longer waits."""


class LeaseLost(PlatformError):
    """Another process has taken over the run; nothing may be written under the old lease."""


class Conflict(PlatformError):
    """The state of the run or plan does not allow the requested change."""


class TryLater(PlatformError):
    """A submission is not accepted now; `retry_after_s` says when to try again."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueFull(TryLater):
    """Too many runs are waiting."""


class BudgetSpent(TryLater):
    """The submission is more than is left of its actor's budget of the day."""


class QueueUnavailable(PlatformError):
    """Redis does not answer."""


class QueueOutOfMemory(QueueUnavailable):
    """Redis answers, but has no memory for another message."""


class DrawingUnavailable(PlatformError):
    """The charts of a run cannot be drawn at the moment."""


class RunTimeout(PlatformError):
    """The run took longer than its time limit."""


class CodeError(PlatformError):
    """The code of a strategy raised an error, gave an answer that is no signal, or ended its process."""


class CodeOutOfMemory(PlatformError):
    """The code of a strategy needed more memory than it may use."""


class LookAhead(PlatformError):
    """A strategy gives another signal when the later bars are withheld."""


class NotDeterministic(PlatformError):
    """A strategy gives other signals when it runs again on the same bars."""


class SealUnavailable(PlatformError):
    """This machine cannot seal the process of a strategy, and the settings do not let it run unsealed."""


class BadReceipt(PlatformError):
    """A receipt is damaged or was changed, or its result cannot be recomputed; the text begins with the place."""


class OlderDatabase(PlatformError):
    """The database was created by an older release whose data this one does not read."""


class InvalidSettings(PlatformError):
    """Settings are missing or wrong; the text lists all of them."""
