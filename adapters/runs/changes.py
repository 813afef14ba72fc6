"""What is changed of runs on request: they are cancelled or retried, a thousand in a transaction, or get other tags.

among: which runs are meant, such as those of a batch.

The caller owns the transaction, and repeats the call with the last row's id until it answers with nothing.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, delete, insert, select

from adapters.database import time_of
from adapters.declarations import read_from, unique_index, update_by
from adapters.runs.events import event
from adapters.runs.new_runs import insert_tags
from adapters.runs.queries import all_rows, run_status
from adapters.runs.states import RETRIED, failed_values
from adapters.tables import (
    IS_FAILED,
    IS_LIVING,
    PLAN_INDEX,
    RUN,
    Criterion,
    run_events,
    run_tags,
    runs,
)
from contracts.errors import Conflict
from contracts.run_request import MOST_TAGS, TagChange
from contracts.status import ErrorType
from contracts.values import Values, frozen

AT_ONCE = 1000  # runs per transaction, so that nobody waits long for their locks


@frozen
class Change:
    """What is made of runs that are in a state for it, and the reason of the event.

    refusal: what is said of a run in another state.
    """

    which: Criterion
    values: Values
    reason: str
    refusal: str

    def one(self, connection: Connection, run_id: str) -> RowMapping:
        """The run as it was before it was changed; UnknownRun, or Conflict when it is in no state for that."""
        if rows := self.some(connection, RUN.run_id == run_id):
            return rows[0]
        run_status(connection, run_id)
        raise Conflict(f"run {run_id} {self.refusal}")

    def some(
        self, connection: Connection, among: Criterion, after_id: int = 0
    ) -> Sequence[RowMapping]:
        """Change up to AT_ONCE runs; these as they were, [] at the end.

        id, run_id, attempt, status and request_json of each.
        """
        columns = select(*RUN["id", "run_id", "attempt", "status", "request_json"])
        query = columns.where(among, self.which, RUN.id > after_id).order_by(RUN.id)
        # nobody else changes these before this transaction ends; SQLite's writers are alone anyway
        locked = query.limit(AT_ONCE).with_for_update()
        # by id or by batch; by its state it would wait for the locks of others
        by_either = f"{unique_index(RUN.run_id)}, {PLAN_INDEX}"
        rows = connection.execute(read_from(by_either, runs, locked)).mappings().all()
        if not rows:
            return rows
        these = RUN.run_id.in_([row["run_id"] for row in rows])
        change = update_by(RUN.run_id).where(these, among, self.which).values(**self.values)
        changed = connection.execute(change).rowcount
        if changed != len(rows):
            raise RuntimeError(f"{changed} of {len(rows)} locked runs were changed")
        at, status = time_of(connection), self.values["status"]
        events = [
            event(row["run_id"], row["attempt"], row["status"], status, self.reason, at)
            for row in rows
        ]
        connection.execute(insert(run_events), events)
        return rows


_CANCELLED = "cancelled on request"
CANCEL = Change(
    IS_LIVING,
    {**failed_values(ErrorType.CANCELLED, _CANCELLED), "cancel_requested": 1},
    _CANCELLED,
    "has ended already, so there is nothing to cancel",
)
RETRY = Change(
    IS_FAILED,
    RETRIED,
    "retried on request",
    "has not failed, so there is nothing to retry",
)


def change_tags(connection: Connection, change: TagChange) -> int:
    """Give runs their new tags; how many differ. UnknownRun for one that is not there, Conflict where it has too many.

    Tags are part of a request, which says nothing else of a run once it is recorded: only they are written again.
    """
    columns = select(*RUN["run_id", "request_json"]).with_for_update()
    changed = {}
    for run_id, row in all_rows(connection, columns, change.run_ids).items():
        request = json.loads(row["request_json"])
        had: list[str] = request.get("tags", [])
        tags = [tag for tag in dict.fromkeys([*had, *change.add]) if tag not in change.remove]
        if len(tags) > MOST_TAGS:
            found = f"run {run_id} would have {len(tags)} tags"
            raise Conflict(f"{found}; at most {MOST_TAGS} are accepted")
        if tags != had:
            changed[run_id] = tags
            text = json.dumps(request | {"tags": tags}, ensure_ascii=False)
            own = update_by(RUN.run_id).filter_by(run_id=run_id)
            connection.execute(own.values(request_json=text))
    connection.execute(delete(run_tags).where(run_tags.c.run_id.in_(list(changed))))
    insert_tags(connection, changed)
    return len(changed)
