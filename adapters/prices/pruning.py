"""Forgetting versions of prices that nothing refers to."""

from collections.abc import Sequence

from sqlalchemy import delete, exists, func, select
from sqlalchemy.engine import Connection, Engine

from adapters.database import committed, reading
from adapters.prices.store import Version, select_versions, version, version_of
from adapters.tables import price_parts, price_series, price_versions, runs
from contracts.errors import Conflict
from contracts.run_request import Timeframe

READ_BY_RUNS = (runs.c.data_hash, runs.c.benchmark_hash)


def delete_version(connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str) -> None:
    """Forget a version; Conflict while it is current or a run refers to it."""
    found = version(connection, ticker, timeframe, data_hash)
    if found.is_current:
        raise Conflict(f"{ticker} {timeframe} {data_hash[:12]} is the current version; load another one first")
    if any(connection.execute(select(runs.c.id).where(each == data_hash).limit(1)).first() for each in READ_BY_RUNS):
        raise Conflict(f"runs refer to {ticker} {timeframe} {data_hash[:12]}, so it is kept for them")
    _forget(connection, [found])


def unused_versions(connection: Connection) -> list[Version]:
    """Versions that are not current and that no run refers to, oldest first."""
    unused = [~exists().where(each == price_versions.c.data_hash) for each in READ_BY_RUNS]
    query = select_versions().where(price_series.c.ticker.is_(None), *unused).order_by(price_versions.c.id)
    return [version_of(row) for row in connection.execute(query).mappings()]


def _forget(connection: Connection, versions: Sequence[Version]) -> None:
    for each in versions:
        same = (price_versions.c.ticker == each.ticker, price_versions.c.timeframe == each.timeframe)
        connection.execute(delete(price_versions).where(*same, price_versions.c.data_hash == each.data_hash))
        left = select(func.count()).select_from(price_versions).where(price_versions.c.data_hash == each.data_hash)
        if not connection.execute(left).scalar_one():
            connection.execute(delete(price_parts).where(price_parts.c.data_hash == each.data_hash))


def prune(engine: Engine, *, dry_run: bool) -> list[Version]:
    """Forget all unused versions, or only list them."""
    if dry_run:
        with reading(engine) as connection:
            return unused_versions(connection)

    def forget(connection: Connection) -> list[Version]:
        found = unused_versions(connection)
        _forget(connection, found)
        return found

    return committed(engine, forget)
