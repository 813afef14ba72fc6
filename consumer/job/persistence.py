"""Writes that wait out a database outage."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from sqlalchemy import Connection, Engine

from adapters.database import retry
from adapters.database_errors import is_transient

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


def persist(
    engine: Engine,
    write: Callable[[Connection], T],
    patience_s: float,
    is_pointless: Callable[[], bool] = lambda: False,
) -> T:
    """Return the result of `write` in its own committed transaction; retry for `patience_s` while the database is away.

    `write` must be guarded, so that repeating it after a commit whose answer got lost changes nothing. The last
    OperationalError is raised after `patience_s`, or once `is_pointless` returns True.
    """
    pauses_s = _pauses_until(time.monotonic() + patience_s)
    return retry(
        engine, write, pauses_s, lambda error: is_transient(error) and not is_pointless()
    )


def _pauses_until(deadline: float) -> Iterator[float]:
    """Doubling pauses up to the longest, as long as the next one ends before the deadline."""
    pause_s = _FIRST_PAUSE_S
    while time.monotonic() + pause_s <= deadline:
        yield pause_s
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
