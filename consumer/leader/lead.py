"""The leader among the reconcilers: its election, its repairs, and the plans that it advances."""

import logging
import os
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock, Thread
from typing import NoReturn, Protocol
from uuid import uuid4

from sqlalchemy import Connection, Engine, RowMapping
from sqlalchemy.exc import DBAPIError

from adapters.database import portions, reading
from adapters.database_errors import lacks_schema
from adapters.logs import log_context
from adapters.plans.store import living_plans, plan_row
from adapters.queue.history import give_up_lead, take_lead
from adapters.queue.messages import Attempt, attempt_of
from adapters.queue.run_queue import RunQueue
from adapters.runs.changes import mark_enqueued
from adapters.runs.states import (
    Lease,
    expired_leases,
    give_up,
    live_attempts,
    lose,
    messages_for,
    overdue_attempts,
    unqueueable,
)
from adapters.settings import Settings
from consumer.leader.portfolios import PortfolioSteps
from consumer.leader.studies import StudySteps
from contracts.errors import QueueOutOfMemory, QueueUnavailable, StaleMessage
from contracts.status import ErrorType, PlanKind, RunStatus

log = logging.getLogger("consumer.reconciler")

Enqueue = Callable[[list[str]], None]  # sends the messages of runs by their ids

# of a run's lease, after which a silent leader is replaced: within 10 s by default
LEADS_PER_LEASE = 6
RENEWALS_PER_LEAD = 3
# leases without a `check` after which the work counts as hung and another reconciler takes the lead
LEASES_UNTIL_STUCK = 10
_BATCH = 500  # runs per round trip to Redis
_WRITES = 100  # runs per transaction; SQLite's other writers wait for it


class Lead:
    """Election of one leader among several reconcilers.

    A pass or a study's step may take many seconds on a busy machine, so a thread renews the lead meanwhile: a gap would
    delay the judgement of all leases, since the database may have been away during it.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self.holder = f"{socket.gethostname()[:40]}.{os.getpid()}.{uuid4().hex[:8]}"
        self._lead_s = settings.lease_s / LEADS_PER_LEASE
        self.renewal_s = self._lead_s / RENEWALS_PER_LEAD
        self._renewing = Lock()
        self._thread = Thread(target=self._renew_forever, name="lead", daemon=True)
        self._worked_at = 0.0
        self._leads = False
        self._led_s = 0.0
        self._until = 0.0  # by time.monotonic
        self._awaits_schema = False

    def start(self) -> None:
        """Start the thread, which takes the lead as soon as nobody else has it."""
        self._worked_at = time.monotonic()
        self._thread.start()

    def check(self) -> float | None:
        """Report that the work goes on. Returns the seconds since there is a leader; None unless this process leads."""
        if not self._thread.is_alive():
            raise RuntimeError("the thread that renews the lead has died; its error is above")
        self._worked_at = time.monotonic()
        return self._led_s if self._worked_at < self._until else None

    def give_up(self) -> None:
        """Let another reconciler lead at once, and stop renewing."""
        # where a renewal is waiting for the database, this would wait, too
        if self._renewing.acquire(timeout=self.renewal_s) and self._leads:
            with suppress(DBAPIError):
                give_up_lead(self._engine, self.holder)

    def _renew_forever(self) -> NoReturn:
        stuck_s = LEASES_UNTIL_STUCK * self._settings.lease_s
        while True:
            if time.monotonic() - self._worked_at < stuck_s:
                with self._renewing:
                    self._renew()
            time.sleep(self.renewal_s)

    def _renew(self) -> None:
        started = time.monotonic()
        # a lead that has expired was silent for its whole length
        gap_s = self._settings.lease_s / 2 - self._lead_s
        try:
            led_s = take_lead(
                self._engine, self.holder, self._lead_s, gap_s, self._settings.image_tag
            )
        except DBAPIError as error:
            self._leads = False
            self._report(error)
            return
        leads = led_s is not None
        self._led_s, self._until = led_s or 0.0, started + self._lead_s if leads else 0.0
        if leads != self._leads:
            log.info("lead_%s holder=%s", "taken" if leads else "lost", self.holder)
        self._leads = leads

    def _report(self, error: DBAPIError) -> None:
        """Log a warning, but only one quiet line about a schema that does not exist yet, as in a new installation."""
        if not lacks_schema(error):
            log.warning("pass_failed reason=%s", error.orig)
        elif not self._awaits_schema:
            log.info("schema_missing reason=%s", error.orig)
        self._awaits_schema = lacks_schema(error)


class PlanSteps(Protocol):
    """The steps of one kind of plan; each is one guarded transaction that also inserts the runs of the new state."""

    @property
    def kind(self) -> PlanKind:
        """The kind of these plans."""

    @property
    def living(self) -> Sequence[str]:
        """Statuses in which there is a next step."""

    def advance(self, plan: RowMapping) -> None:
        """Take the next step of a plan, if it is due."""

    def fail(self, connection: Connection, plan: RowMapping, reason: str) -> None:
        """Fail a plan with a reason for users."""


class Plans:
    """All plans that have not ended."""

    def __init__(self, engine: Engine, enqueue: Enqueue) -> None:
        self._engine, self._enqueue = engine, enqueue
        self._kinds: tuple[PlanSteps, ...] = (
            StudySteps(engine, self._send),
            PortfolioSteps(engine, self._send),
        )

    def _send(self, run_ids: list[str]) -> None:
        """Send the messages of runs, unless Redis is away; then the repairs do it later."""
        try:
            self._enqueue(run_ids)
        except QueueUnavailable as error:
            log.warning("enqueue_postponed runs=%d reason=%s", len(run_ids), error)

    def advance(self) -> bool:
        """Take each living plan one step further; True if there is any."""
        is_advancing = False
        for steps in self._kinds:
            with reading(self._engine) as connection:
                plan_ids = living_plans(connection, steps.kind, steps.living)
            for plan_id in plan_ids:
                self._advance(steps, plan_id)
            is_advancing |= bool(plan_ids)
        return is_advancing

    def _advance(self, steps: PlanSteps, plan_id: str) -> None:
        with reading(self._engine) as connection:
            plan = plan_row(connection, steps.kind, plan_id)
        if plan["status"] not in steps.living:  # it ended a moment ago
            return
        try:
            steps.advance(plan)
        except DBAPIError:
            raise
        except Exception as error:  # an error in one plan must not stop the others or the repairs
            log.exception("plan_failed kind=%s plan_id=%s", steps.kind, plan_id)
            name = type(error).__name__
            with self._engine.begin() as connection:
                steps.fail(
                    connection,
                    plan,
                    f"internal error: {name}; the reconciler's log has the trace",
                )


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
        # its process may still archive one that was seen only once
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
                return  # a process is working on it after all
            log.error("run_given_up reason=%s", message)
