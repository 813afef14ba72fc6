"""What was changed or refused, by whom, from where and when; rows are added, never changed or deleted."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection, RowMapping

from adapters.store.database import database_now
from adapters.store.tables import audit

ADDRESS_LENGTH, SUBJECT_LENGTH = 45, 255  # characters, the widths of the columns


def record_deed(
    connection: Connection, *, actor: str | None, address: str, action: str, subject: str, status: int, **of: str | None
) -> None:
    """Append one row at the database's time; `of`: run_id and batch_id, where they are known."""
    who = {"actor": actor, "address": address[:ADDRESS_LENGTH]}
    what = {"action": action, "subject": subject[:SUBJECT_LENGTH], "status": status}
    connection.execute(insert(audit).values(**who, **what, **of, at=database_now()))


def list_deeds(connection: Connection, after: int | None, limit: int, **equal: Any) -> Sequence[RowMapping]:
    """Rows before the one numbered `after`, latest first, whose named columns have these values."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    query = query.where(*(audit.c[name] == value for name, value in equal.items()))
    return connection.execute(query if after is None else query.where(audit.c.id < after)).mappings().all()
