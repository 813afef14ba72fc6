"""Queries that many tables share: one row, the latest rows, the rows with one of many values; and a guarded update."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table

from adapters.database import portions
from adapters.declarations import update_by
from contracts.errors import PlatformError


def one_row(connection: Connection, query: Select[Any], missing: PlatformError) -> RowMapping:
    """Return the one row of a query; raise `missing` when there is none."""
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise missing
    return row


def latest_rows(
    connection: Connection, after: int | None, limit: int, query: Select[Any], table: Table
) -> Sequence[RowMapping]:
    """Return the rows of a query, latest first, before the one whose `id` is `after`."""
    older = query if after is None else query.where(table.c.id < after)
    return connection.execute(older.order_by(table.c.id.desc()).limit(limit)).mappings().all()


def rows_by(
    connection: Connection, query: Select[Any], column: Column[Any], values: Sequence[Any]
) -> dict[Any, RowMapping]:
    """Return the rows of a query by their value in a column, for these values; the last row where several share one."""
    return {
        row[column.name]: row
        for some in portions(values)
        for row in connection.execute(query.where(column.in_(some))).mappings()
    }


def update_row(
    column: Column[str],
    connection: Connection,
    row_id: str,
    *guards: ColumnElement[bool],
    **values: Any,
) -> bool:
    """Give the row with this id these values if it meets the guards; return whether it did."""
    change = update_by(column).where(column == row_id, *guards)
    return connection.execute(change.values(**values)).rowcount == 1
