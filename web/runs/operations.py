"""What can be done to a run that exists: cancel, retry, reproduce, and see its place in the queue."""

import json
import logging
from dataclasses import replace

from sqlalchemy.engine import RowMapping

from adapters.database import committed
from adapters.logs import log_context
from adapters.queue.messages import RunMessage
from adapters.runs.queries import run_row
from adapters.runs.states import cancel, retry
from adapters.runs.turns import most_before
from contracts.errors import Conflict, QueueUnavailable
from contracts.run_request import RunRequest
from contracts.status import Kind
from web.platform import ask_database, ask_queue, platform
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
    cancelled = committed(platform().engine, lambda connection: cancel(connection, run_id))
    log.info("run_cancelled")
    try:
        platform().queue.remove(run_id, cancelled.attempt)
    except QueueUnavailable as error:
        log.warning("message_left reason=%s", error)  # it is stale; its Job finds that out


def retry_run(run_id: str) -> None:
    """Make a failed run wait again as its next attempt; Conflict when it has not failed, QueueFull."""
    submission = platform().submission
    submission.refuse_when_full(1)
    waiting = committed(platform().engine, lambda connection: retry(connection, run_id))
    request = json.loads(ask_database(run_row, run_id)["request_json"])
    with log_context(attempt=waiting.attempt):
        log.info("run_retried")
        submission.enqueue([RunMessage(run_id, waiting.attempt, request, is_bulk=False)])


def reproduce_run(run_id: str, key: str | None) -> Accepted:
    """The same request as a new run that knows which one it repeats; once per Idempotency-Key."""
    row = ask_database(run_row, run_id)
    if row["kind"] != Kind.RUN:
        raise Conflict(f"{run_id} is a {row['kind']}, which has no receipt to compare with; submit it again")
    asked = RunRequest.from_json(json.loads(row["request_json"]))
    # its own prices, whatever has been loaded since, and outside of any batch
    request = replace(asked, data_hash=row["data_hash"], run_id=None, batch_id=None)
    return platform().submission.submit(ValidRequest(request, row["request_hash"]), key, reproduces=run_id)
