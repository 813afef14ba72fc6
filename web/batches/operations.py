"""What can be done to all runs of a batch that exists: cancel them, retry the failed ones."""

import json
import logging
from collections.abc import Callable, Sequence

from sqlalchemy.engine import Connection, RowMapping

from adapters.batches.changes import cancel_some, retry_some
from adapters.batches.queries import require_batch
from adapters.database import committed, reading
from adapters.queue.messages import RunMessage, job_id_of
from contracts.errors import QueueUnavailable
from contracts.status import ErrorType
from web.platform import Platform

log = logging.getLogger(__name__)


def cancel_batch(on: Platform, batch_id: str) -> int:
    """How many waiting and running runs of a batch were ended as cancelled; UnknownBatch when there is none."""

    def take_off(rows: Sequence[RowMapping]) -> None:
        try:
            on.queue.remove_many([job_id_of(row["run_id"], row["attempt"]) for row in rows])
        except QueueUnavailable as error:  # the messages are stale; their Jobs find that out
            log.warning("messages_left count=%d reason=%s", len(rows), error)

    cancelled = _in_portions(on, batch_id, lambda connection, after: cancel_some(connection, batch_id, after), take_off)
    log.info("batch_cancelled runs=%d", cancelled)
    return cancelled


def retry_batch(on: Platform, batch_id: str, *, cancelled_too: bool) -> int:
    """How many failed runs of a batch wait again; UnknownBatch when there is none.

    QueueFull in the middle leaves the rest failed; whoever asks again later goes on with them.
    """
    excluded = frozenset[ErrorType]() if cancelled_too else frozenset({ErrorType.CANCELLED})

    def put_on(rows: Sequence[RowMapping]) -> None:
        on.submission.enqueue([_message(row) for row in rows])

    def change(connection: Connection, after: int) -> Sequence[RowMapping]:
        rows = retry_some(connection, batch_id, excluded, after)
        on.submission.refuse_when_full(len(rows))  # and so takes back what this portion has changed
        return rows

    retried = _in_portions(on, batch_id, change, put_on)
    log.info("batch_retried runs=%d", retried)
    return retried


def _message(row: RowMapping) -> RunMessage:
    return RunMessage(row["run_id"], row["attempt"] + 1, json.loads(row["request_json"]), is_bulk=True)


def _in_portions(
    on: Platform,
    batch_id: str,
    change: Callable[[Connection, int], Sequence[RowMapping]],
    afterwards: Callable[[Sequence[RowMapping]], None],
) -> int:
    """Change a batch a portion at a time, each run once, tell the queue after each commit, and count."""
    with reading(on.engine) as connection:
        require_batch(connection, batch_id)
    total, after_id = 0, 0

    def change_portion(connection: Connection) -> Sequence[RowMapping]:
        return change(connection, after_id)

    while rows := committed(on.engine, change_portion):
        afterwards(rows)
        total += len(rows)
        after_id = rows[-1]["id"]
    return total
