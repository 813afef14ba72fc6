"""What many tables are asked in the same way: one row, the latest ones, those with one of many values; and a change."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, RowMapping, Select, Table

from adapters.database import portions
from adapters.declarations import update_by
from contracts.errors import PlatformError


def found_row(connection: Connection, query: Select[Any], missing: PlatformError) -> RowMapping:
    """The one row of a query; `missing` is raised when there is none."""
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise missing
    return row


def latest_rows(
    connection: Connection, after: int | None, limit: int, query: Select[Any], table: Table
) -> Sequence[RowMapping]:
    """The rows of a query, newest of the table first; those before the one whose `id` is `after`."""
    older = query if after is None else query.where(table.c.id < after)
    return connection.execute(older.order_by(table.c.id.desc()).limit(limit)).mappings().all()


def rows_by(
    connection: Connection, query: Select[Any], column: Column[Any], values: Sequence[Any]
) -> dict[Any, RowMapping]:
    """The rows of a query that have one of these values in a column, by it; the last where several have the same."""
    return {
        row[column.name]: row
        for some in portions(values)
        for row in connection.execute(query.where(column.in_(some))).mappings()
    }


def changed(
    column: Column[str],
    connection: Connection,
    own_id: str,
    *guards: ColumnElement[bool],
    **values: Any,
) -> bool:
    """Whether the row with this id in a column is as the guards ask, and has these values now."""
    mine = update_by(column).where(column == own_id, *guards)
    return connection.execute(mine.values(**values)).rowcount == 1
