"""Read the values of a query, and write numbers, times and SVG shapes on pages."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from json import loads
from typing import Any, Generic, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup, escape
from werkzeug.routing import BaseConverter, UUIDConverter

from adapters.money import CENTS, CENTS_FROM, money_decimals
from adapters.prices.tickers import nearest_tickers, parse_ticker
from adapters.sparkline import LEVELS
from contracts.run_request import DEFAULT_CAPITAL
from contracts.status import ErrorType, RunStatus
from contracts.tickers import normalize_ticker
from contracts.timeframes import BY_DAY
from contracts.values import Json, frozen

ABSENT = "—"
# magnitudes beyond these are written with an exponent
SMALLEST, LARGEST = 1e-12, 1e18
_STEPS_S = ((86_400, "d"), (3600, "h"), (60, "min"))


def plain(value: Any) -> str:
    """Format a value as a person would write it: 14, −0.001, 1,000,000, sma, yes; a dash for None."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:z,.10g}" if isinstance(value, float) else f"{value:,.10g}"
    if "e" in text and SMALLEST < abs(value) < LARGEST:
        text = f"{Decimal(text):,f}"
    return text.replace("-", "−")


def number(value: float | None, decimals: int = 2) -> str:
    """Format a number as 1,234.50; a dash for None, and no sign before a zero."""
    if value is None:
        return ABSENT
    return f"{value:z,.{decimals}f}".replace("-", "−")


def money(value: float | None, decimals: int = CENTS) -> str:
    """Format money with the decimals of its account, without decimals from a million on."""
    return number(value, 0 if abs(value or 0) >= 1e6 else decimals)


def account_decimals(request: Mapping[str, Any]) -> int:
    """Return the decimals of money in a request's account."""
    return money_decimals(request.get("initial_capital", DEFAULT_CAPITAL))


def coarse_money(value: float, capital: float) -> str:
    """Format money for a sentence: whole units, or with decimals in an account that started below 1,000."""
    return number(value, 0 if capital >= CENTS_FROM else money_decimals(capital))


def signed(value: float | None, decimals: int = 2) -> str:
    """Format a number as +1,234.50 or −3.20, so that direction never depends on colour alone; a dash for None."""
    text = number(value, decimals)
    return f"+{text}" if value and value > 0 and text.strip("0.,") else text


def return_words(percent: float) -> str:
    """Format a return as words: gained 12.3%."""
    return f"{'gained' if percent >= 0 else 'lost'} {abs(percent):,.1f}%"


def direction_class(value: float | None) -> str:
    """Return the CSS class of a rise, a fall, or neither."""
    return "flat" if not value else "up" if value > 0 else "down"


def duration(seconds: float | None) -> str:
    """Format seconds as 340 ms, 12.3 s, 4 min 05 s or 2 h 07 min; a dash for None."""
    if seconds is None:
        return ABSENT
    if seconds < 1:
        return f"{max(seconds, 0) * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return (
        f"{minutes} min {rest:02d} s"
        if minutes < 60
        else f"{minutes // 60:,} h {minutes % 60:02d} min"
    )


def time_left(seconds: float) -> str:
    """Format an estimate in whole units: about 40 s left, about 3 min left, about 2 h left."""
    step_s, unit = next((step for step in _STEPS_S if seconds >= 1.5 * step[0]), (1, "s"))
    return f"about {max(round(seconds / step_s), 1):,} {unit} left"


def moment(value: datetime) -> str:
    """Format a UTC time as 2026-11-21 01:19:44 UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def iso(value: datetime) -> str:
    """Format a UTC time for the datetime attribute of a <time>."""
    return f"{value.isoformat(timespec='milliseconds')}Z"


def age(value: datetime) -> str:
    """Format the age of a UTC time: 12 s ago, 3 min ago, 2 d ago."""
    passed_s = (datetime.now(UTC).replace(tzinfo=None) - value).total_seconds()
    for step_s, unit in _STEPS_S:
        if passed_s >= step_s:
            return f"{passed_s // step_s:.0f} {unit} ago"
    return f"{passed_s:.0f} s ago" if passed_s >= 1 else "just now"


def breakable(text: str) -> Markup:
    """Let narrow columns break an identifier after _, + and -, rather than in the middle of a number."""
    parts = re.split(r"(?<=[_+-])", text)
    return Markup("<wbr>").join(parts)


def within_days(timeframe: str) -> bool:
    """Return whether the bars of a timeframe have a time of day."""
    return timeframe not in BY_DAY


def short_hash(text: str | None) -> str:
    """Return the first twelve characters of a hash; a dash for None."""
    return text[:12] if text else ABSENT


def public_status(status: str) -> str:
    """Return the public word for a stored state: completed for SUCCEEDED."""
    return RunStatus(status).public


def run_word(run: Mapping[Any, Any]) -> str:
    """Return the word for the state of a run on pages, where cancelled is a state of its own."""
    return (
        "cancelled" if run["error_type"] == ErrorType.CANCELLED else public_status(run["status"])
    )


SPARK_Y = {level: f"{22 - height * 0.32:.4g}" for height, level in enumerate(LEVELS)}


@cache
def _spark_x(points: int) -> tuple[str, ...]:
    step = 96 / max(points - 1, 1)
    return tuple(f"{index * step:.4g}," for index in range(points))


def sparkline_points(shape: str) -> str:
    """Return the points of a stored sparkline in a picture 96 wide and 24 high; looked up, as a list has fifty."""
    return " ".join(
        [x + SPARK_Y[level] for x, level in zip(_spark_x(len(shape)), shape, strict=True)]
    )


def heat(value: float | None, largest: float) -> str:
    """Return the shade of a cell by its share of the largest value: up-0 to up-5 or down-0 to down-5; none for None."""
    if value is None or not largest:
        return "none"
    return f"{'up' if value >= 0 else 'down'}-{min(round(abs(value) / largest * 5), 5)}"


# fmt: off
FILTERS = (
    account_decimals, direction_class, duration, heat, money, number, plain, signed, sparkline_points,  # of numbers
    age, breakable, iso, moment, public_status, run_word, short_hash, time_left, within_days,
    loads,
)
# fmt: on


T = TypeVar("T")
MAX_DIGITS = 18  # of a whole number, so that it fits into 64 bits
MOST_WHOLE = 10**MAX_DIGITS - 1
MOST_NUMBER = 1e15
TEXT = {"type": "string"}


@frozen
class Parser(Generic[T]):
    """Converter of texts for which `is_valid` is true; ValueError with the accepted values for all others.

    schema: the accepted values as JSON Schema. accepted: the same in words; None if the errors of `convert` name them.
    """

    convert: Callable[[str], T]
    schema: Json
    accepted: str | None = None
    is_valid: Callable[[str], object] = bool

    def __call__(self, text: str) -> T:
        try:
            if self.is_valid(text):
                return self.convert(text)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            if self.accepted is None:
                raise
        raise ValueError(self.accepted)


def one_of(*accepted: str) -> Parser[str]:
    """Return a parser that accepts these words."""
    words = ", ".join(accepted) or "nothing"
    return Parser(str, {"enum": list(accepted)}, words, accepted.__contains__)


def whole_number(least: int, most: int = MOST_WHOLE) -> Parser[int]:
    """Return a parser of whole numbers between two bounds, both included."""
    return Parser(
        int,
        {"type": "integer", "minimum": least, "maximum": most},
        f"a whole number from {least} to {most}",
        lambda text: is_digits(text) and least <= int(text) <= most,
    )


def is_digits(text: str) -> bool:
    """Return whether a text is a whole number that the database can store."""
    return text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS


def words(length: int) -> Parser[str]:
    """Return a parser of printable text up to a length."""
    return Parser(
        str,
        TEXT | {"maxLength": length},
        f"at most {length} printable characters",
        lambda text: len(text) <= length and text.isprintable(),
    )


def ascii_words(length: int) -> Parser[str]:
    """Return a parser of printable ASCII up to a length, for columns that store nothing else."""
    return Parser(
        words(length),
        words(length).schema | {"pattern": "^[ -~]*$"},
        f"at most {length} printable characters of ASCII",
        str.isascii,
    )


# the syntax of a ticker; its column stores ASCII only
ticker_symbol = Parser(parse_ticker, TEXT | {"pattern": "^[A-Za-z0-9.^=-]{1,15}$"})


def ticker_among(tickers: Collection[str]) -> Parser[str]:
    """Return a parser that accepts these tickers."""

    def read(text: str) -> str:
        ticker = normalize_ticker(text)
        if ticker in tickers:
            return ticker
        raise ValueError(f"one of {len(tickers):,} tickers; {nearest_tickers(ticker, tickers)}")

    return Parser(read, {"enum": list(tickers)})


# a hash, such as the cursor of a batch's pages
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
finite_number = Parser(
    float,
    {"type": "number", "minimum": -MOST_NUMBER, "maximum": MOST_NUMBER},
    "a number from -1e15 to 1e15",
    lambda text: abs(float(text)) <= MOST_NUMBER,  # NaN is not
)
run_id = Parser(str, TEXT | {"format": "uuid"}, "the id of a run", UUID)


class IdConverter(BaseConverter):
    """Converter of ids in paths, `<uuid:run_id>`, to the text that the database stores."""

    regex = UUIDConverter.regex

    def to_python(self, value: str) -> str:
        """Return the id in lower case."""
        return value.lower()


Place = float | str  # a coordinate in units of the picture, or as "50%"


def line(css: str, x1: Place, y1: Place, x2: Place, y2: Place) -> str:
    """Draw a straight line between two places."""
    return f'<line class="{css}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def polyline(css: str, places: Iterable[tuple[float, float]]) -> str:
    """Draw a line through these places."""
    return f'<polyline class="{css}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'


def polygon(css: str, places: Iterable[tuple[float, float]]) -> str:
    """Draw a filled shape with corners at these places."""
    return f'<polygon class="{css}" points="{" ".join(f"{x},{y}" for x, y in places)}"/>'


def bar(css: str, x: float, width: float, y: float, floor: float) -> str:
    """Draw a rectangle between two heights, in either order."""
    place = (
        f'x="{x:.1f}" width="{width:.1f}" y="{min(y, floor):.1f}" height="{abs(y - floor):.1f}"'
    )
    return f'<rect class="{css}" {place}/>'


def text(x: Place, y: Place, words: str, anchor: str = "middle", dy: int = 0) -> str:
    """Draw text anchored at a place by its start, middle or end."""
    return f'<text class="axis" x="{x}" y="{y}" dy="{dy}" text-anchor="{anchor}">{escape(words)}</text>'


def picture(shapes: Iterable[str], frame: str, alt: str = "") -> Markup:
    """Return an SVG of these shapes, with the attributes `frame`; without `alt` screen readers skip it.

    Colours are CSS classes: the Content-Security-Policy forbids inline styles.
    """
    label = f'role="img" aria-label="{escape(alt)}"' if alt else 'aria-hidden="true"'
    return Markup(f"<svg {frame} {label}>{''.join(shapes)}</svg>")


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Return a linear scale from `low`–`high` to `start`–`end`; the middle where low equals high."""
    span = high - low
    return lambda value: round(start + (end - start) * ((value - low) / span if span else 0.5), 2)
