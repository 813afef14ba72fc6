"""What strangers do is added up in each process, so that nobody can keep the database busy by being refused."""

import logging
import time
from collections import Counter
from threading import Lock

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from adapters.access.audit import count_strangers
from adapters.database import committed

log = logging.getLogger(__name__)

EVERY_S = 1.0  # at most so often a process writes them down; so much is lost when it is killed


class Strangers:
    """Requests by kind and status that the database does not know of yet."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._counted: Counter[tuple[str, int]] = Counter()
        self._lock = Lock()
        self._next = float("-inf")

    def count(self, kind: str, status: int) -> None:
        """One request more."""
        with self._lock:
            self._counted[kind, status] += 1

    def write(self) -> None:
        """Add them to the database's, if there are any and it is time; what cannot be written is kept for the next."""
        with self._lock:
            if not self._counted or time.monotonic() < self._next:
                return
            counted, self._counted = self._counted, Counter()
            self._next = time.monotonic() + EVERY_S
        try:
            committed(self._engine, lambda connection: count_strangers(connection, counted))
        except SQLAlchemyError as error:
            log.warning("strangers_not_counted requests=%d reason=%s", counted.total(), error)
            with self._lock:
                self._counted += counted
