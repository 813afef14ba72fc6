"""The repairs that one pass of the reconciler makes; each is guarded, so that two at once do no harm."""

import logging
import time
from contextlib import suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from adapters.database import portions, reading
from adapters.logs import log_context
from adapters.queue.messages import Attempt, attempt_of
from adapters.queue.run_queue import RunQueue
from adapters.runs.lost_runs import (
    expired_leases,
    live_attempts,
    messages_for,
    overdue_attempts,
    unqueueable,
)
from adapters.runs.new_runs import mark_enqueued
from adapters.runs.states import Lease, give_up, lose
from adapters.settings import Settings
from contracts.errors import QueueOutOfMemory, QueueUnavailable, StaleMessage
from contracts.status import ErrorType, RunStatus

log = logging.getLogger(__name__)

_BATCH = 500  # runs per round trip to Redis
_WRITES = 100  # runs per transaction; SQLite's other writers wait for it


class Repairs:
    """What has to be done so that each accepted run ends, whatever died."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._queue = RunQueue(settings)
        self._queue_away_since: float | None = None
        self._popped: set[str] = set()  # messages that were popped at the last pass
        self._over: set[str] = set()  # popped messages that were over at the last pass

    def make(self) -> None:
        """One pass over everything but leases; without the queue, only what the database alone can repair."""
        try:
            self._enqueue_missing()
        except QueueUnavailable as error:
            return self._without_queue(error)
        self._queue_away_since = None
        try:
            self._clean_queue()
        except DBAPIError:
            raise
        except Exception as error:  # whatever strangers have put there; no run waits for that, so none is given up
            log.warning("queue_not_cleaned reason=%r", error)

    # Leases

    def retry_lost(self) -> None:
        """Give runs whose process went silent their next attempt and its message; without Redis a pass sends that."""
        lost = self._expire_leases()
        with suppress(QueueUnavailable):
            self.enqueue(lost)

    def _expire_leases(self) -> list[str]:
        """Give runs whose process went silent their next attempt; returns those run_ids."""
        again = list[str]()
        while True:
            with self._engine.begin() as connection:
                expired = expired_leases(connection, _WRITES)
                again += [each.run_id for each in expired if self._lose(connection, each)]
            if len(expired) < _WRITES:
                return again

    def _lose(self, connection: Connection, expired: Lease) -> bool:
        """Whether there is a next attempt."""
        reason = "its process was not heard of in time"
        with log_context(run_id=expired.run_id, attempt=expired.attempt):
            status = lose(connection, expired, self._settings.max_losses, reason)
            log.warning("lease_expired status=%s", status)
            return status is RunStatus.PENDING

    # Messages

    def _enqueue_missing(self) -> None:
        """Put every waiting run on the queue that should be there and is not."""
        # the list is read first: whoever is popped from here on is still taken for waiting
        on_queue = set(self._queue.waiting_ids()) | self._just_popped()
        try:
            with reading(self._engine) as connection:
                missing = [
                    each.run_id
                    for each in overdue_attempts(connection, self._settings.enqueue_grace_s)
                    if each.job_id not in on_queue
                ]
            self.enqueue(missing)
        except QueueOutOfMemory as error:
            if not on_queue:
                raise  # nothing that is popped will make room
            log.warning("queue_full waiting=%d reason=%s", len(on_queue), error)

    def _just_popped(self) -> set[str]:
        """Messages that nobody had popped at the last pass; their runs are PENDING until the claim, in a moment."""
        try:
            popped = self._queue.popped_ids()
        except QueueUnavailable:  # or a stranger's value is there, of which the cleaning speaks
            return set()
        fresh, self._popped = popped - self._popped, popped
        return fresh

    def enqueue(self, run_ids: list[str]) -> None:
        """Put those of the runs on the queue that are waiting; QueueUnavailable while Redis is away."""
        for some in portions(run_ids, _BATCH):
            with reading(self._engine) as connection:
                messages = messages_for(connection, some)
            if not messages:
                continue
            self._queue.enqueue(messages)
            with self._engine.begin() as connection:
                mark_enqueued(connection, messages)
            for message in messages:
                with log_context(run_id=message.run_id, attempt=message.attempt):
                    log.info("enqueued")

    # What is left in Redis

    def _clean_queue(self) -> None:
        """Forget popped messages whose attempt is over, once two passes in a row have seen them."""
        over = self._over_ids()
        # seen once only: its own process may just be putting it away
        if forgotten := over & self._over:
            self._queue.forget(forgotten)
            log.info("messages_forgotten count=%d", len(forgotten))
        self._over = over - forgotten
        self._queue.expire()

    def _over_ids(self) -> set[str]:
        over = self._queue.popped_ids()
        for chunk in portions(sorted(over), _BATCH):
            run_ids = list[str]()
            for job_id in chunk:
                with suppress(ValueError):  # a stranger's
                    run_ids.append(attempt_of(job_id).run_id)
            with reading(self._engine) as connection:
                live = live_attempts(connection, run_ids)
            over -= {each.job_id for each in live}
        return over

    # Without Redis

    def _without_queue(self, error: QueueUnavailable) -> None:
        """Remember since when the queue is away, and FAIL what has waited for it too long."""
        now = time.monotonic()
        since = self._queue_away_since = self._queue_away_since or now
        log.warning("queue_unreachable for_s=%.0f reason=%s", now - since, error)
        patience_s = self._settings.pending_timeout_s
        while now - since >= patience_s:
            with self._engine.begin() as connection:
                waiting = unqueueable(connection, patience_s, _WRITES)
                for each in waiting:
                    self._give_up(connection, each)
            if len(waiting) < _WRITES:
                return

    def _give_up(self, connection: Connection, waiting: Attempt) -> None:
        message = f"the queue could not be reached for {self._settings.pending_timeout_s:.0f} s"
        with log_context(run_id=waiting.run_id, attempt=waiting.attempt):
            try:
                give_up(connection, waiting, ErrorType.SYSTEM_ERROR, message)
            except StaleMessage:
                return  # somebody works on it after all
            log.error("run_given_up reason=%s", message)
