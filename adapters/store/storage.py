"""How much room the platform's data takes."""

from collections import Counter

from sqlalchemy import text
from sqlalchemy.engine import Connection

KINDS = {  # whatever is not named here is "other"
    "backtest_results": "runs",
    "run_charts": "charts",
    "run_lines": "lines",
    "run_events": "events",
    "price_parts": "prices",
}
_SQLITE = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
_MYSQL = (
    "SELECT table_name, data_length + index_length FROM information_schema.tables"
    " WHERE table_schema = DATABASE() AND data_length IS NOT NULL"
)


def bytes_by_kind(connection: Connection) -> dict[str, int]:
    """Bytes with indexes of each kind of data, by the server's own estimate; of SQLite only the whole file's."""
    if connection.dialect.name == "sqlite":
        return {"everything": connection.execute(text(_SQLITE)).scalar_one()}
    if not getattr(connection.dialect, "is_mariadb", False):
        connection.execute(text("SET SESSION information_schema_stats_expiry = 0"))  # MySQL's are up to a day old
    room: Counter[str] = Counter()
    for table, size in connection.execute(text(_MYSQL)):
        room[KINDS.get(table, "other")] += int(size)
    return dict(room)
