"""Deleting versions of prices that nothing refers to."""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine, delete, exists, select

from adapters.database import committed, has_rows
from adapters.price_tables import VERSION, price_parts, price_versions
from adapters.prices.store import IS_CURRENT, Version, found_versions, version
from adapters.tables import RUN
from contracts.errors import Conflict
from contracts.run_request import Timeframe

READ_BY_RUNS = RUN["data_hash", "benchmark_hash"]


def delete_version(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str
) -> None:
    """Delete a version; Conflict while it is current or a run refers to it."""
    found = version(connection, ticker, timeframe, data_hash)
    if found.is_current:
        raise Conflict(
            f"{ticker} {timeframe} {data_hash[:12]} is the current version; load another one first"
        )
    if any(
        has_rows(connection, select(RUN.id).where(each == data_hash)) for each in READ_BY_RUNS
    ):
        raise Conflict(
            f"runs refer to {ticker} {timeframe} {data_hash[:12]}, so it is kept for them"
        )
    _delete(connection, [found])


def _delete(connection: Connection, versions: Sequence[Version]) -> None:
    for each in versions:
        connection.execute(delete(price_versions).filter_by(id=each.id))
        others = exists().where(VERSION.data_hash == price_parts.c.data_hash)
        mine = delete(price_parts).filter_by(data_hash=each.data_hash)
        connection.execute(mine.where(~others))


def delete_unused(engine: Engine) -> list[Version]:
    """Delete all unused versions; returns them."""

    def delete_all(connection: Connection) -> list[Version]:
        found = unused_versions(connection)
        _delete(connection, found)
        return found

    return committed(engine, delete_all)


def unused_versions(connection: Connection) -> list[Version]:
    """Versions that are not current and that no run refers to, oldest first."""
    unused = [~exists().where(each == VERSION.data_hash) for each in READ_BY_RUNS]
    return found_versions(connection, ~IS_CURRENT, *unused)
