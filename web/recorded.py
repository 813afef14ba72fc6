"""Record runs and plans once per Idempotency-Key, and list plans a page at a time."""

from collections.abc import Callable, Sequence
from uuid import uuid4

from sqlalchemy import Connection, RowMapping

from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor
from adapters.plan_tables import plans
from adapters.plans.store import plan_named
from adapters.runs.idempotency import own_key, row_with_key
from contracts.errors import Conflict
from contracts.status import PlanKind
from contracts.values import Json
from web.arguments import AFTER, arguments, idempotency_key, limit
from web.platform import ask_database

LISTED = (AFTER, limit(most=100, default=25))


def stored_key() -> str | None:
    """The request's Idempotency-Key as it is stored for its actor."""
    key = idempotency_key()
    return key and own_key(key, current_actor())


def get_or_insert(find: Callable[[], str | None], insert: Callable[[], str]) -> tuple[str, bool]:
    """The id that `find` knows, or that of what `insert` records; and whether it is new."""
    if row_id := find():
        return row_id, False
    try:
        return insert(), True
    except DuplicateKey:  # the same call came twice at the same time
        if row_id := find():
            return row_id, False
        raise


def submit_plan(
    kind: PlanKind,
    request_hash: str,
    insert: Callable[[str, Json], None],
    batch_id: str | None = None,
) -> tuple[str, bool]:
    """The id of the plan that the Idempotency-Key, or batch_id, names, or of a new one; and whether it is new.

    insert: records the plan of this id with these columns. Conflict when the key or name has another plan.
    """
    plan_id, key = str(uuid4()), stored_key()
    columns = {
        "idempotency_key": key,
        "submitted_by": current_actor(),
        "request_hash": request_hash,
        **({"name": batch_id} if batch_id else {}),
    }

    def find() -> str | None:
        row = ask_database(row_with_key, plans, key) if key else None
        row = row or (ask_database(plan_named, batch_id) if batch_id else None)
        if row and (row["kind"], row["request_hash"]) != (kind, request_hash):
            name = f"batch {batch_id!r}" if batch_id else "this Idempotency-Key"
            raise Conflict(f"{name} was used for a different {row['kind']}")
        return row["plan_id"] if row else None

    def record() -> str:
        insert(plan_id, columns)
        return plan_id

    return get_or_insert(find, record)


def asked_page(
    query: Callable[[Connection, int | None, int], Sequence[RowMapping]],
) -> tuple[Sequence[RowMapping], int | None]:
    """The rows that the arguments LISTED ask for, and where the next page begins; None at the end."""
    asked = arguments()
    most = asked["limit"]
    rows = ask_database(query, asked["after"], most + 1)
    return rows[:most], rows[most - 1]["id"] if len(rows) > most else None
