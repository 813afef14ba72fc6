"""Every fault that a user can understand; anything else is an internal error."""

from collections.abc import Mapping


class PlatformError(Exception):
    """Base of all faults whose text is meant for people."""


class InvalidRequest(PlatformError):
    """One or more fields of a request are wrong; `errors` maps each field to what is wrong with it."""

    def __init__(
        self, errors: Mapping[str, str], message: str = "the request is not valid"
    ) -> None:
        super().__init__(message)
        self.errors = dict(errors)


class Unknown(PlatformError):
    """There is nothing by this name."""


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
    """There are no prices of this ticker and timeframe, or none with this data_hash."""


class BadPrices(PlatformError):
    """The stored prices cannot be read: their bytes are not those that were stored."""


class NoPricesInRange(PlatformError):
    """The ticker has prices, but none between the requested dates."""


class BadParams(PlatformError):
    """The rule refuses its params, though the web tier took them."""


class StaleMessage(PlatformError):
    """The message speaks of an attempt that is not waiting any more."""


class LeaseLost(PlatformError):
    """Another process owns the run by now; nothing may be written under the old lease."""


class Conflict(PlatformError):
    """The run's state does not allow what was asked."""


class QueueFull(PlatformError):
    """Too many runs are waiting; `retry_after_s` says when to try again."""

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QueueUnavailable(PlatformError):
    """Redis does not answer."""


class QueueOutOfMemory(QueueUnavailable):
    """Redis answers, but has no room for a message more."""


class DrawingUnavailable(PlatformError):
    """The charts of a run cannot be drawn just now."""


class RunTimeout(PlatformError):
    """The run took longer than its time limit."""


class OlderDatabase(PlatformError):
    """The database was made by a release whose data this one does not read."""


class InvalidSettings(PlatformError):
    """Settings are missing or wrong; the text lists all of them."""
