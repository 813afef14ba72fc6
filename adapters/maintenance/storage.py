"""Sizes of the platform's data: by kind, per day, and the space left."""

import shutil
from collections import Counter
from pathlib import Path

from sqlalchemy import Connection, func, select, text

from adapters.database import database_now
from adapters.declarations import rows_of
from adapters.settings import Settings
from adapters.tables import RUN, metadata

_SQLITE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_MYSQL = (
    "SELECT table_name, data_length + index_length FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND data_length IS NOT NULL"
)


def bytes_by_kind(connection: Connection) -> dict[str, int]:
    """Return bytes by kind of data, indexes included, as the server estimates; of SQLite only the whole file."""
    if connection.dialect.name == "sqlite":
        return {"everything": connection.execute(text(_SQLITE)).scalar_one()}
    if not getattr(connection.dialect, "is_mariadb", False):
        # MySQL's are up to a day old
        connection.execute(text("SET SESSION information_schema_stats_expiry = 0"))
    kinds = {name: rows_of(table).kind for name, table in metadata.tables.items()}
    sizes: Counter[str] = Counter()
    for table, size in connection.execute(text(_MYSQL)):
        sizes[kinds.get(table, "other")] += int(size)
    return dict(sizes)


def bytes_a_day(connection: Connection, taken: int) -> float:
    """Estimate the bytes of a day's runs from the mean of a week: each run has an equal share of the `taken` bytes."""
    week = RUN.created_at > database_now(-7 * 86_400)
    total, recent = (
        connection.execute(select(func.count(RUN.id)).where(*which)).scalar_one()
        for which in ((), [week])
    )
    return taken * recent / 7 / max(total, 1)


def bytes_left(settings: Settings, connection: Connection, taken: int) -> int | None:
    """Return the bytes left, on SQLite's disk or of DATABASE_GIB; None if unknown."""
    if connection.dialect.name == "sqlite":
        return shutil.disk_usage(Path(str(connection.engine.url.database)).parent).free
    return max(settings.database_gib * 2**30 - taken, 0) if settings.database_gib else None
