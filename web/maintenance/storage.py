"""Size of stored data and the retention settings: a section of the queue page."""

from functools import lru_cache
from time import monotonic

from sqlalchemy import Engine

from adapters.database import reading
from adapters.maintenance.storage import bytes_a_day, bytes_by_kind, bytes_left
from adapters.settings import Settings
from contracts.values import Json
from web.app import platform

FRESH_S = (
    60  # the page refreshes every second, and a database is slow to report the size of its tables
)


def storage() -> Json:
    """Return bytes by kind, largest first, the growth per day, the free space, and the retention settings."""
    current = platform()
    kept = {
        name: value for name, value in vars(current.settings).items() if name.startswith("keep_")
    }
    return _sizes(current.engine, current.settings, int(monotonic() / FRESH_S)) | {"kept": kept}


@lru_cache(maxsize=1)
def _sizes(engine: Engine, settings: Settings, _period: int) -> Json:
    """Query the sizes, once in each period of FRESH_S."""
    with reading(engine) as connection:
        sizes = bytes_by_kind(connection)
        total = sum(sizes.values())
        a_day, free = bytes_a_day(connection, total), bytes_left(settings, connection, total)
    return {
        "sizes": sorted(sizes.items(), key=lambda item: -item[1]),
        "a_day": a_day,
        "free": free,
    }
