"""What the views work with: one set of connections per web process."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from flask import current_app
from sqlalchemy import Connection

from adapters.access.tokens import TokenStore
from adapters.database import committed, connect_database, reading
from adapters.prices.store import PriceStore
from adapters.queue.run_queue import RunQueue
from adapters.settings import Settings
from web.queue.glance import Glance
from web.rates import Rates
from web.upkeep.readiness import Readiness

# connections per web process, and threads of web.front: none waits for a connection
POOL_SIZE = 8
T = TypeVar("T")
P = ParamSpec("P")


class Platform:
    """Database, queue, prices, tokens, rate limits and readiness of one web process."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily to everything that the settings name."""
        self.settings = settings
        self.engine = connect_database(settings.database_url, pool_size=POOL_SIZE)
        self.queue, self.glance = RunQueue(settings), Glance(settings)
        self.prices = PriceStore(self.engine)
        self.tokens = TokenStore(self.engine, settings.api_tokens)
        self.rates = Rates(settings)
        self.readiness = Readiness(settings)


def platform() -> Platform:
    """The platform of the current application."""
    return cast(Platform, current_app.extensions["platform"])


def reading_database() -> Connection:
    """A connection for queries that all see one state."""
    return reading(platform().engine)


def ask_database(
    query: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs
) -> T:
    """What one query finds, over a connection of its own."""
    with reading_database() as connection:
        return query(connection, *given, **named)


def change_database(
    change: Callable[Concatenate[Connection, P], T], *given: P.args, **named: P.kwargs
) -> T:
    """What `change` returns from a committed transaction of its own; retried when that collides with another one."""
    return committed(platform().engine, lambda connection: change(connection, *given, **named))


def ask_queue(ask: Callable[[RunQueue], T]) -> T | None:
    """What the queue answers; None while Redis is away."""
    return platform().glance.ask(ask)
