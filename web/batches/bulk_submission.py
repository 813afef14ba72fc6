"""Accept many runs at once: one transaction for all of them, then their messages in pipelines."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import Connection, RowMapping

from adapters.batches.queries import runs_by_hash, runs_on_other_prices
from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor, log_context
from adapters.runs.new_runs import NewRun, insert_runs, now_waiting
from contracts.errors import Conflict
from contracts.status import RunStatus
from contracts.values import Json
from web.ownership import join_batch
from web.platform import ask_database, change_database, reading_database
from web.runs.operations import enqueue, refuse_when_full
from web.runs.validation import ValidRequest

Known = dict[str, RowMapping]  # run_id and status by request hash

log = logging.getLogger(__name__)

TRIES = 5  # when others submit to the same batch
# inserts that took longer are stamped anew; it costs a tenth of them, and the reconciler waits for 5 s
SLOW_S = 1.0


def plan_bulk(batch_id: str, valid: Sequence[ValidRequest]) -> Json:
    """What a submission would do; nothing is recorded."""
    versions = {str(each.request.data_hash) for each in valid}
    with reading_database() as connection:
        known = runs_by_hash(connection, batch_id, [each.request_hash for each in valid])
        others = runs_on_other_prices(connection, batch_id, versions)
    return _answer(valid, known, []) | {"on_other_prices": others}


def submit_bulk(batch_id: str, valid: Sequence[ValidRequest]) -> Json:
    """Record and enqueue those runs that the batch does not have yet; QueueFull above the configured depth."""
    for _ in range(TRIES):
        known = ask_database(runs_by_hash, batch_id, [each.request_hash for each in valid])
        new = _new_runs(valid, known)
        try:
            if new:
                refuse_when_full(len(new))
                change_database(_insert_all, new)
        except DuplicateKey:  # others have recorded some meanwhile, so that none was
            continue
        with log_context(batch_id=batch_id):
            log.info("bulk_accepted new=%d existing=%d", len(new), len(valid) - len(new))
            enqueue([each.message for each in new])
        return _answer(valid, known, new)
    raise Conflict(
        f"batch {batch_id} is being submitted by others at the same time; send the same call again"
    )


def _new_runs(valid: Sequence[ValidRequest], known: Known) -> list[NewRun]:
    missing = {each.request_hash: each for each in valid if each.request_hash not in known}
    return [
        NewRun(replace(each.request, run_id=str(uuid4())), key, submitted_by=current_actor())
        for key, each in missing.items()
    ]


def _insert_all(connection: Connection, new: Sequence[NewRun]) -> None:
    began = time.monotonic()
    join_batch(connection, str(new[0].request.batch_id))
    insert_runs(connection, new)
    # nobody sees the rows before the commit, when the reconciler would take them for forgotten
    if time.monotonic() - began > SLOW_S:
        now_waiting(connection, [each.run_id for each in new])


def _answer(valid: Sequence[ValidRequest], known: Known, new: Sequence[NewRun]) -> Json:
    """The run of each line, in the call's order, and how many of them are new.

    existing: runs that existed already, counted by the API's status words. on_other_prices: runs of the batch that read
    other versions of the prices, counted in a dry run. run_ids: None where a new run would get its id.
    """
    hashes = [each.request_hash for each in valid]
    run_ids = {each.request_hash: each.run_id for each in new}
    run_ids |= {key: row["run_id"] for key, row in known.items()}
    return {
        "new": len({*hashes} - known.keys()),
        "existing": dict(Counter(RunStatus(row["status"]).public for row in known.values())),
        "on_other_prices": 0,
        "run_ids": [run_ids.get(key) for key in hashes],
    }
