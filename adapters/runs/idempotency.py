"""Idempotency keys, separate for each actor."""

import hashlib

from sqlalchemy import Connection, RowMapping, Table, select


def actor_key(key: str, actor: str | None) -> str:
    """Return a key as it is stored for its actor; anonymous clients share their keys."""
    return hashlib.sha256(f"{actor}\0{key}".encode()).hexdigest() if actor else key


def row_with_key(connection: Connection, table: Table, key: str) -> RowMapping | None:
    """Return the row with this stored key; None when there is none."""
    query = select(table).filter_by(idempotency_key=key)
    return connection.execute(query).mappings().one_or_none()
