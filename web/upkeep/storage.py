"""How much room the data takes, and what is deleted when: a section of the queue's page."""

from functools import lru_cache
from time import monotonic

from sqlalchemy import Engine

from adapters.database import reading
from adapters.settings import Settings
from adapters.upkeep.storage import bytes_a_day, bytes_by_kind, bytes_left
from contracts.values import Json
from web.platform import platform

KEPT = {  # what each setting of retention keeps, for people
    "keep_charts_days": "Pictures of a run",
    "keep_series_days": "A run's equity, trades, signals and lines; its metrics and receipt stay",
    "keep_events_days": "The history of a run's states",
    "keep_runs_days": "Whole runs",
    "keep_batches_days": "Whole batches, studies among them",
    "keep_audit_days": "The audit: who did what",
    "keep_runs_count": "Of the runs that may be deleted, the latest",
}
FRESH_S = 60  # the page asks every second, and a database takes long to say what its tables take


def storage() -> Json:
    """Bytes by kind, largest first, what a day adds, what is left, and the settings of retention."""
    at = platform()
    kept = [_kept(at.settings, name) for name in KEPT]
    return _figures(at.engine, at.settings, int(monotonic() / FRESH_S)) | {"kept": kept}


def _kept(settings: Settings, name: str) -> Json:
    """A setting of retention, and in words what it is about."""
    unit, without = ("runs", "all") if name.endswith("_count") else ("days", "forever")
    value = getattr(settings, name)
    about = {"words": KEPT[name], "setting": name.upper(), "value": value}
    return about | {"unit": unit, "without": without}


@lru_cache(maxsize=1)
def _figures(engine: Engine, settings: Settings, _period: int) -> Json:
    """What the database is asked for, once in each period of FRESH_S."""
    with reading(engine) as connection:
        room = bytes_by_kind(connection)
        taken = sum(room.values())
        a_day, left = bytes_a_day(connection, taken), bytes_left(settings, connection, taken)
    return {"room": sorted(room.items(), key=lambda item: -item[1]), "a_day": a_day, "left": left}
