"""The queue for what pages only say of it: given up quickly, so that a page without Redis is a page all the same."""

from collections.abc import Callable
from time import monotonic
from typing import TypeVar

from adapters.queue.run_queue import RunQueue
from adapters.settings import Settings
from contracts.errors import QueueUnavailable

PATIENCE_S = 1.0  # with Redis, which answers within milliseconds
AWAY_S = 2.0  # in which nobody else waits for a Redis that has just not answered
T = TypeVar("T")


class Glance:
    """Asks of one web process; None while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queue = RunQueue(settings, PATIENCE_S)
        self._away_until = 0.0

    @property
    def answers(self) -> bool:
        """Whether Redis was not found to be away a moment ago."""
        return monotonic() >= self._away_until

    def ask(self, question: Callable[[RunQueue], T]) -> T | None:
        """What the queue answers."""
        if not self.answers:
            return None
        try:
            return question(self._queue)
        except QueueUnavailable:
            self._away_until = monotonic() + AWAY_S
            return None
