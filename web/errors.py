"""Faults as answers: JSON for programs, a page for people; the trace stays in the log."""

import logging
from functools import partial
from itertools import islice

from flask import Flask, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from adapters.database_errors import StatementTooLarge, lacks_schema
from contracts.errors import (
    Conflict,
    DrawingUnavailable,
    InvalidRequest,
    PlatformError,
    QueueFull,
    QueueUnavailable,
    Unknown,
    UnknownTicker,
)

log = logging.getLogger(__name__)

_STATUS_CODES: dict[type[PlatformError], int] = {
    InvalidRequest: 400,
    Unknown: 404,
    Conflict: 409,
    QueueFull: 429,
    QueueUnavailable: 503,
    DrawingUnavailable: 503,
}
# of a database that answers
_OUR_FAULTS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_AWAY = (
    "The database does not answer: nothing can be read or recorded until it is back, and nothing that was recorded is "
    "lost. Whoever runs the platform sees to it that DATABASE_URL leads to it (of SQLite, that its file is where it "
    "was) and that `python -m adapters.schema` has made its tables; GET /ready says when it answers"
)
MAX_FAULTS = 1000  # in one answer, which must not be a hundred times as large as what was sent
API_PATHS = ("/api/", "/status/", "/run_backtest", "/health", "/ready", "/metrics")
_API_FILES = (".png", ".csv", ".json")  # of runs, whose addresses begin as those of pages do


def register(app: Flask) -> None:
    """Answer every fault in one form."""
    for kind, code in _STATUS_CODES.items():
        app.register_error_handler(kind, partial(_platform_error, code))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)


def describe_ticker(error: UnknownTicker) -> str:
    """Say what is wrong with a ticker, and where all of them are listed."""
    return f"{error}; all are listed at {url_for('prices.tickers')}"


def _platform_error(code: int, error: PlatformError) -> ResponseReturnValue:
    text = describe_ticker(error) if isinstance(error, UnknownTicker) else str(error)
    body: dict[str, object] = {"error": text}
    if isinstance(error, InvalidRequest):
        body["errors"] = dict(islice(error.errors.items(), MAX_FAULTS))
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, QueueFull) else {}
    return _answer(code, body, headers)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    headers = {
        name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")
    }
    headers |= {"WWW-Authenticate": "Bearer"} if code == 401 else {}
    return _answer(code, {"error": error.description or error.name}, headers)


def _internal_error(error: Exception) -> ResponseReturnValue:
    run_id = g.get("run_id") or (request.view_args or {}).get("run_id")
    log.error("internal_error path=%s", request.path, exc_info=error)
    body: dict[str, object] = {"error": "Internal server error", "run_id": run_id}
    if isinstance(error, StatementTooLarge):
        return _answer(500, body | {"error": str(error.orig)}, {})
    if not _is_away(error):
        return _answer(500, body, {})
    return _answer(503, body | {"error": _AWAY}, {"Retry-After": "5", "Away": "The database"})


def _is_away(error: Exception) -> bool:
    """Whether the database did not answer, or has no tables yet."""
    if isinstance(error, _OUR_FAULTS):
        return lacks_schema(error)
    return isinstance(error, DBAPIError | PoolTimeout)


def _answer(code: int, body: dict[str, object], headers: dict[str, str]) -> ResponseReturnValue:
    # a program: an API path, a JSON body, or no wish for HTML
    if (
        request.path.startswith(API_PATHS)
        or request.path.endswith(_API_FILES)
        or request.is_json
        or not request.accept_mimetypes.accept_html
    ):
        return jsonify(body), code, headers
    return render_template("error.html", code=code, **body), code, headers
