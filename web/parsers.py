"""How the values of a query are read: each parser says what it accepts, in words and as a schema."""

from collections.abc import Callable
from datetime import date
from math import isfinite
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from werkzeug.routing import BaseConverter, UUIDConverter

from adapters.prices.tickers import is_ticker
from contracts.values import frozen

T = TypeVar("T")
MAX_DIGITS = 18  # of a whole number: the ids of 64 bits
MOST_WHOLE = 10**MAX_DIGITS - 1
MOST_NUMBER = 1e15
TEXT = {"type": "string"}


@frozen
class Parser(Generic[T]):
    """Converts a text; ValueError with what is accepted for every other. `schema` is the same as JSON Schema."""

    convert: Callable[[str], T]
    schema: dict[str, Any]

    def __call__(self, text: str) -> T:
        return self.convert(text)


def accepting(
    holds: Callable[[str], bool],
    accepted: str,
    convert: Callable[[str], T],
    schema: dict[str, Any],
) -> Parser[T]:
    """A parser that converts a text of which `holds` is true."""

    def parse(text: str) -> T:
        if not holds(text):
            raise ValueError(accepted)
        return convert(text)

    return Parser(parse, schema)


def one_of(*accepted: str) -> Parser[str]:
    """A parser of a word among others."""
    words = ", ".join(accepted) or "nothing"
    return accepting(lambda text: text in accepted, words, str, {"enum": list(accepted)})


def whole_number(least: int, most: int = MOST_WHOLE) -> Parser[int]:
    """A parser of a whole number between two bounds, both included."""
    words = f"a whole number from {least} to {most}"
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return accepting(
        lambda text: is_digits(text) and least <= int(text) <= most, words, int, schema
    )


def is_digits(text: str) -> bool:
    """Whether a text is a whole number that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def words(length: int) -> Parser[str]:
    """A parser of printable text up to a length."""
    accepted = f"at most {length} printable characters"
    schema = TEXT | {"maxLength": length}
    return accepting(
        lambda text: len(text) <= length and text.isprintable(), accepted, str, schema
    )


def ascii_words(length: int) -> Parser[str]:
    """A parser of printable ASCII up to a length, for columns that hold nothing else."""
    accepted = f"at most {length} printable characters of ASCII"
    schema = TEXT | {"maxLength": length, "pattern": "^[ -~]*$"}
    return accepting(
        lambda text: text.isascii() and len(text) <= length and text.isprintable(),
        accepted,
        str,
        schema,
    )


# what may name a ticker, in capitals; the column behind it holds nothing outside ASCII
ticker_symbol = accepting(
    lambda text: is_ticker(text.upper()),
    "1 to 15 of A-Z 0-9 . ^ = -",
    str.upper,
    TEXT | {"pattern": "^[A-Za-z0-9.^=-]{1,15}$"},
)
# a hash, such as that which a page of a batch ended with
sha256 = accepting(
    lambda text: text.isascii() and text.isalnum() and len(text) <= 64,
    "a SHA-256 in hexadecimal digits",
    str,
    TEXT | {"pattern": "^[0-9A-Za-z]{0,64}$"},
)
flag = accepting(
    lambda text: text in ("true", "false"),
    "true, false",
    lambda text: text == "true",
    {"enum": ["true", "false"]},
)
any_text = Parser(str, TEXT)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date of the form YYYY-MM-DD") from None


def _time_zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError("a time zone such as America/New_York") from None


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value) or abs(value) > MOST_NUMBER:
        raise ValueError("a number from -1e15 to 1e15")
    return value


def _run_id(text: str) -> str:
    try:
        UUID(text)
    except ValueError:
        raise ValueError("the id of a run") from None
    return text


day = Parser(_day, TEXT | {"format": "date"})
time_zone = Parser(_time_zone, TEXT)
number = Parser(_number, {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER})
run_id = Parser(_run_id, TEXT | {"format": "uuid"})


class IdConverter(BaseConverter):
    """The ids in paths, `<uuid:run_id>`, as the texts that the database has."""

    regex = UUIDConverter.regex

    def to_python(self, value: str) -> str:
        """In small letters."""
        return value.lower()
