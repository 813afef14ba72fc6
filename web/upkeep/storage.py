"""How much room the data takes, and what is deleted when: a section of the queue's page."""

from dataclasses import fields
from functools import lru_cache
from time import monotonic
from typing import Any

from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.settings import Settings
from adapters.upkeep.storage import bytes_a_day, bytes_by_kind, bytes_left
from web.platform import platform

FRESH_S = 60  # the page asks every second, and a database takes long to say what its tables take


def storage() -> dict[str, Any]:
    """Bytes by kind, largest first, what a day adds, what is left, and the settings of retention."""
    at = platform()
    names = [each.name for each in fields(Settings) if each.name.startswith("keep_")]
    kept = {name.upper(): getattr(at.settings, name) for name in names}
    return _figures(at.engine, at.settings, int(monotonic() / FRESH_S)) | {"kept": kept}


@lru_cache(maxsize=1)
def _figures(engine: Engine, settings: Settings, _period: int) -> dict[str, Any]:
    """What the database is asked for, once in each period of FRESH_S."""
    with reading(engine) as connection:
        room = bytes_by_kind(connection)
        taken = sum(room.values())
        a_day, left = bytes_a_day(connection, taken), bytes_left(settings, connection, taken)
    return {"room": sorted(room.items(), key=lambda item: -item[1]), "a_day": a_day, "left": left}
