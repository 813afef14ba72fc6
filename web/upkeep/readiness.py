"""Do the database and Redis answer? Asked over connections of its own: those of pages may all be waiting."""

import logging

from sqlalchemy import false, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from adapters.database import connect_database, reading
from adapters.database_errors import is_locked, takes_no_changes
from adapters.queue.connection import connect_redis, reachable
from adapters.settings import Settings
from adapters.tables import RUN, runs
from contracts.errors import QueueUnavailable

log = logging.getLogger(__name__)

PATIENCE_S = 2  # with each of the two
_CHANGE = update(runs).where(false()).values(label=None)
_SQLITE_CHANGE = text("PRAGMA user_version = 0")  # writes one page, though it changes nothing


class Readiness:
    """What a probe is told, within seconds whatever has happened to the network."""

    def __init__(self, settings: Settings) -> None:
        self._engine = connect_database(settings.database_url, answer_s=PATIENCE_S)
        self._change = _SQLITE_CHANGE if self._engine.dialect.name == "sqlite" else _CHANGE
        self._redis = connect_redis(settings.redis_url, PATIENCE_S)

    def database(self) -> str:
        """Either ok, since it takes changes, or what is wrong."""
        try:
            with reading(self._engine) as connection:
                connection.execute(select(RUN.id).limit(1))
            with self._engine.begin() as connection:
                connection.execute(self._change)
        except SQLAlchemyError as error:
            if is_locked(error):
                return "ok"  # for whoever is writing
            log.warning("database_not_ready reason=%s", getattr(error, "orig", error))
            if takes_no_changes(error):
                return "read-only, or without room on its disk; nothing can be recorded until it takes changes again"
            return "unreachable, or its schema is missing (python -m adapters.schema)"
        return "ok"

    def redis(self) -> str:
        """Either ok, since it answers, or what happens meanwhile."""
        try:
            with reachable():
                self._redis.ping()
        except QueueUnavailable as error:
            log.warning("redis_not_ready reason=%s", error)
            return "unreachable; runs are recorded and enqueued later"
        return "ok"
