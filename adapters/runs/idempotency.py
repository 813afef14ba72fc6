"""Idempotency keys: each actor has its own, whatever others call theirs."""

import hashlib

from sqlalchemy import Connection, RowMapping, Table, and_, or_, select


def own_key(key: str, actor: str | None) -> str:
    """A key as it is stored for its actor; where nobody has a name all share theirs."""
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest() if actor else key


def row_with_key(
    connection: Connection, table: Table, key: str, actor: str | None
) -> RowMapping | None:
    """The row that this actor made with this key; in older rows it is stored as it was sent."""
    as_sent = and_(table.c.idempotency_key == key, table.c.submitted_by == actor)
    mine = or_(table.c.idempotency_key == own_key(key, actor), as_sent)
    return connection.execute(select(table).where(mine)).mappings().one_or_none()
