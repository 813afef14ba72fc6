"""The audit: changes, logins and refusals, with actor, address and time."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select

from adapters.access_tables import audit
from adapters.database import database_now, reading
from adapters.rows import latest_rows

ADDRESS_LENGTH, SUBJECT_LENGTH = 45, 255  # characters, the widths of the columns
PORTION = 1000  # rows per query of an export, and per transaction that deletes


def record_entry(connection: Connection, /, address: str, subject: str, **others: Any) -> None:
    """Append one row at the database's time; `others`: its other columns."""
    cut = {"address": address[:ADDRESS_LENGTH], "subject": subject[:SUBJECT_LENGTH]}
    connection.execute(insert(audit).values(at=database_now(), **cut, **others))


def list_entries(
    connection: Connection, after: int | None, limit: int, **equal: Any
) -> Sequence[RowMapping]:
    """List rows before the one numbered `after`, latest first, whose named columns have these values."""
    return latest_rows(connection, after, limit, select(audit).filter_by(**equal), audit)


def all_entries(engine: Engine, after: int | None, **equal: Any) -> Iterator[RowMapping]:
    """Yield all such rows, read in portions."""
    while True:
        with reading(engine) as connection:
            rows = list_entries(connection, after, PORTION, **equal)
        yield from rows
        if len(rows) < PORTION:
            return
        after = rows[-1]["id"]


def delete_old_entries(connection: Connection, days: float, *, dry_run: bool) -> int:
    """Delete up to PORTION rows older than `days` and return their number; a dry run counts all of them."""
    too_old = database_now(-days * 86_400)
    if dry_run:
        return connection.execute(select(func.count()).where(audit.c.at < too_old)).scalar_one()
    # ids grow with time
    oldest = select(*audit.c["id", "at"]).order_by(audit.c.id).limit(PORTION).subquery()
    last = select(func.max(oldest.c.id)).where(oldest.c.at < too_old)
    last_id = connection.scalar(last) or 0
    return connection.execute(delete(audit).where(audit.c.id <= last_id)).rowcount
