"""Services of one web process: database, queue, rate limits, idempotent submission, static files, template context."""

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

from adapters.access import TokenStore
from adapters.database import committed, connect_database, reading
from adapters.database_errors import DuplicateKey
from adapters.logs import current_actor
from adapters.plan_tables import plans
from adapters.plans.store import plan_named
from adapters.prices.store import PriceStore
from adapters.queue.run_queue import RunQueue, connect_redis
from adapters.runs.changes import actor_key, row_with_key
from adapters.runs.notes import note_of
from adapters.runs.queries import has_tag
from adapters.settings import Settings
from contracts.errors import Conflict, QueueUnavailable
from contracts.status import PlanKind
from contracts.values import Json
from rules.catalog import RULES, RuleSpec
from web.api import AFTER, arguments, idempotency_key, limit, operation

T = TypeVar("T")
P = ParamSpec("P")
log = logging.getLogger(__name__)

QUEUE_PATIENCE_S = 1.0  # for Redis to answer, which takes milliseconds
AWAY_S = 2.0  # after a failure, during which other requests do not wait for Redis


class QueueStatus:
    """Queue queries for pages: they give up quickly, so that a page without Redis still loads."""

    def __init__(self, settings: Settings) -> None:
        self._queue = RunQueue(settings, QUEUE_PATIENCE_S)
        self._away_until = 0.0

    @property
    def answers(self) -> bool:
        """Return False for AWAY_S after Redis did not answer."""
        return monotonic() >= self._away_until

    def ask(self, query: Callable[[RunQueue], T]) -> T | None:
        """Return the answer of the queue; None while Redis is away."""
        if not self.answers:
            return None
        try:
            return query(self._queue)
        except QueueUnavailable:
            self._away_until = monotonic() + AWAY_S
            return None


RATES_PATIENCE_S = 0.5  # for Redis to answer, before a request proceeds uncounted
PAUSE_S = 60.0  # without counting after Redis did not answer
# logged per minute, process, and name or address; more of them add no information
REFUSALS = RateLimitItemPerMinute(60)


class RateLimits:
    """Requests per minute and token, or address without a token, counted in Redis for all web processes.

    While Redis is away nothing is refused: an outage must not lose submissions.
    """

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

    def may_log_refusal(self, who: str | None) -> bool:
        """Count a refusal of a name or address; False once REFUSALS of the minute are logged."""
        return self._refusals.hit(REFUSALS, who or "")

    def wait_s(self, kind: str, who: str) -> int:
        """Count a request; return 0, or the seconds until requests of this kind are accepted again."""
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


# database connections per web process, and threads of web.server, so that no thread waits for a connection
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
        self.rate_limits = RateLimits(settings)


def platform() -> Platform:
    """Return the platform of the current application."""
    return cast(Platform, current_app.extensions["platform"])


def reading_database() -> Connection:
    """Return a connection whose queries all see the same snapshot."""
    return reading(platform().engine)


def ask_database(
    query: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Return the result of one query, over a connection of its own."""
    with reading_database() as connection:
        return query(connection, *args, **kwargs)


def change_database(
    change: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
) -> T:
    """Run a change in its own committed transaction and return its result; a conflicting transaction is retried."""
    return committed(platform().engine, lambda connection: change(connection, *args, **kwargs))


def ask_queue(ask: Callable[[RunQueue], T]) -> T | None:
    """Ask the queue and return its answer; None while Redis is away."""
    return platform().queue_status.ask(ask)


LISTED = (AFTER, limit(most=100, default=25))


def stored_key() -> str | None:
    """Return the request's Idempotency-Key as stored, scoped to its actor; None without one."""
    key = idempotency_key()
    return key and actor_key(key, current_actor())


def get_or_insert(find: Callable[[], str | None], insert: Callable[[], str]) -> tuple[str, bool]:
    """Return the id of the existing row, or insert it; and whether it is new."""
    if row_id := find():
        return row_id, False
    try:
        return insert(), True
    except DuplicateKey:  # an identical request was inserted first
        if row_id := find():
            return row_id, False
        raise


def submit_plan(
    kind: PlanKind,
    request_hash: str,
    insert: Callable[[str, Json], None],
    batch_id: str | None = None,
) -> tuple[str, bool]:
    """Return the id of the plan with the request's Idempotency-Key or batch_id, or insert it; and whether it is new.

    insert: records the plan with this id and these columns. Conflict when the key or name belongs to another plan.
    """
    plan_id, key = str(uuid4()), stored_key()
    key = (
        key and hashlib.sha256(f"{kind}\0{key}".encode()).hexdigest()
    )  # each kind has its own keys
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


def fetch_page(
    query: Callable[[Connection, int | None, int], Sequence[RowMapping]],
) -> tuple[Sequence[RowMapping], int | None]:
    """Return the rows that the arguments LISTED select, and the `after` of the next page; None at the end."""
    page = arguments()
    length = page["limit"]
    rows = ask_database(query, page["after"], length + 1)
    return rows[:length], rows[length - 1]["id"] if len(rows) > length else None


def offered_rules() -> dict[str, RuleSpec]:
    """Return the rules that runs may use here, by name: those of the catalog, PYTHON unless it is switched off."""
    is_off = platform().settings.python_rules == "off"
    return {name: spec for name, spec in RULES.items() if name != "PYTHON" or not is_off}


# files of installed packages whose Python is never imported: Bootstrap's style sheet, TradingView Lightweight Charts,
# the Ace editor
_PACKAGED = {
    "css/bootstrap.css": (
        "bootstrap-flask",
        "flask_bootstrap/static/bootstrap5/css/bootstrap.min.css",
    ),
    "js/lightweight-charts.js": (
        "lightweight-charts-esistjosh",
        "lightweight_charts_esistjosh/js/lightweight-charts.js",
    ),
    **{
        f"{folder}/{name}": ("django-ace", f"django_ace/static/django_ace/ace/{path}")
        for folder, name, path in (
            ("js", "ace.js", "ace.js"),
            ("js", "ace-mode-python.js", "mode-python.js"),
            ("css", "ace.css", "css/ace.css"),
        )
    },
}
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FOREVER = "public, max-age=31536000, immutable"
COMPRESSED = frozenset({"text/html", "text/csv", "application/json"})
MIN_BYTES = 1024  # a smaller response fits into one packet anyway
GZIP_LEVEL = 4  # 2 ms for a large page; 9 takes three times as long for 3% less


def register_assets(app: Flask) -> None:
    """Serve the static files, provide `asset(name)` to templates, and compress pages and JSON.

    Files are read and compressed once, and cached by browsers forever: a fingerprint of all files is a folder of their
    address, so modules import each other by relative names.
    """
    files = _files()
    version = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()[:16]
    compressed = {name: gzip.compress(content, mtime=0) for name, content in files.items()}

    @operation(unguarded=True)
    def serve(asset_version: str, filename: str) -> Response:
        if filename not in files:
            abort(404)
        zipped = _accepts_gzip()
        response = Response(
            (compressed if zipped else files)[filename], mimetype=TYPES[Path(filename).suffix]
        )
        # while pods are replaced, another version may be requested: this file must not be cached under its address
        response.headers["Cache-Control"] = FOREVER if asset_version == version else "no-cache"
        return _set_encoding(response, zipped)

    app.add_url_rule("/static/<asset_version>/<path:filename>", "asset", serve)
    app.jinja_env.globals["asset"] = lambda filename: url_for(
        "asset", asset_version=version, filename=filename
    )
    app.after_request(_compress)


def _files() -> dict[str, bytes]:
    folder = Path(__file__).parent / "static"
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.suffix in TYPES
    }
    return files | {
        name: Path(str(distribution(package).locate_file(path))).read_bytes()
        for name, (package, path) in _PACKAGED.items()
    }


def _accepts_gzip() -> bool:
    return request.accept_encodings.quality("gzip") > 0


def _compress(response: Response) -> Response:
    is_compressible = (
        response.mimetype in COMPRESSED
        and not response.is_streamed
        and "Content-Encoding" not in response.headers
    )
    if (
        not is_compressible
        or response.status_code == 304
        or (response.content_length or 0) < MIN_BYTES
    ):
        return response
    zipped = _accepts_gzip()
    if zipped:
        response.set_data(gzip.compress(response.get_data(), GZIP_LEVEL, mtime=0))
        tag, _ = response.get_etag()
        if tag:
            response.set_etag(tag, weak=True)  # the same content in other bytes
    return _set_encoding(response, zipped)


def _set_encoding(response: Response, zipped: bool) -> Response:
    response.vary.add("Accept-Encoding")
    if zipped:
        response.headers["Content-Encoding"] = "gzip"
    return response


def template_context() -> Json:
    """Return the context of every template: whether the actor may change something, and what reads tags and notes."""
    actor = g.get("actor")  # not set when the Host was refused
    return {
        "may_change": bool(actor and actor.may("submit")),
        "note_of": lambda run_id: ask_database(note_of, run_id),
        "has_tag": lambda tag: ask_database(has_tag, tag),
    }
