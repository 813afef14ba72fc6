"""Writes that wait out a database which is away."""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from adapters.database import is_transient

log = logging.getLogger(__name__)

T = TypeVar("T")
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


def persist(
    engine: Engine,
    write: Callable[[Connection], T],
    patience_s: float,
    is_pointless: Callable[[], bool] = lambda: False,
) -> T:
    """What `write` returns from its own committed transaction; repeated for `patience_s` while the database is away.

    `write` must be guarded, so that a repetition after a commit whose answer got lost changes nothing. The last
    OperationalError is raised when the patience is over, or `is_pointless` says that nobody waits any more.
    """
    deadline = time.monotonic() + patience_s
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            with engine.begin() as connection:
                return write(connection)
        except OperationalError as error:
            if not is_transient(error) or time.monotonic() + pause_s > deadline or is_pointless():
                raise
            log.warning("database_unreachable pause_s=%.1f reason=%s", pause_s, error.orig)
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
