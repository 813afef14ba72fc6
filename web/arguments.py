"""What a request carries beside its path: query, headers and body, each with a bound and one style of fault."""

from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from math import isfinite
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import Flask, current_app, request
from pydantic_core import from_json
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from adapters.batches.conditions import parse_condition
from adapters.batches.leaderboard import Ranking, default_goal
from adapters.metrics.table import METRIC_NAMES
from adapters.prices.tickers import is_ticker
from contracts.errors import InvalidRequest

MAX_BODY_BYTES = 64 * 1024  # where a view says nothing else; the largest COMPOSITE takes under 4 KB
MAX_KEY_LENGTH = 128  # of an Idempotency-Key, the width of its column
MAX_DIGITS = 18  # of a whole number: the ids of 64 bits
T = TypeVar("T")
D = TypeVar("D")
View = TypeVar("View", bound=Callable[..., Any])


class Reader(Protocol):
    """Reads one argument by name with a parser; an empty or absent one is `default`."""

    def __call__(self, name: str, parse: Callable[[str], T], default: D) -> T | D: ...


@contextmanager
def reading_arguments(values: Mapping[str, str], known: Collection[str] | None = None) -> Iterator[Reader]:
    """A reader of `values`; when the block ends, InvalidRequest with the faults of all that it read.

    A parser raises ValueError with what it accepts. Where `known` is given, an argument of another name is a fault too.
    """
    unknown = [name for name in values if known is not None and name not in known]
    errors = {name: f"unknown; accepted: {', '.join(known or ())}" for name in unknown}

    def read(name: str, parse: Callable[[str], T], default: D) -> T | D:
        text = values.get(name, "").strip()
        try:
            return parse(text) if text else default
        except ValueError as error:
            errors[name] = f"{text[:60]!r} is not accepted; accepted: {error}"
            return default

    yield read
    if errors:
        raise InvalidRequest(errors)


def read_argument(name: str, parse: Callable[[str], T], default: D) -> T | D:
    """One argument of the query alone; InvalidRequest when it is not accepted."""
    with reading_arguments(request.args) as read:
        return read(name, parse, default)


def accepting(holds: Callable[[str], bool], accepted: str, convert: Callable[[str], T]) -> Callable[[str], T]:
    """A parser that converts a text of which `holds` is true, and raises what is accepted for every other."""

    def parse(text: str) -> T:
        if not holds(text):
            raise ValueError(accepted)
        return convert(text)

    return parse


def one_of(*accepted: str) -> Callable[[str], str]:
    """A parser of a word among others."""
    return accepting(lambda text: text in accepted, ", ".join(accepted) or "nothing", str)


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """A parser of a whole number between two bounds, both included."""
    return accepting(
        lambda text: is_digits(text) and least <= int(text) <= most, f"a whole number from {least} to {most}", int
    )


def is_digits(text: str) -> bool:
    """Whether a text is a whole number that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def words(length: int) -> Callable[[str], str]:
    """A parser of printable text up to a length."""
    return accepting(
        lambda text: len(text) <= length and text.isprintable(), f"at most {length} printable characters", str
    )


# what may name a ticker, in capitals; the column behind it holds nothing outside ASCII
ticker_symbol = accepting(lambda text: is_ticker(text.upper()), "1 to 15 of A-Z 0-9 . ^ = -", str.upper)
# a hash, such as that which a page of a batch ended with
sha256 = accepting(
    lambda text: text.isascii() and text.isalnum() and len(text) <= 64, "a SHA-256 in hexadecimal digits", str
)


def flag(text: str) -> bool:
    """Parse true or false."""
    return one_of("true", "false")(text) == "true"


def day(text: str) -> date:
    """Parse YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date of the form YYYY-MM-DD") from None


def time_zone(text: str) -> str:
    """Parse the name of a time zone."""
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("a time zone such as America/New_York") from None


def number(text: str) -> float:
    """Parse a number that is not absurdly large."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or abs(value) > 1e15:
        raise ValueError("a number from -1e15 to 1e15")
    return value


def asked_ranking(own: Ranking) -> Ranking:
    """The query's metric, goal and constraints; for what it leaves out, those of the batch's `own` ranking.

    Of another metric than the batch's own the goal is what is better for it. An empty constraint asks for none.
    """
    with reading_arguments(request.args) as read:
        metric = read("metric", one_of(*METRIC_NAMES), own.metric)
        better = own.goal if metric == own.metric else default_goal(metric)
        goal = read("goal", one_of("max", "min"), better)
        asked = [read("constraint", parse_condition, None)] if "constraint" in request.args else list(own.constraints)
    return Ranking(metric, goal, [each for each in asked if each])  # type: ignore[arg-type]  # one_of lets no other word pass


def idempotency_key() -> str | None:
    """The Idempotency-Key header, or None; InvalidRequest when it is empty, too long or not printable."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 0 < len(key) <= MAX_KEY_LENGTH or not key.isprintable():
        raise InvalidRequest({"Idempotency-Key": f"1 to {MAX_KEY_LENGTH} printable characters are accepted"})
    return key


def json_body() -> Any:
    """The request's JSON; 415 without the content type, 413 when it is too large, InvalidRequest for bad JSON."""
    return parse_json(typed_body("application/json"))


def large_body(setting: str) -> Callable[[View], View]:
    """Let a view's bodies be as large as this setting says, in MiB."""

    def declared(view: View) -> View:
        view.body_setting = setting  # type: ignore[attr-defined]
        return view

    return declared


def most_bytes(app: Flask, endpoint: str | None) -> int:
    """How large a body may be at an endpoint."""
    setting = getattr(app.view_functions.get(endpoint or ""), "body_setting", None)
    return int(getattr(app.extensions["platform"].settings, setting)) * 2**20 if setting else MAX_BODY_BYTES


def typed_body(*accepted: str) -> bytes:
    """The body of a request that has one of the accepted content types; 415, or what `read_body` raises."""
    if request.mimetype not in accepted:
        raise UnsupportedMediaType(f"Content-Type {request.mimetype or 'is missing'}; accepted: {', '.join(accepted)}")
    return read_body()


def read_body(max_bytes: int | None = None) -> bytes:
    """The body, or nothing when it is a form, whose fields are in `request.form` then; 413 above what a view takes."""
    max_bytes = max_bytes or most_bytes(current_app, request.endpoint)
    request.max_content_length = max_bytes + 1  # a body that does not tell its length is cut there, and so noticed
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
        raise InvalidRequest({"body": f"not valid JSON: {error}"}, "the body is not valid JSON") from None
