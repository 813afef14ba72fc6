"""Idempotency keys: each actor has its own, whatever others call theirs."""

import hashlib

from sqlalchemy import Connection, RowMapping, Table, select


def own_key(key: str, actor: str | None) -> str:
    """A key as it is stored for its actor; where nobody has a name all share theirs."""
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest() if actor else key


def row_with_key(connection: Connection, table: Table, key: str) -> RowMapping | None:
    """The row that was recorded with this stored key; None when there is none."""
    query = select(table).filter_by(idempotency_key=key)
    return connection.execute(query).mappings().one_or_none()
