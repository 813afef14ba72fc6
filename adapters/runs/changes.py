"""Changes of runs on request: cancel or retry, a thousand runs per transaction, and change tags.

among: a condition that selects the runs, such as those of a batch. The caller owns the transaction, and repeats the
call with the last row's id until it returns no rows.
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
    """A bulk transition: which runs qualify, what it sets, and the reason of the event.

    refusal: end of the error for a run that does not qualify.
    """

    which: Criterion
    values: Values
    reason: str
    refusal: str

    def one(self, connection: Connection, run_id: str) -> RowMapping:
        """Change one run and return its row from before; UnknownRun, or Conflict when it does not qualify."""
        if rows := self.some(connection, RUN.run_id == run_id):
            return rows[0]
        run_status(connection, run_id)
        raise Conflict(f"run {run_id} {self.refusal}")

    def some(
        self, connection: Connection, among: Criterion, after_id: int = 0
    ) -> Sequence[RowMapping]:
        """Change up to AT_ONCE runs and return their rows from before; [] at the end.

        A row has id, run_id, attempt, status and request_json.
        """
        columns = select(*RUN["id", "run_id", "attempt", "status", "request_json"])
        query = columns.where(among, self.which, RUN.id > after_id).order_by(RUN.id)
        # nobody else changes these before this transaction ends; SQLite's writers are alone anyway
        locked = query.limit(AT_ONCE).with_for_update()
        # by id or plan; an index of the state would wait for the locks of others
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
    """Change the tags of runs and return how many differ; UnknownRun, or Conflict where one gets too many.

    Tags are the only part of a recorded request that ever changes.
    """
    columns = select(*RUN["run_id", "request_json"]).with_for_update()
    changed = {}
    for run_id, row in all_rows(connection, columns, change.run_ids).items():
        request = json.loads(row["request_json"])
        had: list[str] = request.get("tags", [])
        tags = [tag for tag in dict.fromkeys([*had, *change.add]) if tag not in change.remove]
        if len(tags) > MOST_TAGS:
            fault = f"run {run_id} would have {len(tags)} tags"
            raise Conflict(f"{fault}; at most {MOST_TAGS} are accepted")
        if tags != had:
            changed[run_id] = tags
            text = json.dumps(request | {"tags": tags}, ensure_ascii=False)
            change_row = update_by(RUN.run_id).filter_by(run_id=run_id)
            connection.execute(change_row.values(request_json=text))
    connection.execute(delete(run_tags).where(run_tags.c.run_id.in_(list(changed))))
    insert_tags(connection, changed)
    return len(changed)
