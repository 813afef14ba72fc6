"""What the views work with: one set of connections per web process."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, cast

from flask import current_app
from sqlalchemy import Connection, Engine

from adapters.access.tokens import TokenStore
from adapters.database import committed, connect_database, reading
from adapters.prices.store import PriceStore
from adapters.queue.run_queue import RunQueue
from adapters.settings import Settings
from contracts.values import frozen
from web.access.strangers import Strangers
from web.queue.glance import Glance
from web.rates import Rates
from web.upkeep.readiness import Readiness

# connections per web process, and threads of web.front: none waits for a connection
POOL_SIZE = 8
_KEY = "platform"
T = TypeVar("T")
P = ParamSpec("P")


@frozen
class Platform:
    """Database, queue, prices, who may come in how often, whether it is open, and who stood before it."""

    settings: Settings
    engine: Engine
    queue: RunQueue
    glance: Glance
    prices: PriceStore
    tokens: TokenStore
    rates: Rates
    readiness: Readiness
    strangers: Strangers


def build_platform(settings: Settings) -> Platform:
    """Connect lazily to everything that the settings name."""
    engine = connect_database(settings.database_url, pool_size=POOL_SIZE)
    queue, glance = RunQueue(settings), Glance(settings)
    return Platform(
        settings,
        engine,
        queue,
        glance,
        PriceStore(engine),
        TokenStore(engine, settings.api_tokens),
        Rates(settings),
        Readiness(settings),
        Strangers(engine),
    )


def platform() -> Platform:
    """The platform of the current application."""
    return cast(Platform, current_app.extensions[_KEY])


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
