"""Services of one web process: database, queue, rate limits, static files; submission once per Idempotency-Key."""

import gzip
import hashlib
import logging
import math
import time
from collections.abc import Callable, Sequence
from importlib.metadata import distribution
from pathlib import Path
from time import monotonic
from typing import Concatenate, ParamSpec, TypeVar, cast
from uuid import uuid4

from flask import Flask, Response, abort, current_app, g, request, url_for
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError
from sqlalchemy import Connection, RowMapping

from adapters.access.tokens import TokenStore
from adapters.database import committed, connect_database, reading
from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor
from adapters.plan_tables import plans
from adapters.plans.store import plan_named
from adapters.prices.store import PriceStore
from adapters.queue.connection import connect_redis
from adapters.queue.run_queue import RunQueue
from adapters.runs.idempotency import own_key, row_with_key
from adapters.runs.queries import has_tag
from adapters.settings import Settings
from contracts.errors import Conflict, QueueUnavailable
from contracts.status import PlanKind
from contracts.values import Json
from web.api import AFTER, arguments, idempotency_key, limit, operation

T = TypeVar("T")
P = ParamSpec("P")
log = logging.getLogger(__name__)

QUEUE_PATIENCE_S = 1.0  # with Redis, which answers within milliseconds
AWAY_S = 2.0  # in which nobody else waits for a Redis that has just not answered


class QueueStatus:
    """Asks of one web process; None while Redis is away."""

    def __init__(self, settings: Settings) -> None:
        self._queue = RunQueue(settings, QUEUE_PATIENCE_S)
        self._away_until = 0.0

    @property
    def answers(self) -> bool:
        """Whether Redis was not found to be away a moment ago."""
        return monotonic() >= self._away_until

    def ask(self, question: Callable[[RunQueue], T]) -> T | None:
        """What the queue answers."""
        if not self.answers:
            return None
        try:
            return question(self._queue)
        except QueueUnavailable:
            self._away_until = monotonic() + AWAY_S
            return None


RATES_PATIENCE_S = 0.5  # with Redis, before a request goes on uncounted
PAUSE_S = 60.0  # without counting, after Redis did not answer
# of one name, or address without any, and process; more of them say no more
REFUSALS = RateLimitItemPerMinute(60)


class Rates:
    """The limits of the settings; while Redis is away nobody is refused, since nothing accepted may be lost for it."""

    def __init__(self, settings: Settings) -> None:
        pool = connect_redis(settings.redis_url, RATES_PATIENCE_S).connection_pool
        self._limiter = FixedWindowRateLimiter(
            RedisStorage(settings.redis_url, connection_pool=pool, key_prefix="limits")
        )
        self._limits = {
            "logins": RateLimitItemPerMinute(settings.logins_per_minute),
            "changes": RateLimitItemPerMinute(settings.changes_per_minute),
            "reads": RateLimitItemPerMinute(settings.reads_per_minute),
        }
        self._refusals = FixedWindowRateLimiter(MemoryStorage())
        self._paused_until = float("-inf")

    def is_refusal_told(self, who: str | None) -> bool:
        """Count a refusal; whether it is one of the few of this name or address that are told in a minute."""
        return self._refusals.hit(REFUSALS, who or "")

    def wait_s(self, kind: str, who: str) -> int:
        """Count a request; the seconds until one of this kind is answered again, 0 when it may be now."""
        if time.monotonic() < self._paused_until:
            return 0
        limit = self._limits[kind]
        try:
            if self._limiter.hit(limit, kind, who):
                return 0
            again_at = self._limiter.get_window_stats(limit, kind, who).reset_time
            return max(1, math.ceil(again_at - time.time()))
        except RedisError as error:
            self._paused_until = time.monotonic() + PAUSE_S
            log.warning("requests_not_counted for_s=%d reason=%s", PAUSE_S, error)
            return 0


# connections per web process, and threads of web.server: none waits for a connection
POOL_SIZE = 8


class Platform:
    """Database, queue, prices, tokens and rate limits of one web process."""

    def __init__(self, settings: Settings) -> None:
        """Connect lazily to everything that the settings name."""
        self.settings = settings
        self.engine = connect_database(settings.database_url, pool_size=POOL_SIZE)
        self.queue, self.queue_status = RunQueue(settings), QueueStatus(settings)
        self.prices = PriceStore(self.engine)
        self.tokens = TokenStore(self.engine, settings.api_tokens)
        self.rates = Rates(settings)


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
    return platform().queue_status.ask(ask)


LISTED = (AFTER, limit(most=100, default=25))


def stored_key() -> str | None:
    """The request's Idempotency-Key as it is stored for its actor."""
    key = idempotency_key()
    return key and own_key(key, current_actor())


def get_or_insert(find: Callable[[], str | None], insert: Callable[[], str]) -> tuple[str, bool]:
    """The id that `find` knows, or that of what `insert` records; and whether it is new."""
    if row_id := find():
        return row_id, False
    try:
        return insert(), True
    except DuplicateKey:  # the same call came twice at the same time
        if row_id := find():
            return row_id, False
        raise


def submit_plan(
    kind: PlanKind,
    request_hash: str,
    insert: Callable[[str, Json], None],
    batch_id: str | None = None,
) -> tuple[str, bool]:
    """The id of the plan that the Idempotency-Key, or batch_id, names, or of a new one; and whether it is new.

    insert: records the plan of this id with these columns. Conflict when the key or name has another plan.
    """
    plan_id, key = str(uuid4()), stored_key()
    columns = {
        "idempotency_key": key,
        "submitted_by": current_actor(),
        "request_hash": request_hash,
        **({"name": batch_id} if batch_id else {}),
    }

    def find() -> str | None:
        row = ask_database(row_with_key, plans, key) if key else None
        row = row or (ask_database(plan_named, batch_id) if batch_id else None)
        if row and (row["kind"], row["request_hash"]) != (kind, request_hash):
            name = f"batch {batch_id!r}" if batch_id else "this Idempotency-Key"
            raise Conflict(f"{name} was used for a different {row['kind']}")
        return row["plan_id"] if row else None

    def record() -> str:
        insert(plan_id, columns)
        return plan_id

    return get_or_insert(find, record)


def asked_page(
    query: Callable[[Connection, int | None, int], Sequence[RowMapping]],
) -> tuple[Sequence[RowMapping], int | None]:
    """The rows that the arguments LISTED ask for, and where the next page begins; None at the end."""
    asked = arguments()
    most = asked["limit"]
    rows = ask_database(query, asked["after"], most + 1)
    return rows[:most], rows[most - 1]["id"] if len(rows) > most else None


# files of packages whose Python is never imported: Bootstrap's sheet, and TradingView Lightweight Charts
_PACKAGED = {
    "css/bootstrap.css": (
        "bootstrap-flask",
        "flask_bootstrap/static/bootstrap5/css/bootstrap.min.css",
    ),
    "js/lightweight-charts.js": (
        "lightweight-charts-esistjosh",
        "lightweight_charts_esistjosh/js/lightweight-charts.js",
    ),
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"
COMPRESSED = frozenset({"text/html", "text/csv", "application/json"})
LEAST_BYTES = 1024  # below, an answer fits into one packet anyway
LEVEL = 4  # 2 ms for a large page; 9 takes three times as long for 3% less


def register_assets(app: Flask) -> None:
    """Serve the static files, name them in templates, and compress what pages and API answer."""
    files = _files()
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    small = {name: gzip.compress(content, mtime=0) for name, content in files.items()}

    @operation(unguarded=True)
    def serve(given_version: str, filename: str) -> Response:
        if filename not in files:
            abort(404)
        zipped = _takes_gzip()
        response = Response(
            (small if zipped else files)[filename], mimetype=TYPES[Path(filename).suffix]
        )
        # another version is asked for while pods are replaced: what is here must not be kept under its name
        response.headers["Cache-Control"] = FOREVER if given_version == version else "no-cache"
        return _marked(response, zipped)

    app.add_url_rule("/static/<given_version>/<path:filename>", "asset", serve)
    app.jinja_env.globals["asset"] = lambda filename: url_for(
        "asset", given_version=version, filename=filename
    )
    app.after_request(_compress)


def _files() -> dict[str, bytes]:
    folder = Path(__file__).parent / "static"
    own = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in TYPES
    }
    return own | {
        name: Path(str(distribution(package).locate_file(path))).read_bytes()
        for name, (package, path) in _PACKAGED.items()
    }


def _takes_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0


def _compress(response: Response) -> Response:
    fits = (
        response.mimetype in COMPRESSED
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
    )
    if not fits or response.status_code == 304 or (response.content_length or 0) < LEAST_BYTES:
        return response
    zipped = _takes_gzip()
    if zipped:
        response.set_data(gzip.compress(response.get_data(), LEVEL, mtime=0))
        tag, _ = response.get_etag()
        if tag:
            response.set_etag(tag, weak=True)  # the same content in other bytes
    return _marked(response, zipped)


def _marked(response: Response, zipped: bool) -> Response:
    response.vary.add("Accept-Encoding")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


def frame() -> Json:
    """Whether the one who asks may change something, and a way to ask for runs with a tag."""
    actor = g.get("actor")  # none yet when the request's host was refused
    return {
        "may_change": bool(actor and actor.may("submit")),
        "has_tag": lambda tag: ask_database(has_tag, tag),
    }
