"""Declare operations, read their arguments and bodies, and answer programs: JSON, CSV and faults."""

import csv
import io
import logging
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import partial
from itertools import islice
from typing import Any, Literal, TypeVar
from urllib.parse import quote

from flask import Flask, Response, current_app, g, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from pydantic_core import from_json
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType

from adapters.database_errors import StatementTooLarge, lacks_schema
from contracts.errors import (
    Conflict,
    DrawingUnavailable,
    InvalidRequest,
    PlatformError,
    QueueUnavailable,
    TryLater,
    Unknown,
    UnknownTicker,
)
from contracts.values import Values, frozen, frozen_by_name, without
from web.formats import Parser, flag, whole_number, words

View = TypeVar("View", bound=Callable[..., Any])
Who = Literal["anybody", "read", "submit", "admin"]
# unless the view declares another limit; 64 KB of code take more as JSON, which escapes quotes and foreign letters
MAX_BODY_BYTES = 256 * 1024


@frozen
class Argument:
    """Argument of the query or of a header: its parser, its meaning, and its value when it is absent or empty.

    in_header: it is a header. many: the least and the greatest number of its values, which the view reads itself.
    """

    name: str
    parse: Parser[Any]
    about: str
    default: Any = None
    in_header: bool = False
    many: tuple[int, int] | None = None


@frozen_by_name
class Operation:
    """Declaration of a view: access, arguments, body and answers.

    answers: each as `200 Status: words`; the name of a schema or media type before the colon may be left out.
    json: a JSON body: a contract whose fields are Annotated with About, schemas of the document by name (separated
    by |), or a schema. body: schemas by media type, where JSON is not the only one. body_setting: name of the setting
    that limits the body, in MiB. needs: the required scope; None is `read` for methods that change nothing, else
    `submit`. owned: only its submitter and admins may use it. unguarded: open to everybody, and not rate limited.
    any_host: reachable under every Host. strict: an undeclared argument is a fault.
    """

    answers: tuple[str, ...] = ("200 the answer",)
    asks: tuple[Argument, ...] = ()
    json: Any = None
    body: Values = field(default_factory=dict)
    body_setting: str | None = None
    needs: Who | None = None
    owned: bool = False
    unguarded: bool = False
    any_host: bool = False
    strict: bool = False

    def query(self) -> Iterator[Argument]:
        """Return the arguments of the query, one value each."""
        return (each for each in self.asks if not each.in_header and each.many is None)


_UNDECLARED = Operation()

NO_RUN, UNFINISHED, ENDED = (
    "404 no such run",
    "409 it has not completed",
    "409 it has ended already",
)
FAULTS = "400 every fault by field"
TITLED = "200 Titled: the new title"
NOTE = "200 Note: text, author and time; null without one"
DELETED = "200 Deletion: what was deleted, or would be"
NEEDED = "409 it has not ended, or something that is kept needs it"
REFUSED = (
    FAULTS,
    "413 too large",
    "415 not JSON",
    "429 the queue is full or the budget is spent, see Retry-After",
)


def operation(*answers: str, **facts: Any) -> Callable[[View], View]:
    """Declare a view with the fields of `Operation`."""
    declared = Operation(answers=answers or _UNDECLARED.answers, **facts)

    def decorate(view: View) -> View:
        view.operation = declared  # type: ignore[attr-defined]
        return view

    return decorate


def operation_at(app: Flask, endpoint: str | None) -> Operation:
    """Return the declaration of an endpoint's view."""
    view = app.view_functions.get(endpoint or "")
    declared: Operation = getattr(view, "operation", _UNDECLARED)
    return declared


def current_operation() -> Operation:
    """Return the declaration of the request's view."""
    return operation_at(current_app, request.endpoint)


def max_body_bytes(app: Flask, endpoint: str | None) -> int:
    """Return the largest accepted body of an endpoint, in bytes."""
    setting = operation_at(app, endpoint).body_setting
    return (
        int(getattr(app.extensions["platform"].settings, setting)) * 2**20
        if setting
        else MAX_BODY_BYTES
    )


MAX_KEY_LENGTH = 128  # of an Idempotency-Key, the width of its column

_KEY = Parser(str, words(MAX_KEY_LENGTH).schema | {"minLength": 1})
KEY = Argument(
    "Idempotency-Key",
    _KEY,
    "printable; a request with the same key makes no second run",
    in_header=True,
)
DRY_RUN = Argument("dry_run", flag, "report what would happen, record nothing", False)
AFTER = Argument("after", whole_number(0), "next_after of the previous page")


def limit(most: int, default: int) -> Argument:
    """Return the argument for the length of a page."""
    return Argument("limit", whole_number(1, most), f"{default} by default", default)


def read_arguments(
    values: Mapping[str, str], *declared: Argument, strict: bool = False
) -> dict[str, Any]:
    """Parse each argument by name, or take its default when it is absent or empty; InvalidRequest with every fault.

    strict: an undeclared name is a fault.
    """
    names = [each.name for each in declared]
    unknown = without(values, names) if strict else ()
    errors = dict.fromkeys(unknown, f"unknown; accepted: {', '.join(names)}")
    parsed: dict[str, Any] = {}
    for each in declared:
        text = values.get(each.name, "").strip()
        try:
            parsed[each.name] = each.parse(text) if text else each.default
        except ValueError as error:
            errors[each.name] = f"{text[:60]!r} is not accepted; accepted: {error}"
    if errors:
        raise InvalidRequest(errors)
    return parsed


def arguments(*narrowed: Argument) -> dict[str, Any]:
    """Read the arguments that the view's operation declares, by name; InvalidRequest with every fault.

    narrowed: replace declared arguments of the same name, for bounds and defaults that only the view knows.
    """
    current = current_operation()
    declared = {each.name: each for each in (*current.query(), *narrowed)}
    return read_arguments(request.args, *declared.values(), strict=current.strict)


def read_argument(name: str, parse: Parser[Any], default: Any) -> Any:
    """Read one argument whose accepted values only the view knows; InvalidRequest for any other value."""
    return read_arguments(request.args, Argument(name, parse, "", default))[name]


def idempotency_key() -> str | None:
    """Return the Idempotency-Key header, or None; InvalidRequest when it is empty, too long or not printable."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(
            {"Idempotency-Key": f"1 to {MAX_KEY_LENGTH} printable characters are accepted"}
        )
    return key


def json_body() -> Any:
    """Parse the request's JSON; 415 without the content type, 413 when too large, InvalidRequest for bad JSON."""
    return parse_json(typed_body("application/json"))


def typed_body(*accepted: str) -> bytes:
    """Return the body of a request with one of the accepted content types; 415 for others, 413 when it is too large."""
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(
            f"Content-Type {request.mimetype or 'is missing'}; accepted: {', '.join(accepted)}"
        )
    return read_body()


def read_body(max_bytes: int | None = None) -> bytes:
    """Return the body as it was sent, whatever its content type; 413 above the limit of the view."""
    max_bytes = max_bytes or max_body_bytes(current_app, request.endpoint)
    # a body without a length is cut there, and so detected
    request.max_content_length = max_bytes + 1
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = request.get_data()
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"the body is too large; at most {max_bytes} bytes are accepted")


def parse_json(body: bytes) -> Any:
    """Parse a JSON body; InvalidRequest for anything else: NaN, half a surrogate pair, 200 levels, 4,300 digits.

    The parser is pydantic's, which validates the values later: both accept the same.
    """
    try:
        return from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(
            {"body": f"not valid JSON: {error}"}, "the body is not valid JSON"
        ) from None


_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def conditional(body: Any) -> Response:
    """Return a body as JSON with an ETag, or 304 when the client has it already."""
    response = jsonify(body)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def csv_file(rows: Iterable[Sequence[object]], name: str) -> Response:
    """Return rows, the first of them a header, as a CSV download, sent while they are read.

    The name may contain any character; headers are ASCII, so a name that is not is sent in the RFC 5987 form too.
    """
    response = Response(_csv_lines(rows), mimetype="text/csv")
    ascii_name = name.encode("ascii", "ignore").decode()
    extended = {} if ascii_name == name else {"filename*": f"UTF-8''{quote(name, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", filename=ascii_name, **extended)
    return response


def _csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(map(_cell, row))
        yield line.getvalue()


def _cell(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would run as a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) else value


log = logging.getLogger(__name__)

_STATUS_CODES: dict[type[PlatformError], int] = {
    InvalidRequest: 400,
    Unknown: 404,
    Conflict: 409,
    TryLater: 429,
    QueueUnavailable: 503,
    DrawingUnavailable: 503,
}
# errors of a database that is reachable
_OUR_FAULTS = (DataError, IntegrityError, NotSupportedError, ProgrammingError)
_DATABASE_AWAY = (
    "The database does not answer: nothing can be read or recorded until it is back; recorded data is not lost. "
    "Operators: check that DATABASE_URL is right (with SQLite, that the file is still there) and that "
    "`python -m adapters.schema` has created the tables; GET /ready reports when it answers"
)
MAX_FAULTS = 1000  # in one answer, which must not be a hundred times as large as the request
API_PATHS = ("/api/", "/status/", "/run_backtest", "/health", "/ready", "/metrics")
_API_FILES = (
    ".png",
    ".csv",
    ".json",
)  # downloads of runs, whose addresses begin like those of pages


def register_errors(app: Flask) -> None:
    """Answer every error in one form: JSON for programs, a page for people; the trace goes to the log only."""
    for kind, code in _STATUS_CODES.items():
        app.register_error_handler(kind, partial(_platform_error, code))
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)


def describe_ticker(error: UnknownTicker) -> str:
    """Describe a fault of a ticker, and where all tickers are listed."""
    return f"{error}; all are listed at {url_for('prices.tickers')}"


def _platform_error(code: int, error: PlatformError) -> ResponseReturnValue:
    text = describe_ticker(error) if isinstance(error, UnknownTicker) else str(error)
    body: dict[str, object] = {"error": text}
    if isinstance(error, InvalidRequest):
        body["errors"] = dict(islice(error.errors.items(), MAX_FAULTS))
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TryLater) else {}
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
    return _answer(
        503, body | {"error": _DATABASE_AWAY}, {"Retry-After": "5", "Away": "The database"}
    )


def _is_away(error: Exception) -> bool:
    """Return whether the database did not answer, or has no tables yet."""
    if isinstance(error, _OUR_FAULTS):
        return lacks_schema(error)
    return isinstance(error, DBAPIError | PoolTimeout)


def _answer(code: int, body: dict[str, object], headers: dict[str, str]) -> ResponseReturnValue:
    # a program: an API path, a JSON body, or HTML is not accepted
    if (
        request.path.startswith(API_PATHS)
        or request.path.endswith(_API_FILES)
        or request.is_json
        or not request.accept_mimetypes.accept_html
    ):
        return jsonify(body), code, headers
    return render_template("error.html", code=code, **body), code, headers
