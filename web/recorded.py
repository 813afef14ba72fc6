"""How runs, screens, studies and portfolios are recorded once by their key; how plans are listed a page at a time."""

from collections.abc import Callable, Sequence
from uuid import uuid4

from sqlalchemy import Column, Connection, RowMapping

from adapters.database import database_now
from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor
from adapters.runs.idempotency import own_key, row_with_key
from contracts.errors import Conflict
from contracts.values import Json
from web.arguments import AFTER, arguments, idempotency_key, limit
from web.platform import ask_database

LISTED = (AFTER, limit(most=100, default=25))


def recorded_once(
    what: str,
    own_id: Column[str],
    is_same: Callable[[RowMapping], bool],
    record: Callable[[Json], None],
) -> tuple[str, bool]:
    """The id of the row that the request's Idempotency-Key made, or else of a new one; and whether it is new.

    record: inserts a row with these columns, which all have. Conflict when the key made another row than is asked for.
    """
    new_id, key, actor = str(uuid4()), idempotency_key(), current_actor()

    def known() -> str | None:
        row = ask_database(row_with_key, own_id.table, key, actor) if key else None
        if row and not is_same(row):
            raise Conflict(f"this Idempotency-Key was used for a different {what}")
        return row[own_id.name] if row else None

    if row_id := known():
        return row_id, False
    try:
        record(
            {
                own_id.name: new_id,
                "idempotency_key": key and own_key(key, actor),
                "submitted_by": actor,
                "created_at": database_now(),
            }
        )
    except DuplicateKey:  # the same call has come twice at the same time
        if not (row_id := known()):
            raise
        return row_id, False
    return new_id, True


def asked_page(
    query: Callable[[Connection, int | None, int], Sequence[RowMapping]],
) -> tuple[Sequence[RowMapping], int | None]:
    """The rows that the arguments LISTED ask for, and where the next page begins; None at the end."""
    asked = arguments()
    most = asked["limit"]
    rows = ask_database(query, asked["after"], most + 1)
    return rows[:most], rows[most - 1]["id"] if len(rows) > most else None
