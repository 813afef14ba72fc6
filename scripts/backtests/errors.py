"""What can go wrong between a program and the platform."""

from collections.abc import Mapping


class BacktestsError(Exception):
    """The base of all that this package raises itself."""


class BadInput(BacktestsError):
    """What was given is wrong, and nothing was sent; `faults` has one line for each fault."""

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Refused(BacktestsError):
    """The platform says that the request is wrong.

    code: the HTTP status, 400 to 499. message: the platform's sentence. errors: its faults by field, of many runs by
    `<number of the run, from 1>.<field>`; empty when it names no field.
    """

    def __init__(self, code: int, message: str, errors: Mapping[str, str]) -> None:
        super().__init__(
            "\n".join(f"{field}: {fault}" for field, fault in errors.items()) or message
        )
        self.code, self.message, self.errors = code, message, dict(errors)


class Unreachable(BacktestsError):
    """Nobody answers at the address, or not the platform, or only with a fault of its own (HTTP 5xx)."""
