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
    QueueFull,
    QueueUnavailable,
    Unknown,
    UnknownTicker,
)
from contracts.values import Values, frozen, frozen_by_name, without
from web.formats import Parser, flag, whole_number, words

View = TypeVar("View", bound=Callable[..., Any])
Who = Literal["anybody", "read", "submit", "admin"]
# where a view says nothing else; the largest COMPOSITE takes under 4 KB
MAX_BODY_BYTES = 64 * 1024


@frozen
class Argument:
    """A value beside the path: what is accepted, what it means, and what it is where it is absent or empty.

    in_header: it is no part of the query. many: how often it is given, at least and at most; the view reads it itself.
    """

    name: str
    parse: Parser[Any]
    about: str
    default: Any = None
    in_header: bool = False
    many: tuple[int, int] | None = None


@frozen_by_name
class Operation:
    """What one view says of itself.

    answers: each as `200 Status: words`, where a schema's or a media type's name before the colon may be left out.
    json: a body of JSON: a contract whose fields are Annotated with About, schemas of the document by name (with |
    between them), or a schema. body: by media type a schema, where it is not JSON alone. body_setting: names the
    setting that bounds the body, in MiB. needs: who may ask; None is `read` for methods that change nothing, else
    `submit`. owned: of submitters, only whoever submitted it may ask. unguarded: nobody is asked for a name, or
    counted. any_host: by whatever name it is addressed. strict: an argument that is not declared is a fault.
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
        """The arguments that are read from the query, one value each."""
        return (each for each in self.asks if not each.in_header and each.many is None)


_UNDECLARED = Operation()

NO_RUN, UNFINISHED, ENDED = (
    "404 no such run",
    "409 it has not completed",
    "409 it has ended already",
)
FAULTS = "400 every fault by field"
TITLED = "200 Titled: what it is called now"
REFUSED = (FAULTS, "413 too large", "415 not JSON", "429 the queue is full, see Retry-After")


def operation(*answers: str, **facts: Any) -> Callable[[View], View]:
    """Declare what a view is, with the fields of `Operation`."""
    declared = Operation(answers=answers or _UNDECLARED.answers, **facts)

    def at(view: View) -> View:
        view.operation = declared  # type: ignore[attr-defined]
        return view

    return at


def operation_at(app: Flask, endpoint: str | None) -> Operation:
    """What the view of an endpoint says of itself."""
    view = app.view_functions.get(endpoint or "")
    declared: Operation = getattr(view, "operation", _UNDECLARED)
    return declared


def current_operation() -> Operation:
    """That of the request."""
    return operation_at(current_app, request.endpoint)


def most_bytes(app: Flask, endpoint: str | None) -> int:
    """How large a body may be at an endpoint."""
    setting = operation_at(app, endpoint).body_setting
    return (
        int(getattr(app.extensions["platform"].settings, setting)) * 2**20
        if setting
        else MAX_BODY_BYTES
    )


MAX_KEY_LENGTH = 128  # of an Idempotency-Key, the width of its column

_KEY = Parser(str, words(MAX_KEY_LENGTH).schema | {"minLength": 1})
KEY = Argument(
    "Idempotency-Key", _KEY, "printable; the same key makes no second run", in_header=True
)
DRY_RUN = Argument("dry_run", flag, "say what would happen, record nothing", False)
AFTER = Argument("after", whole_number(0), "next_after of the page before")


def limit(most: int, default: int) -> Argument:
    """How many of a list at once."""
    return Argument("limit", whole_number(1, most), f"{default} by default", default)


def read_arguments(
    values: Mapping[str, str], *asked: Argument, strict: bool = False
) -> dict[str, Any]:
    """The value of each argument by name, its default where it is absent or empty; InvalidRequest with every fault.

    strict: a value of another name is a fault, too.
    """
    names = [each.name for each in asked]
    unknown = without(values, names) if strict else ()
    errors = dict.fromkeys(unknown, f"unknown; accepted: {', '.join(names)}")
    found: dict[str, Any] = {}
    for each in asked:
        text = values.get(each.name, "").strip()
        try:
            found[each.name] = each.parse(text) if text else each.default
        except ValueError as error:
            errors[each.name] = f"{text[:60]!r} is not accepted; accepted: {error}"
    if errors:
        raise InvalidRequest(errors)
    return found


def arguments(*narrowed: Argument) -> dict[str, Any]:
    """What the view's operation asks for, by name; InvalidRequest with every fault.

    narrowed: in place of declared arguments of the same name, for bounds and defaults that only the view can know.
    """
    declared = current_operation()
    asked = {each.name: each for each in (*declared.query(), *narrowed)}
    return read_arguments(request.args, *asked.values(), strict=declared.strict)


def read_argument(name: str, parse: Parser[Any], default: Any) -> Any:
    """One argument whose accepted values only the view knows; InvalidRequest when it is none of them."""
    return read_arguments(request.args, Argument(name, parse, "", default))[name]


def idempotency_key() -> str | None:
    """The Idempotency-Key header, or None; InvalidRequest when it is empty, too long or not printable."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest(
            {"Idempotency-Key": f"1 to {MAX_KEY_LENGTH} printable characters are accepted"}
        )
    return key


def json_body() -> Any:
    """The request's JSON; 415 without the content type, 413 when it is too large, InvalidRequest for bad JSON."""
    return parse_json(typed_body("application/json"))


def typed_body(*accepted: str) -> bytes:
    """The body of a request that has one of the accepted content types; 415, or what `read_body` raises."""
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(
            f"Content-Type {request.mimetype or 'is missing'}; accepted: {', '.join(accepted)}"
        )
    return read_body()


def read_body(max_bytes: int | None = None) -> bytes:
    """The body, or nothing when it is a form, whose fields are in `request.form` then; 413 above what a view takes."""
    max_bytes = max_bytes or most_bytes(current_app, request.endpoint)
    # a body that does not tell its length is cut there, and so noticed
    request.max_content_length = max_bytes + 1
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    body = request.get_data(parse_form_data=True)
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    return body


def _too_large(max_bytes: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"the body is too large; at most {max_bytes} bytes are accepted")


def parse_json(body: bytes) -> Any:
    """The JSON value of a body; InvalidRequest for anything else: NaN, half a surrogate pair, 200 levels, 4,300 digits.

    The parser is pydantic's, which later reads the values again: what one takes, the other takes.
    """
    try:
        return from_json(body.removeprefix(BOM_UTF8), allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(
            {"body": f"not valid JSON: {error}"}, "the body is not valid JSON"
        ) from None


_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


def conditional(body: Any) -> Response:
    """A body as JSON with an ETag, or 304 when the client has it already."""
    response = jsonify(body)
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


def csv_file(rows: Iterable[Sequence[object]], name: str) -> Response:
    """Rows, the first of them a header, as a CSV file to be saved, sent while they are read.

    The file's name may hold any character; headers are ASCII, so it is written in both ways that browsers know.
    """
    response = Response(_csv_lines(rows), mimetype="text/csv")
    plain = name.encode("ascii", "ignore").decode()
    other = {} if plain == name else {"filename*": f"UTF-8''{quote(name, safe='')}"}
    response.headers.set("Content-Disposition", "attachment", filename=plain, **other)
    return response


def _csv_lines(rows: Iterable[Sequence[object]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(map(_cell, row))
        yield line.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet would take for a formula begins with an apostrophe, as one typed by hand would."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA_SIGNS) else value


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
_DATABASE_AWAY = (
    "The database does not answer: nothing can be read or recorded until it is back, and nothing that was recorded is "
    "lost. Whoever runs the platform sees to it that DATABASE_URL leads to it (of SQLite, that its file is where it "
    "was) and that `python -m adapters.schema` has made its tables; GET /ready says when it answers"
)
MAX_FAULTS = 1000  # in one answer, which must not be a hundred times as large as what was sent
API_PATHS = ("/api/", "/status/", "/run_backtest", "/health", "/ready", "/metrics")
_API_FILES = (".png", ".csv", ".json")  # of runs, whose addresses begin as those of pages do


def register_errors(app: Flask) -> None:
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
    return _answer(
        503, body | {"error": _DATABASE_AWAY}, {"Retry-After": "5", "Away": "The database"}
    )


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
