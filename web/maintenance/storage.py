"""How much room the data takes, and what is deleted when: a section of the queue's page."""

from functools import lru_cache
from time import monotonic

from sqlalchemy import Engine

from adapters.database import reading
from adapters.maintenance.storage import bytes_a_day, bytes_by_kind, bytes_left
from adapters.settings import Settings
from contracts.values import Json
from web.app import platform

FRESH_S = 60  # the page asks every second, and a database takes long to say what its tables take


def storage() -> Json:
    """Bytes by kind, largest first, what a day adds, what is left, and the settings of retention."""
    at = platform()
    kept = {name: each for name, each in vars(at.settings).items() if name.startswith("keep_")}
    return _figures(at.engine, at.settings, int(monotonic() / FRESH_S)) | {"kept": kept}


@lru_cache(maxsize=1)
def _figures(engine: Engine, settings: Settings, _period: int) -> Json:
    """What the database is asked for, once in each period of FRESH_S."""
    with reading(engine) as connection:
        room = bytes_by_kind(connection)
        taken = sum(room.values())
        a_day, left = bytes_a_day(connection, taken), bytes_left(settings, connection, taken)
    return {"room": sorted(room.items(), key=lambda item: -item[1]), "a_day": a_day, "left": left}
