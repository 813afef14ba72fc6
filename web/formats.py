"""How numbers and times are written on pages: signs, thousands, units, UTC with an age."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from json import loads
from typing import Any

from markupsafe import Markup

from adapters.money import CENTS, CENTS_FROM, money_decimals
from adapters.sparkline import LEVELS
from contracts.run_request import DEFAULT_CAPITAL
from contracts.status import ErrorType, RunStatus
from contracts.timeframes import BY_DAY

ABSENT = "—"
SMALLEST, LARGEST = 1e-12, 1e18  # beyond them zeros would have to be counted
_STEPS_S = ((86_400, "d"), (3600, "h"), (60, "min"))


def plain(value: Any) -> str:
    """A value as a person would write it: 14, −0.001, 1,000,000, sma, yes; a dash for nothing."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:z,.10g}" if isinstance(value, float) else f"{value:,.10g}"
    shown = f"{Decimal(text):,f}" if "e" in text and SMALLEST < abs(value) < LARGEST else text
    return shown.replace("-", "−")


def number(value: float | None, decimals: int = 2) -> str:
    """1,234.50; a dash for None, and no sign before a zero."""
    if value is None:
        return ABSENT
    return f"{value:z,.{decimals}f}".replace("-", "−")


def money(value: float | None, decimals: int = CENTS) -> str:
    """Money with the decimals of its account, without any from a million on."""
    return number(value, 0 if abs(value or 0) >= 1e6 else decimals)


def account_decimals(request: Mapping[str, Any]) -> int:
    """Decimals of money in the account that a request asks for."""
    return money_decimals(request.get("initial_capital", DEFAULT_CAPITAL))


def coarse_money(value: float, capital: float) -> str:
    """Money in a sentence: whole, or in an account that began with less than 1,000 with its decimals."""
    return number(value, 0 if capital >= CENTS_FROM else money_decimals(capital))


def signed(value: float | None, decimals: int = 2) -> str:
    """+1,234.50 or −3.20 with a real minus sign, so that direction never hangs on colour; a dash for None."""
    text = number(value, decimals)
    return f"+{text}" if value and value > 0 and text.strip("0.,") else text


def direction_class(value: float | None) -> str:
    """The CSS class of a rise, a fall, or neither."""
    return "flat" if not value else "up" if value > 0 else "down"


def duration(seconds: float | None) -> str:
    """340 ms, 12.3 s, 4 min 05 s, 2 h 07 min; a dash for None."""
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
    """A guess in whole units: about 40 s left, about 3 min left, about 2 h left."""
    step_s, unit = next((step for step in _STEPS_S if seconds >= 1.5 * step[0]), (1, "s"))
    return f"about {max(round(seconds / step_s), 1):,} {unit} left"


def moment(value: datetime) -> str:
    """2026-11-21 01:19:44 UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S} UTC"


def iso(value: datetime) -> str:
    """A UTC time as the datetime attribute of a <time>."""
    return f"{value.isoformat(timespec='milliseconds')}Z"


def age(value: datetime) -> str:
    """How long ago: 12 s ago, 3 min ago, 2 d ago."""
    passed_s = (datetime.now(UTC).replace(tzinfo=None) - value).total_seconds()
    for step_s, unit in _STEPS_S:
        if passed_s >= step_s:
            return f"{passed_s // step_s:.0f} {unit} ago"
    return f"{passed_s:.0f} s ago" if passed_s >= 1 else "just now"


def breakable(text: str) -> Markup:
    """An identifier that narrow columns may break after _, + and -, rather than in the middle of a number."""
    parts = re.split(r"(?<=[_+-])", text)
    return Markup("<wbr>").join(parts)


def within_days(timeframe: str) -> bool:
    """Whether the bars of a timeframe have a time of day."""
    return timeframe not in BY_DAY


def short_hash(text: str | None) -> str:
    """The first twelve characters of a hash; a dash for None."""
    return text[:12] if text else ABSENT


def public_status(status: str) -> str:
    """The word for a stored state: completed rather than SUCCEEDED."""
    return RunStatus(status).public


def run_word(run: Mapping[Any, Any]) -> str:
    """The word for the state of a run; cancelled is one of its own to people."""
    return (
        "cancelled" if run["error_type"] == ErrorType.CANCELLED else public_status(run["status"])
    )


SPARK_Y = {level: f"{22 - height * 0.32:.4g}" for height, level in enumerate(LEVELS)}


@cache
def _spark_x(points: int) -> tuple[str, ...]:
    step = 96 / max(points - 1, 1)
    return tuple(f"{index * step:.4g}," for index in range(points))


def sparkline_points(shape: str) -> str:
    """A stored sparkline as points of a picture 96 wide and 24 high; looked up, since a list shows fifty of them."""
    return " ".join(
        [x + SPARK_Y[level] for x, level in zip(_spark_x(len(shape)), shape, strict=True)]
    )


def heat(value: float | None, largest: float) -> str:
    """A cell's shade by its share of the largest value: up-0 to up-5 or down-0 to down-5; none for None."""
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
