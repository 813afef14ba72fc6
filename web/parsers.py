"""How the values of a query are read: each parser says what it accepts, in words and as a schema."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from werkzeug.routing import BaseConverter, UUIDConverter

from adapters.prices.tickers import is_ticker
from contracts.values import Json, frozen

T = TypeVar("T")
MAX_DIGITS = 18  # of a whole number: the ids of 64 bits
MOST_WHOLE = 10**MAX_DIGITS - 1
MOST_NUMBER = 1e15
TEXT = {"type": "string"}


@frozen
class Parser(Generic[T]):
    """Converts a text; ValueError with what is accepted for every other. `schema` is the same as JSON Schema."""

    convert: Callable[[str], T]
    schema: Json

    def __call__(self, text: str) -> T:
        return self.convert(text)


def accepting(
    accepted: str,
    schema: Json,
    convert: Callable[[str], T],
    holds: Callable[[str], object] = bool,
) -> Parser[T]:
    """A parser of texts for which `holds` is true and that `convert` can read; others are told what is accepted."""

    def parse(text: str) -> T:
        with suppress(ValueError, OSError, ZoneInfoNotFoundError):
            if holds(text):
                return convert(text)
        raise ValueError(accepted)

    return Parser(parse, schema)


def one_of(*accepted: str) -> Parser[str]:
    """A parser of a word among others."""
    words = ", ".join(accepted) or "nothing"
    return accepting(words, {"enum": list(accepted)}, str, accepted.__contains__)


def whole_number(least: int, most: int = MOST_WHOLE) -> Parser[int]:
    """A parser of a whole number between two bounds, both included."""
    return accepting(
        f"a whole number from {least} to {most}",
        {"type": "integer", "minimum": least, "maximum": most},
        int,
        lambda text: is_digits(text) and least <= int(text) <= most,
    )


def is_digits(text: str) -> bool:
    """Whether a text is a whole number that the database can hold."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def words(length: int) -> Parser[str]:
    """A parser of printable text up to a length."""
    return accepting(
        f"at most {length} printable characters",
        TEXT | {"maxLength": length},
        str,
        lambda text: len(text) <= length and text.isprintable(),
    )


def ascii_words(length: int) -> Parser[str]:
    """A parser of printable ASCII up to a length, for columns that hold nothing else."""
    return accepting(
        f"at most {length} printable characters of ASCII",
        words(length).schema | {"pattern": "^[ -~]*$"},
        words(length),
        str.isascii,
    )


# what may name a ticker, in capitals; the column behind it holds nothing outside ASCII
ticker_symbol = accepting(
    "1 to 15 of A-Z 0-9 . ^ = -",
    TEXT | {"pattern": "^[A-Za-z0-9.^=-]{1,15}$"},
    str.upper,
    lambda text: is_ticker(text.upper()),
)
# a hash, such as that which a page of a batch ended with
sha256 = accepting(
    "a SHA-256 in hexadecimal digits",
    TEXT | {"pattern": "^[0-9A-Za-z]{0,64}$"},
    str,
    lambda text: text.isascii() and text.isalnum() and len(text) <= 64,
)
flag = accepting(
    "true, false",
    {"enum": ["true", "false"]},
    lambda text: text == "true",
    lambda text: text in ("true", "false"),
)
any_text = Parser(str, TEXT)
day = accepting("a date of the form YYYY-MM-DD", TEXT | {"format": "date"}, date.fromisoformat)
time_zone = accepting(
    "a time zone such as America/New_York", TEXT, lambda text: ZoneInfo(text).key
)
number = accepting(
    "a number from -1e15 to 1e15",
    {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
    float,
    lambda text: abs(float(text)) <= MOST_NUMBER,  # NaN is not
)
run_id = accepting("the id of a run", TEXT | {"format": "uuid"}, str, UUID)


class IdConverter(BaseConverter):
    """The ids in paths, `<uuid:run_id>`, as the texts that the database has."""

    regex = UUIDConverter.regex

    def to_python(self, value: str) -> str:
        """In small letters."""
        return value.lower()
