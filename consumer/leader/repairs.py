"""The repairs of a reconciler's pass; each is guarded, so that two reconcilers at once do no harm."""

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
    """Repairs after which each accepted run ends, whatever has died."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._queue = RunQueue(settings)
        self._queue_away_since: float | None = None
        self._popped: set[str] = set()  # popped messages as of the last pass
        self._ended: set[str] = set()  # popped messages whose attempt had ended at the last pass

    def make(self) -> None:
        """Make one pass over everything but leases; without the queue, repair only what the database alone allows."""
        try:
            self._enqueue_missing()
        except QueueUnavailable as error:
            return self._without_queue(error)
        self._queue_away_since = None
        try:
            self._clean_queue()
        except DBAPIError:
            raise
        except Exception as error:  # caused by foreign values in Redis; no run waits for the cleanup, so none fails
            log.warning("queue_cleanup_failed reason=%r", error)

    # Leases

    def retry_lost(self) -> None:
        """Start the next attempt of runs whose process went silent; without Redis a later pass sends the message."""
        lost = self._expire_leases()
        with suppress(QueueUnavailable):
            self.enqueue(lost)

    def _expire_leases(self) -> list[str]:
        """Start the next attempt of runs whose process went silent; return their run_ids."""
        retried = list[str]()
        while True:
            with self._engine.begin() as connection:
                expired = expired_leases(connection, _WRITES)
                retried += [each.run_id for each in expired if self._lose(connection, each)]
            if len(expired) < _WRITES:
                return retried

    def _lose(self, connection: Connection, expired: Lease) -> bool:
        """Record the loss of a run; True if there is a next attempt."""
        reason = "its process did not extend its lease in time"
        with log_context(run_id=expired.run_id, attempt=expired.attempt):
            status = lose(connection, expired, self._settings.max_losses, reason)
            log.warning("lease_expired status=%s", status)
            return status is RunStatus.PENDING

    # Messages

    def _enqueue_missing(self) -> None:
        """Enqueue every waiting run that has been missing from the queue for too long."""
        # the list is read first, so that a message popped from here on still counts as waiting
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
                raise  # there is nothing to pop, which would free memory
            log.warning("queue_full waiting=%d reason=%s", len(on_queue), error)

    def _just_popped(self) -> set[str]:
        """Messages popped since the last pass; their runs are PENDING until the claim a moment later."""
        try:
            popped = self._queue.popped_ids()
        except QueueUnavailable:  # or a foreign value is there, which the cleanup logs
            return set()
        new, self._popped = popped - self._popped, popped
        return new

    def enqueue(self, run_ids: list[str]) -> None:
        """Enqueue those of the runs that are waiting; QueueUnavailable while Redis is away."""
        for portion in portions(run_ids, _BATCH):
            with reading(self._engine) as connection:
                messages = messages_for(connection, portion)
            if not messages:
                continue
            self._queue.enqueue(messages)
            with self._engine.begin() as connection:
                mark_enqueued(connection, messages)
            for message in messages:
                with log_context(run_id=message.run_id, attempt=message.attempt):
                    log.info("run_enqueued")

    # Leftovers in Redis

    def _clean_queue(self) -> None:
        """Delete popped messages whose attempt has ended, once two passes in a row have seen them."""
        ended = self._ended_ids()
        # one that was seen once may still be archived by its process
        if deleted := ended & self._ended:
            self._queue.forget(deleted)
            log.info("messages_deleted count=%d", len(deleted))
        self._ended = ended - deleted
        self._queue.expire()

    def _ended_ids(self) -> set[str]:
        ended = self._queue.popped_ids()
        for portion in portions(sorted(ended), _BATCH):
            run_ids = list[str]()
            for job_id in portion:
                with suppress(ValueError):  # a foreign message
                    run_ids.append(attempt_of(job_id).run_id)
            with reading(self._engine) as connection:
                live = live_attempts(connection, run_ids)
            ended -= {each.job_id for each in live}
        return ended

    # Without Redis

    def _without_queue(self, error: QueueUnavailable) -> None:
        """Record since when the queue is away, and FAIL runs that have waited for it too long."""
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
                return  # a process works on it after all
            log.error("run_given_up reason=%s", message)
