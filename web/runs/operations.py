"""Submit, cancel, retry and reproduce runs, and find their place in the queue.

A run is accepted once its row is committed; the message that starts its Job may follow later.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any
from uuid import uuid4

from flask import g
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import DBAPIError

from adapters.budgets import Budget, charge, check_budget
from adapters.logs import current_actor, log_context
from adapters.plans.batch import runs_by_hash
from adapters.plans.store import join_batch
from adapters.prices.vault import vaults_read
from adapters.queue.history import count_runs
from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.changes import (
    CANCEL,
    RETRY,
    NewRun,
    insert_runs,
    mark_enqueued,
    now_waiting,
    row_with_key,
)
from adapters.runs.notes import note_of, set_note
from adapters.runs.queries import run_row
from adapters.runs.scheduling import most_before
from adapters.runs.times import utc_text
from adapters.tables import Criterion, runs
from contracts.errors import Conflict, QueueFull, QueueUnavailable
from contracts.run_request import Noted, RunRequest
from contracts.status import Kind, RunStatus
from contracts.values import Json
from web.api import json_body
from web.app import ask_database, ask_queue, change_database, get_or_insert, platform, stored_key
from web.runs.validation import ValidRequest, check_contract
from web.security import require_submitter

log = logging.getLogger(__name__)

RETRY_AFTER_S = 30  # the Retry-After of an answer when the queue is full
# longer inserts get new timestamps, for a tenth of their time; the reconciler takes over after 5 s
SLOW_S = 1.0


def submit_run(valid: ValidRequest, reproduces: str | None = None) -> tuple[str, bool]:
    """Record and enqueue one run, unless its key or batch has it already; return its id and whether it is new.

    Conflict when the key was used for another request; QueueFull, BudgetSpent.
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
    batch_id, request = new.request.batch_id, new.request
    with log_context(run_id=new.run_id, batch_id=batch_id, attempt=1):
        start_runs([new], partial(join_own_batch, batch_id=batch_id))
        log.info("run_accepted rule=%s ticker=%s", request.rule_id, request.ticker)
    return new.run_id


def new_run(valid: ValidRequest, **changes: Any) -> NewRun:
    """Return a run of the actor with a new id; changes: fields in which its request differs."""
    request = replace(valid.request, **{"run_id": str(uuid4()), **changes})
    kind = Kind.PORTFOLIO if valid.portfolio else Kind.RUN
    return NewRun(request, valid.request_hash, submitted_by=current_actor(), kind=kind)


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


def start_runs(
    new: Sequence[NewRun],
    find_plan: Callable[[Connection], str | None],
    combinations: int | None = None,
) -> None:
    """Record runs with their plan in one transaction, and send their messages; QueueFull, BudgetSpent.

    find_plan: records or locks the plan of all of them and returns its plan_id. DuplicateKey when the plan, or a key,
    has one of them already. combinations: that the plan tries, unless it is one for each run.
    """
    record = partial(_record, new=new, find_plan=find_plan)
    submit(record, len(new), len(new) if combinations is None else combinations)
    enqueue([run.message for run in new])


def _record(
    connection: Connection,
    new: Sequence[NewRun],
    find_plan: Callable[[Connection], str | None],
) -> None:
    plan_id = find_plan(connection)
    began = time.monotonic()
    insert_runs(connection, new, plan_id)
    # rows become visible at the commit, and the reconciler would treat old ones as lost
    if time.monotonic() - began > SLOW_S:
        now_waiting(connection, [run.run_id for run in new])


def submit(record: Callable[[Connection], None], new_runs: int, combinations: int) -> None:
    """Record a submission of the actor and count its combinations, in one transaction; QueueFull, BudgetSpent."""
    check_limits(new_runs, combinations)

    def change(connection: Connection) -> None:
        record(connection)
        charge(connection, current_actor(), _budget(), combinations)

    change_database(change)


def _budget() -> Budget:
    """Return the budget of the actor: its own limits, and those of the settings for the rest."""
    limits = asdict(g.actor.budget if "actor" in g else Budget())
    settings = platform().settings
    return Budget(
        **{
            name: getattr(settings, name) if most is None else most
            for name, most in limits.items()
        }
    )


def check_limits(new_runs: int, combinations: int = 0) -> None:
    """Raise QueueFull when so many more waiting runs are not allowed, and BudgetSpent when the actor's budget is.

    Without Redis, those in the database are counted.
    """
    if (budget := _budget()) != Budget():
        ask_database(check_budget, current_actor(), budget, combinations)
    limit = platform().settings.max_queue_depth
    depth = ask_queue(lambda queue: queue.depth())
    if depth is None:
        depth = ask_database(count_runs, RunStatus.PENDING)
    if depth + new_runs > limit:
        raise QueueFull(
            f"{depth} runs wait already, and at most {limit} may wait; try again later",
            RETRY_AFTER_S,
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


def read_note(run_id: str) -> Json:
    """Return the note on a run or plan in the form of the API."""
    note = ask_database(note_of, run_id) or dict.fromkeys(("text", "author", "at"))
    return {**note, "at": utc_text(note["at"])}


def write_note(run_id: str) -> Json:
    """Replace the note on a run or plan by the one in the body, and return it; InvalidRequest."""
    text = check_contract(Noted, json_body()).text.strip()
    change_database(set_note, run_id, text, current_actor())
    return read_note(run_id)


def place_of(row: RowMapping) -> Json:
    """Return the queue position of a waiting run and whether the queue answers; null for other runs."""
    if row["status"] != RunStatus.PENDING:
        return {"position": None, "queue_answers": None}
    return {"position": _position(row), "queue_answers": platform().queue_status.answers}


def _position(row: RowMapping) -> int | None:
    """Return how many messages are popped before this run's, at most that for a batch; None when unknown."""
    place = ask_queue(lambda queue: queue.position(row["run_id"], row["attempt"]))
    depths = ask_queue(lambda queue: queue.depths()) if row["batch_id"] else None
    if place is None or depths is None:
        return place
    people, *_, bulk = depths.values()
    turns = ask_database(most_before, row["run_id"])
    return place if place < people or turns is None else people + max(min(turns, bulk - 1), 0)


def cancel_run(run_id: str) -> None:
    """Cancel a waiting or running run and remove its message from the queue; Conflict when it has ended."""
    _remove_messages([change_database(CANCEL.one, run_id)])
    log.info("run_cancelled")


def retry_run(run_id: str) -> None:
    """Queue the next attempt of a failed run; Conflict when it has not failed, QueueFull, BudgetSpent."""
    check_limits(1)
    failed = change_database(RETRY.one, run_id)
    message = RunMessage(*_next_attempt(failed), is_bulk=False)
    with log_context(attempt=message.attempt):
        log.info("run_retried")
        enqueue([message])


def cancel_among(among: Criterion) -> list[str]:
    """Cancel all waiting and running runs among these; return their ids."""
    cancelled = _in_portions(
        lambda connection, after_id: CANCEL.some(connection, among, after_id), _remove_messages
    )
    log.info("runs_cancelled runs=%d", len(cancelled))
    return cancelled


def _remove_messages(rows: Sequence[RowMapping]) -> None:
    """Remove the messages of cancelled runs from the queue; a Job discards any that is left as stale."""
    try:
        platform().queue.remove([Attempt(row["run_id"], row["attempt"]).job_id for row in rows])
    except QueueUnavailable as error:
        log.warning("message_removal_failed count=%d reason=%s", len(rows), error)


def retry_among(among: Criterion) -> list[str]:
    """Retry all failed runs among these, those of batches in the batches' list; return their ids.

    QueueFull or BudgetSpent in the middle leaves the rest failed.
    """

    def change(connection: Connection, after_id: int) -> Sequence[RowMapping]:
        rows = RETRY.some(connection, among, after_id)
        check_limits(len(rows))  # rolls this portion back
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
    """Change runs in portions, each in a transaction followed by `afterwards`; return all ids."""
    changed: list[str] = []
    after_id = 0
    while rows := change_database(change, after_id):
        afterwards(rows)
        changed += [row["run_id"] for row in rows]
        after_id = rows[-1]["id"]
    return changed


def reproduce_run(run_id: str) -> tuple[str, bool]:
    """Submit the same request as a new run that names its origin; once per Idempotency-Key."""
    row = ask_database(run_row, run_id)
    if row["kind"] != Kind.RUN:
        raise Conflict(
            f"{run_id} is a {row['kind']}, whose results cannot be compared; submit it again instead"
        )
    original = RunRequest.from_json(json.loads(row["request_json"]))
    for vault in ask_database(vaults_read, original):
        data_hash = original.price_hashes[vault["ticker"]]
        is_hidden = platform().prices.readable(data_hash) != data_hash
        if is_hidden and vault["from_date"] <= str(original.end_date):
            raise Conflict(f"run {run_id} read prices of {vault['ticker']} that are reserved now")
    # on the same prices, even if others were loaded since, and in no batch
    request = replace(original, data_hash=row["data_hash"], run_id=None, batch_id=None)
    return submit_run(ValidRequest(request, row["request_hash"]), reproduces=run_id)
