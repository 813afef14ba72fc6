"""Errors of the client."""

from collections.abc import Mapping


class BacktestsError(Exception):
    """Base of all errors of this package."""


class BadInput(BacktestsError):
    """The input is wrong, and nothing was sent; `faults` has one line for each fault."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Refused(BacktestsError):
    """The platform refused the request.

    code: the HTTP status, 400 to 499. message: the platform's sentence. errors: its faults by field, of many runs by
    `<number of the run, from 1>.<field>`; empty when it names no field.
    """

    def __init__(self, code: int, message: str, errors: Mapping[str, str]) -> None:
        super().__init__(
            "\n".join(f"{field}: {fault}" for field, fault in errors.items()) or message
        )
        self.code, self.message, self.errors = code, message, dict(errors)


class Unreachable(BacktestsError):
    """The address does not answer, or not as the platform does, or only with an internal error (HTTP 5xx)."""
