"""Accept many runs at once: one transaction for all of them, then their messages in pipelines."""

import logging
from collections import Counter
from collections.abc import Sequence
from functools import partial

from sqlalchemy import RowMapping

from adapters.database_errors import DuplicateKey
from adapters.logs import log_context
from adapters.plans.batch import runs_by_hash, runs_on_other_prices
from adapters.runs.new_runs import NewRun
from contracts.errors import Conflict
from contracts.status import RunStatus
from contracts.values import Json
from web.app import ask_database, reading_database
from web.runs.operations import join_own_batch, new_run, refuse_when_full, start_runs
from web.runs.validation import ValidRequest

ExistingRuns = dict[str, RowMapping]  # run_id and status by request hash

log = logging.getLogger(__name__)

TRIES = 5  # while others submit to the same batch


def plan_bulk(batch_id: str, valid: Sequence[ValidRequest]) -> Json:
    """Return the answer that a submission would get; record nothing."""
    versions = {str(each.request.data_hash) for each in valid}
    with reading_database() as connection:
        existing_runs = runs_by_hash(connection, batch_id, [each.request_hash for each in valid])
        others = runs_on_other_prices(connection, batch_id, versions)
    return _answer(valid, existing_runs, []) | {"on_other_prices": others}


def submit_bulk(batch_id: str, valid: Sequence[ValidRequest], spec: Json | None = None) -> Json:
    """Record and enqueue the runs that the batch does not have yet; QueueFull above the configured depth.

    spec: of the batch, if it is new.
    """
    for _ in range(TRIES):
        existing_runs = ask_database(
            runs_by_hash, batch_id, [each.request_hash for each in valid]
        )
        missing = {
            each.request_hash: each for each in valid if each.request_hash not in existing_runs
        }
        new = list(map(new_run, missing.values()))
        with log_context(batch_id=batch_id):
            try:
                if new:
                    refuse_when_full(len(new))
                    start_runs(new, partial(join_own_batch, batch_id=batch_id, spec=spec))
            except DuplicateKey:  # others recorded some of them meanwhile, which rolled ours back
                continue
            log.info("bulk_accepted new=%d existing=%d", len(new), len(valid) - len(new))
        return _answer(valid, existing_runs, new)
    raise Conflict(
        f"batch {batch_id} is being submitted by others at the same time; send the same call again"
    )


def _answer(
    valid: Sequence[ValidRequest], existing_runs: ExistingRuns, new: Sequence[NewRun]
) -> Json:
    """Return the run of each line, in the call's order, and the number of new ones.

    existing: counts of earlier runs by status. on_other_prices: runs of the batch that read other versions of the
    prices, counted in a dry run only. run_ids: None for a run that is not recorded yet.
    """
    hashes = [each.request_hash for each in valid]
    run_ids = {each.request_hash: each.run_id for each in new}
    run_ids |= {key: row["run_id"] for key, row in existing_runs.items()}
    return {
        "new": len({*hashes} - existing_runs.keys()),
        "existing": dict(
            Counter(RunStatus(row["status"]).public for row in existing_runs.values())
        ),
        "on_other_prices": 0,
        "run_ids": [run_ids.get(key) for key in hashes],
    }
