"""How the values of a query are read: each parser says what it accepts, in words and as a schema."""

from collections.abc import Callable, Collection
from datetime import date
from typing import Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from werkzeug.routing import BaseConverter, UUIDConverter

from adapters.prices.tickers import nearest_tickers, parse_ticker
from contracts.tickers import normalize_ticker
from contracts.values import Json, frozen

T = TypeVar("T")
MAX_DIGITS = 18  # of a whole number: the ids of 64 bits
MOST_WHOLE = 10**MAX_DIGITS - 1
MOST_NUMBER = 1e15
TEXT = {"type": "string"}


@frozen
class Parser(Generic[T]):
    """Converts texts for which `holds` is true; ValueError with what is accepted for every other.

    schema: the same as JSON Schema. accepted: in words; where it is None `convert` says so itself.
    """

    convert: Callable[[str], T]
    schema: Json
    accepted: str | None = None
    holds: Callable[[str], object] = bool

    def __call__(self, text: str) -> T:
        try:
            if self.holds(text):
                return self.convert(text)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            if self.accepted is None:
                raise
        raise ValueError(self.accepted)


def one_of(*accepted: str) -> Parser[str]:
    """A parser of a word among others."""
    words = ", ".join(accepted) or "nothing"
    return Parser(str, {"enum": list(accepted)}, words, accepted.__contains__)


def whole_number(least: int, most: int = MOST_WHOLE) -> Parser[int]:
    """A parser of a whole number between two bounds, both included."""
    return Parser(
        int,
        {"type": "integer", "minimum": least, "maximum": most},
        f"a whole number from {least} to {most}",
        lambda text: is_digits(text) and least <= int(text) <= most,
    )


def is_digits(text: str) -> bool:
    """Whether a text is a whole number that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def words(length: int) -> Parser[str]:
    """A parser of printable text up to a length."""
    return Parser(
        str,
        TEXT | {"maxLength": length},
        f"at most {length} printable characters",
        lambda text: len(text) <= length and text.isprintable(),
    )


def ascii_words(length: int) -> Parser[str]:
    """A parser of printable ASCII up to a length, for columns that hold nothing else."""
    return Parser(
        words(length),
        words(length).schema | {"pattern": "^[ -~]*$"},
        f"at most {length} printable characters of ASCII",
        str.isascii,
    )


# what may name a ticker; the column behind it holds nothing outside ASCII
ticker_symbol = Parser(parse_ticker, TEXT | {"pattern": "^[A-Za-z0-9.^=-]{1,15}$"})


def ticker_among(tickers: Collection[str]) -> Parser[str]:
    """A parser of one of these tickers."""

    def read(text: str) -> str:
        ticker = normalize_ticker(text)
        if ticker in tickers:
            return ticker
        raise ValueError(f"one of {len(tickers):,} tickers; {nearest_tickers(ticker, tickers)}")

    return Parser(read, {"enum": list(tickers)})


# a hash, such as that which a page of a batch ended with
sha256 = Parser(
    str,
    TEXT | {"pattern": "^[0-9A-Za-z]{0,64}$"},
    "a SHA-256 in hexadecimal digits",
    lambda text: text.isascii() and text.isalnum() and len(text) <= 64,
)
flag = Parser(
    lambda text: text == "true",
    {"enum": ["true", "false"]},
    "true, false",
    lambda text: text in ("true", "false"),
)
any_text = Parser(str, TEXT)
day = Parser(date.fromisoformat, TEXT | {"format": "date"}, "a date of the form YYYY-MM-DD")
time_zone = Parser(lambda text: ZoneInfo(text).key, TEXT, "a time zone such as America/New_York")
number = Parser(
    float,
    {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
    "a number from -1e15 to 1e15",
    lambda text: abs(float(text)) <= MOST_NUMBER,  # NaN is not
)
run_id = Parser(str, TEXT | {"format": "uuid"}, "the id of a run", UUID)


class IdConverter(BaseConverter):
    """The ids in paths, `<uuid:run_id>`, as the texts that the database has."""

    regex = UUIDConverter.regex

    def to_python(self, value: str) -> str:
        """In small letters."""
        return value.lower()
