"""What can be done to runs that exist: cancel, retry, reproduce, and see one's place in the queue."""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, RowMapping

from adapters.logs import log_context
from adapters.queue.messages import RunMessage, job_id_of
from adapters.runs.changes import cancel, cancel_some, retry, retry_some
from adapters.runs.queries import run_row
from adapters.runs.turns import most_before
from contracts.errors import Conflict, QueueUnavailable
from contracts.run_request import RunRequest
from contracts.status import Kind
from web.platform import ask_database, ask_queue, change_database, platform
from web.runs.submission import Accepted
from web.runs.validation import ValidRequest

log = logging.getLogger(__name__)


def queue_position(row: RowMapping) -> int | None:
    """How many messages are popped before this run's, of a batch's at most; None when that cannot be known."""
    place = ask_queue(lambda queue: queue.position(row["run_id"], row["attempt"]))
    depths = ask_queue(lambda queue: queue.depths()) if row["batch_id"] else None
    if place is None or depths is None:
        return place
    people, *_, bulk = depths.values()
    turns = ask_database(most_before, row["run_id"])
    return place if place < people or turns is None else people + min(turns, bulk - 1)


def cancel_run(run_id: str) -> None:
    """End a waiting or running run as cancelled and take its message off the queue; Conflict when it has ended."""
    _take_off([change_database(cancel, run_id)])
    log.info("run_cancelled")


def retry_run(run_id: str) -> None:
    """Make a failed run wait again as its next attempt; Conflict when it has not failed, QueueFull."""
    submission = platform().submission
    submission.refuse_when_full(1)
    failed = change_database(retry, run_id)
    message = _next_attempt(failed, is_bulk=False)
    with log_context(attempt=message.attempt):
        log.info("run_retried")
        submission.enqueue([message])


def cancel_among(among: ColumnElement[bool]) -> list[str]:
    """End all waiting and running runs among these as cancelled; the ids of those that were."""
    cancelled = _in_portions(
        lambda connection, after_id: cancel_some(connection, among, after_id), _take_off
    )
    log.info("runs_cancelled runs=%d", len(cancelled))
    return cancelled


def _take_off(rows: Sequence[RowMapping]) -> None:
    """Take the messages of cancelled runs off the queue; those that are left are stale, as their Jobs find out."""
    try:
        platform().queue.remove([job_id_of(row["run_id"], row["attempt"]) for row in rows])
    except QueueUnavailable as error:
        log.warning("messages_left count=%d reason=%s", len(rows), error)


def retry_among(among: ColumnElement[bool]) -> list[str]:
    """Make all failed runs among these wait again, those of batches in the batches' list; the ids of those that do.

    QueueFull in the middle leaves the rest failed.
    """
    submission = platform().submission

    def change(connection: Connection, after_id: int) -> Sequence[RowMapping]:
        rows = retry_some(connection, among, after_id)
        submission.refuse_when_full(len(rows))  # and so takes back what this portion has changed
        return rows

    retried = _in_portions(
        change,
        lambda rows: submission.enqueue(
            [_next_attempt(row, is_bulk=row["batch_id"] is not None) for row in rows]
        ),
    )
    log.info("runs_retried runs=%d", len(retried))
    return retried


def _next_attempt(failed: RowMapping, is_bulk: bool) -> RunMessage:
    request = json.loads(failed["request_json"])
    return RunMessage(failed["run_id"], failed["attempt"] + 1, request, is_bulk)


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


def reproduce_run(run_id: str, key: str | None) -> Accepted:
    """The same request as a new run that knows which one it repeats; once per Idempotency-Key."""
    row = ask_database(run_row, run_id)
    if row["kind"] != Kind.RUN:
        raise Conflict(
            f"{run_id} is a {row['kind']}, which has no receipt to compare with; submit it again"
        )
    asked = RunRequest.from_json(json.loads(row["request_json"]))
    # its own prices, whatever has been loaded since, and outside of any batch
    request = replace(asked, data_hash=row["data_hash"], run_id=None, batch_id=None)
    return platform().submission.submit(
        ValidRequest(request, row["request_hash"]), key, reproduces=run_id
    )
