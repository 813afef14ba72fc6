"""Accept a run: record it, then push its message. The recorded row is the promise; the message can come later."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from adapters.database import committed, reading
from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor, log_context
from adapters.queue.liveness import counted
from adapters.queue.messages import RunMessage
from adapters.queue.run_queue import RunQueue
from adapters.runs.idempotency import has_key, own_key
from adapters.runs.new_runs import NewRun, insert_runs, mark_enqueued
from adapters.settings import Settings
from adapters.tables import RUN, runs
from contracts.errors import Conflict, QueueFull, QueueUnavailable
from contracts.status import Kind, RunStatus
from contracts.values import frozen
from web.ownership import join_batch
from web.queue.glance import Glance
from web.runs.validation import ValidRequest

log = logging.getLogger(__name__)

RETRY_AFTER_S = 30  # what a client is told to wait when the queue is full


@frozen
class Accepted:
    """The run of a request, and whether it existed before."""

    run_id: str
    status: RunStatus
    existed: bool


@dataclass
class Submission:
    """What every way of submitting shares."""

    _engine: Engine
    _queue: RunQueue
    _glance: Glance
    _settings: Settings

    def submit(
        self,
        valid: ValidRequest,
        idempotency_key: str | None = None,
        reproduces: str | None = None,
        kind: Kind = Kind.RUN,
        beside: Callable[[Connection, str], None] = lambda connection, run_id: None,
    ) -> Accepted:
        """Record and enqueue one run; the existing one when the key, or the batch, has this request already.

        beside: what is recorded in the same transaction of a Job of another kind, by its run_id.
        Conflict when the key was used for another request; QueueFull above the configured depth.
        """
        if known := self._by_key(idempotency_key, valid):
            return known
        self.refuse_when_full(1)
        request = replace(valid.request, run_id=str(uuid4()))
        actor = current_actor()
        key = idempotency_key and own_key(idempotency_key, actor)
        new = NewRun(request, valid.request_hash, key, reproduces, actor, kind)

        def record(connection: Connection) -> None:
            if request.batch_id:
                join_batch(connection, request.batch_id)
            insert_runs(connection, [new])
            beside(connection, new.run_id)

        try:
            committed(self._engine, record)
        except DuplicateKey as error:
            return self._existing(error, valid, idempotency_key)
        with log_context(run_id=new.run_id, batch_id=request.batch_id, attempt=1):
            log.info("run_accepted rule=%s ticker=%s", request.rule_id, request.ticker)
            self.enqueue([new.message])
        return Accepted(new.run_id, RunStatus.PENDING, existed=False)

    def refuse_when_full(self, new_runs: int) -> None:
        """QueueFull when so many more runs would wait than are allowed; without Redis those in the database count."""
        limit = self._settings.max_queue_depth
        depth = self._glance.ask(lambda queue: queue.depth())
        if depth is None:
            with reading(self._engine) as connection:
                depth = counted(connection, RunStatus.PENDING)
        if depth + new_runs > limit:
            raise QueueFull(
                f"{depth} runs wait already, and at most {limit} may; try again later",
                RETRY_AFTER_S,
            )

    def enqueue(self, messages: Sequence[RunMessage]) -> None:
        """Push messages of recorded runs; when that fails the reconciler does it later."""
        if not self._glance.answers:
            log.warning(
                "enqueue_postponed runs=%d reason=Redis did not answer a moment ago",
                len(messages),
            )
            return
        try:
            self._queue.enqueue(messages)
            with self._engine.begin() as connection:
                mark_enqueued(connection, messages)
        except (QueueUnavailable, DBAPIError) as error:
            log.warning("enqueue_postponed runs=%d reason=%s", len(messages), error)

    def _existing(
        self, error: DuplicateKey, valid: ValidRequest, idempotency_key: str | None
    ) -> Accepted:
        """The run that made an insert fail: somebody sent the same key, or the same request in the batch."""
        known = self._by_key(idempotency_key, valid) or self._known(
            valid, RUN.batch_id == valid.request.batch_id, RUN.request_hash == valid.request_hash
        )
        if known is None:
            raise error
        return known

    def _by_key(self, idempotency_key: str | None, valid: ValidRequest) -> Accepted | None:
        if not idempotency_key:
            return None
        return self._known(valid, has_key(runs, idempotency_key, current_actor()))

    def _known(self, valid: ValidRequest, *conditions: ColumnElement[bool]) -> Accepted | None:
        """The run of this request that was recorded before; Conflict where it is of another request."""
        query = select(*RUN["run_id", "status", "request_hash"]).where(*conditions)
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.request_hash != valid.request_hash:
            raise Conflict("this Idempotency-Key was used for a different request")
        return Accepted(row.run_id, RunStatus(row.status), existed=True)
