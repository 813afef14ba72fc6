"""What can be done to runs: submit, cancel, retry, reproduce, and see one's place in the queue.

A run is accepted by recording it; its message is pushed then. The recorded row is the promise, the message can come
later.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import DBAPIError

from adapters.logs import current_actor, log_context
from adapters.plans.batch import runs_by_hash
from adapters.plans.store import join_batch
from adapters.queue.liveness import count_runs
from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.changes import CANCEL, RETRY
from adapters.runs.idempotency import row_with_key
from adapters.runs.new_runs import NewRun, insert_runs, mark_enqueued, now_waiting
from adapters.runs.queries import run_row
from adapters.runs.turns import most_before
from adapters.tables import Criterion, runs
from contracts.errors import Conflict, QueueFull, QueueUnavailable
from contracts.run_request import RunRequest
from contracts.status import Kind, RunStatus
from contracts.values import Json
from web.app import ask_database, ask_queue, change_database, get_or_insert, platform, stored_key
from web.runs.validation import ValidRequest
from web.security import require_submitter

log = logging.getLogger(__name__)

RETRY_AFTER_S = 30  # what a client is told to wait when the queue is full
# inserts that took longer are stamped anew; it costs a tenth of them, and the reconciler waits for 5 s
SLOW_S = 1.0


def submit_run(valid: ValidRequest, reproduces: str | None = None) -> tuple[str, bool]:
    """Record and enqueue one run, unless the key, or its batch, has this request already; its id, whether it is new.

    Conflict when the key was used for another request; QueueFull above the configured depth.
    """
    new = replace(new_run(valid), idempotency_key=stored_key(), reproduces=reproduces)
    return get_or_insert(partial(_existing_run, new), partial(_insert_run, new))


def _existing_run(new: NewRun) -> str | None:
    """Return the run that the key of a new one, or its batch, has already."""
    if new.idempotency_key and (row := ask_database(row_with_key, runs, new.idempotency_key)):
        if row["request_hash"] != new.request_hash:
            raise Conflict("this Idempotency-Key was used for a different request")
        return str(row["run_id"])
    if new.request.batch_id is None:
        return None
    same = ask_database(runs_by_hash, new.request.batch_id, [new.request_hash])
    return same[new.request_hash]["run_id"] if same else None


def _insert_run(new: NewRun) -> str:
    refuse_when_full(1)
    batch_id, request = new.request.batch_id, new.request
    with log_context(run_id=new.run_id, batch_id=batch_id, attempt=1):
        start_runs([new], partial(join_own_batch, batch_id=batch_id))
        log.info("run_accepted rule=%s ticker=%s", request.rule_id, request.ticker)
    return new.run_id


def new_run(valid: ValidRequest, **changes: Any) -> NewRun:
    """Return a run of the actor with a new id; changes: fields in which its request differs."""
    request = replace(valid.request, run_id=str(uuid4()), **changes)
    return NewRun(request, valid.request_hash, submitted_by=current_actor())


def join_own_batch(
    connection: Connection, batch_id: str | None, spec: Json | None = None
) -> str | None:
    """Lock the batch of new runs, made with this spec if it is new, and return its plan_id; None without a batch.

    Forbidden when the batch is somebody else's, Conflict when it belongs to another kind of plan.
    """
    if batch_id is None:
        return None
    plan = join_batch(connection, batch_id, str(uuid4()), current_actor(), spec)
    require_submitter(plan["submitted_by"])
    return str(plan["plan_id"])


def start_runs(new: Sequence[NewRun], find_plan: Callable[[Connection], str | None]) -> None:
    """Record runs with their plan in one transaction, and send their messages.

    find_plan: records or locks the plan of all of them and returns its plan_id. DuplicateKey when the plan, or a key,
    has one of them already.
    """
    change_database(_record, new, find_plan)
    enqueue([run.message for run in new])


def _record(
    connection: Connection,
    new: Sequence[NewRun],
    find_plan: Callable[[Connection], str | None],
) -> None:
    plan_id = find_plan(connection)
    began = time.monotonic()
    insert_runs(connection, new, plan_id)
    # nobody sees the rows before the commit, when the reconciler would take them for forgotten
    if time.monotonic() - began > SLOW_S:
        now_waiting(connection, [run.run_id for run in new])


def refuse_when_full(new_runs: int) -> None:
    """QueueFull when so many more runs would wait than are allowed; without Redis those in the database count."""
    limit = platform().settings.max_queue_depth
    depth = ask_queue(lambda queue: queue.depth())
    if depth is None:
        depth = ask_database(count_runs, RunStatus.PENDING)
    if depth + new_runs > limit:
        raise QueueFull(
            f"{depth} runs wait already, and at most {limit} may; try again later", RETRY_AFTER_S
        )


def enqueue(messages: Sequence[RunMessage]) -> None:
    """Push messages of recorded runs; when that fails the reconciler does it later."""
    if not platform().queue_status.answers:
        log.warning(
            "enqueue_postponed runs=%d reason=Redis did not answer a moment ago", len(messages)
        )
        return
    try:
        platform().queue.enqueue(messages)
        change_database(mark_enqueued, messages)
    except (QueueUnavailable, DBAPIError) as error:
        log.warning("enqueue_postponed runs=%d reason=%s", len(messages), error)


def place_of(row: RowMapping) -> Json:
    """Of a run that waits its position in the queue, and whether the queue answers; null of others."""
    if row["status"] != RunStatus.PENDING:
        return {"position": None, "queue_answers": None}
    return {"position": _position(row), "queue_answers": platform().queue_status.answers}


def _position(row: RowMapping) -> int | None:
    """How many messages are popped before this run's, of a batch's at most; None when that cannot be known."""
    place = ask_queue(lambda queue: queue.position(row["run_id"], row["attempt"]))
    depths = ask_queue(lambda queue: queue.depths()) if row["batch_id"] else None
    if place is None or depths is None:
        return place
    people, *_, bulk = depths.values()
    turns = ask_database(most_before, row["run_id"])
    return place if place < people or turns is None else people + max(min(turns, bulk - 1), 0)


def cancel_run(run_id: str) -> None:
    """End a waiting or running run as cancelled and take its message off the queue; Conflict when it has ended."""
    _take_off([change_database(CANCEL.one, run_id)])
    log.info("run_cancelled")


def retry_run(run_id: str) -> None:
    """Make a failed run wait again as its next attempt; Conflict when it has not failed, QueueFull."""
    refuse_when_full(1)
    failed = change_database(RETRY.one, run_id)
    message = RunMessage(*_next_attempt(failed), is_bulk=False)
    with log_context(attempt=message.attempt):
        log.info("run_retried")
        enqueue([message])


def cancel_among(among: Criterion) -> list[str]:
    """End all waiting and running runs among these as cancelled; the ids of those that were."""
    cancelled = _in_portions(
        lambda connection, after_id: CANCEL.some(connection, among, after_id), _take_off
    )
    log.info("runs_cancelled runs=%d", len(cancelled))
    return cancelled


def _take_off(rows: Sequence[RowMapping]) -> None:
    """Take the messages of cancelled runs off the queue; those that are left are stale, as their Jobs find out."""
    try:
        platform().queue.remove([Attempt(row["run_id"], row["attempt"]).job_id for row in rows])
    except QueueUnavailable as error:
        log.warning("message_removal_failed count=%d reason=%s", len(rows), error)


def retry_among(among: Criterion) -> list[str]:
    """Make all failed runs among these wait again, those of batches in the batches' list; the ids of those that do.

    QueueFull in the middle leaves the rest failed.
    """

    def change(connection: Connection, after_id: int) -> Sequence[RowMapping]:
        rows = RETRY.some(connection, among, after_id)
        refuse_when_full(len(rows))  # and so takes back what this portion has changed
        return rows

    retried = _in_portions(
        change,
        lambda rows: enqueue([RunMessage.of_stored(*_next_attempt(row)) for row in rows]),
    )
    log.info("runs_retried runs=%d", len(retried))
    return retried


def _next_attempt(failed: RowMapping) -> tuple[str, int, Json]:
    return failed["run_id"], failed["attempt"] + 1, json.loads(failed["request_json"])


def _in_portions(
    change: Callable[[Connection, int], Sequence[RowMapping]],
    afterwards: Callable[[Sequence[RowMapping]], None],
) -> list[str]:
    """Change runs a portion at a time, each once, and tell the queue after each commit; the ids of all of them."""
    changed: list[str] = []
    after_id = 0
    while rows := change_database(change, after_id):
        afterwards(rows)
        changed += [row["run_id"] for row in rows]
        after_id = rows[-1]["id"]
    return changed


def reproduce_run(run_id: str) -> tuple[str, bool]:
    """The same request as a new run that knows which one it repeats; once per Idempotency-Key."""
    row = ask_database(run_row, run_id)
    if row["kind"] != Kind.RUN:
        raise Conflict(
            f"{run_id} is a {row['kind']}, which has no receipt to compare with; submit it again"
        )
    asked = RunRequest.from_json(json.loads(row["request_json"]))
    # its own prices, whatever has been loaded since, and outside of any batch
    request = replace(asked, data_hash=row["data_hash"], run_id=None, batch_id=None)
    return submit_run(ValidRequest(request, row["request_hash"]), reproduces=run_id)
