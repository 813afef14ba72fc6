"""Cells of a price file: dates, times of day and numbers, by the one notation that fits a whole column."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import partial
from itertools import chain

from adapters.prices.table import refuse

DateReader = Callable[[str], datetime | None]

_DAYS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%m/%d/%y",
    "%d/%m/%y",
    "%y/%m/%d",
    "%d-%m-%y",
    "%m-%d-%y",
    "%y-%m-%d",
    "%d.%m.%y",
    "%y.%m.%d",
    "%b %d, %Y",
    "%b %d %Y",
    "%B %d, %Y",
    "%d-%b-%Y",
    "%d-%b-%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d/%b/%Y",
)
_STAMPS = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S", 17: "%Y%m%d%H%M%S%f"}  # by their digits
_UNITS = (
    (11, 1),
    (14, 10**3),
    (17, 10**6),
    (19, 10**9),
)  # of a second since 1970, by digits at most
_DIGITS = re.compile(r"(\d{9,19})(\.0*)?", re.ASCII)
_CLOCK = (
    r"(?P<hour>\d{1,2})(:(?P<minute>\d{2})(:(?P<second>\d{2})([.,]\d+)?)?)?"
    r"[ -]?(?P<half>[AaPp])?(?(half)\.?[Mm]\.?)"
)
_OFFSET = r"( ?(?P<offset>Z|(UTC|GMT)?[+-]\d{2}:?\d{2}( UTC)?|UTC|GMT))?"
_DAY_AND_CLOCK = re.compile(rf"(?P<day>.+?)([ T]|, ?){_CLOCK}{_OFFSET}", re.ASCII)
_CLOCK_ALONE = re.compile(_CLOCK, re.ASCII)
_YEAR_APART_DAYS = 200  # no timeframe has bars further apart: day and year are mixed up
_MIDNIGHT = re.compile(r"[T ]0?0:00(:00)?(\.0+)?$")


def date_reader(sample: Sequence[str]) -> DateReader:
    """Return the reader of these dates; RefusedFile when several formats fit and give different days."""
    if all(map(_DIGITS.fullmatch, sample)):
        return _read_stamp if all(map(_read_stamp, sample)) else _read_epoch
    if all(map(_read_iso, sample)):
        return _read_iso
    fitting = _plausible(sample)
    for cell in sample:
        days = sorted({str(reader(cell))[:10] for reader in fitting})
        if len(days) > 1:
            raise refuse(
                f"the dates, such as {cell!r}, may mean {' or '.join(days)}; write them as YYYY-MM-DD"
            )
    return next(iter(fitting), _read_iso)  # it reports the line of the first cell that is no date


def order_in_words(cell: str, read: DateReader) -> str | None:
    """Return a sentence on a date that would be ambiguous by itself; None if it would not."""
    meant, days = read(cell), {str(each)[:10] for reader in _READERS if (each := reader(cell))}
    if meant is None or read not in _READERS or len(days) < 2:
        return None
    return f"dates such as {cell!r} are read as {meant:%Y-%m-%d}, since the whole column allows no other order"


def _plausible(sample: Sequence[str]) -> list[DateReader]:
    """Readers that fit all dates; preferably those that put them in order and less than a year apart."""
    fitting = [reader for reader in _READERS if all(map(reader, sample))]
    days = {reader: [_day_number(reader(cell)) for cell in sample] for reader in fitting}
    ordered = [
        each for each in fitting if days[each] in (sorted(days[each]), sorted(days[each])[::-1])
    ]
    close_together = [each for each in ordered if _usual_step(days[each]) < _YEAR_APART_DAYS]
    return close_together or ordered or fitting


def _day_number(moment: datetime | None) -> int:
    return moment.toordinal() if moment else 0


def _usual_step(days: Sequence[int]) -> int:
    steps = sorted(abs(after - before) for before, after in zip(days, days[1:], strict=False))
    return steps[len(steps) // 2] if steps else 0


def _read_iso(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _read_stamp(cell: str) -> datetime | None:
    digits = cell.partition(".")[0]
    return _by_pattern(digits, _STAMPS.get(len(digits), ""))


def _read_epoch(cell: str) -> datetime | None:
    """Seconds since 1970, or thousandths, millionths or billionths, by the number of digits."""
    digits = cell.partition(".")[0]
    if not re.fullmatch(r"\d{1,13}|\d{15,16}|\d{18,19}", digits, re.ASCII):
        return None
    unit = next(unit for most, unit in _UNITS if len(digits) <= most)
    return datetime.fromtimestamp(int(digits) / unit, UTC)


def _by_pattern(cell: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(cell, pattern)
    except ValueError:
        return None


def _read_written(cell: str, pattern: str) -> datetime | None:
    """Read a day by a pattern, with or without a time of day and an offset after it."""
    text = re.sub(r"\s*[年月년월]\s*", "-", re.sub("[日일]", "", cell))
    parts = _DAY_AND_CLOCK.fullmatch(text)
    if parts and not parts["minute"] and not parts["half"]:
        parts = None  # a number that is part of the day
    written = re.sub(r"\s*([-./])\s*", r"\1", parts["day"] if parts else text).rstrip(".")
    day = _by_pattern(written, pattern)
    if day is None or parts is None:
        return day
    clock = _time_of(parts)
    offset = re.sub("UTC|GMT|Z| ", "", parts["offset"] or "") or (
        "+00:00" if parts["offset"] else ""
    )
    return _read_iso(f"{day:%Y-%m-%d} {clock}{offset}") if clock is not None else None


_READERS: list[DateReader] = [partial(_read_written, pattern=day) for day in _DAYS]


def _time_of(parts: re.Match[str]) -> time | None:
    """Return the time of day of a matched text; None for one that no day has."""
    hour, minute, second = (int(parts[name] or 0) for name in ("hour", "minute", "second"))
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (parts["half"] in "pP")
    try:
        return time(hour, minute, second)
    except ValueError:
        return None


def clock_reader(cells: Iterable[str]) -> Callable[[str], time | None]:
    """Return the reader of a column of times of day; RefusedFile when they may be hours or minutes.

    Numbers are HHMM, or HHMMSS where one has more than four digits; leading zeros may be missing.
    """
    numbers = {cell for cell in cells if re.fullmatch(r"\d+", cell, re.ASCII)}
    width = max(map(len, numbers), default=4)
    if width < 3 and any(map(int, numbers)):
        raise refuse(
            f"the times, such as {max(numbers, key=int)!r}, may be hours or minutes; write them as HH:MM"
        )
    return partial(_read_clock, width=6 if width > 4 else 4)


def _read_clock(cell: str, width: int) -> time | None:
    if re.fullmatch(r"\d{1,6}", cell, re.ASCII):
        digits = cell.zfill(width).ljust(6, "0")
        cell = f"{digits[:2]}:{digits[2:4]}:{digits[4:]}"
    parts = _CLOCK_ALONE.fullmatch(cell or "00:00")
    return _time_of(parts) if parts and (parts["minute"] or parts["half"]) else None


def with_clock(day: str, clock: time) -> str:
    """Join a date and a time of day; the time replaces a midnight that the date is written with."""
    return f"{_MIDNIGHT.sub('', day)} {clock}"


VOLUMES = ("volume", "ticks")
_SCALES = {"K": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9)}


def _numbers(decimal: str, thousands: str) -> re.Pattern[str]:
    # India writes 12,34,567
    grouped = rf"[1-9]\d{{0,2}}({thousands}\d{{2,3}})*{thousands}\d{{3}}"
    return re.compile(
        rf"[+-]?(({grouped}|\d+)({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d{{1,2}})?[KMBkmb]?",
        re.ASCII,
    )


_WITH_POINT, _WITH_COMMA = _numbers(r"\.", ","), _numbers(",", r"\.")


def number(text: str, decimal_comma: bool) -> Decimal | None:
    """Return the number that a cell stands for, also 1,234.50 and 12.3M; None if it is no number."""
    if not (_WITH_COMMA if decimal_comma else _WITH_POINT).fullmatch(text):
        return None
    plain = text.replace(".", "").replace(",", ".") if decimal_comma else text.replace(",", "")
    scale = _SCALES.get(plain[-1].upper())
    return Decimal(plain[:-1]) * scale if scale else Decimal(plain)


def writes_decimal_comma(columns: Mapping[str, Iterable[str]], delimiter: str) -> bool:
    """True when a file's numbers have decimal commas.

    One unambiguous cell decides for all. Without any, the separator in the prices is taken as that of decimals, unless
    it is a comma in a file that commas delimit.
    """
    for fitting, other in ((_WITH_POINT, _WITH_COMMA), (_WITH_COMMA, _WITH_POINT)):
        cells = chain.from_iterable(columns.values())
        if any(fitting.fullmatch(cell) and not other.fullmatch(cell) for cell in cells):
            return fitting is _WITH_COMMA
    prices = chain.from_iterable(cells for name, cells in columns.items() if name not in VOLUMES)
    return delimiter != "," and {mark for cell in prices for mark in cell} & {*",."} == {","}


def ambiguous_cell(cells: Iterable[str], delimiter: str) -> str | None:
    """Return a cell whose separator may be that of decimals or of thousands in all its column, else None."""
    separated = [cell for cell in cells if "," in cell or ("." in cell and delimiter != ",")]
    ambiguous = all(
        _WITH_POINT.fullmatch(cell) and _WITH_COMMA.fullmatch(cell) for cell in separated
    )
    return min(separated, default=None) if ambiguous else None
