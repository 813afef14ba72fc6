"""Dates and numbers as price files write them, read exactly; a cell that cannot be meant is None."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal

from adapters.prices.findings import refuse

DateReader = Callable[[str], datetime | None]

SAMPLE = 2_000  # rows from which the order of day and month is told
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_SCALES = {"K": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9)}
_DAYS = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m-%d-%Y", "%d-%m-%Y", "%d.%m.%Y", "%b %d, %Y", "%d-%b-%Y", "%d %b %Y")
_PATTERNS = tuple(f"{day}{clock}" for day in _DAYS for clock in ("", " %H:%M", " %H:%M:%S"))


def number(text: str, decimal_comma: bool = False) -> Decimal | None:
    """The number that a cell means: 1,234.50 and 12.3M too; None when it is none."""
    plain = text.replace(".", "").replace(",", ".") if decimal_comma else text.replace(",", "")
    scale = _SCALES.get(plain[-1:].upper())
    plain = plain[:-1] if scale else plain
    if not _NUMBER.fullmatch(plain):
        return None
    return Decimal(plain) * scale if scale else Decimal(plain)


def writes_decimal_comma(cells: Sequence[str], delimiter: str) -> bool:
    """Whether a column writes decimal commas: then commas delimit nothing, and no cell has a point alone."""
    return (
        delimiter != ","
        and any("," in cell for cell in cells)
        and not any("." in cell and "," not in cell for cell in cells)
    )


def date_reader(cells: Sequence[str]) -> DateReader:
    """How the dates of this column are read; Refused when no way, or more than one, fits."""
    sample = cells[:: max(len(cells) // SAMPLE, 1)]
    if all(cell.isascii() and cell.isdigit() and 9 <= len(cell) <= 14 for cell in sample):
        return _epoch
    if all(_iso(cell) for cell in sample):
        return _iso
    fitting = [pattern for pattern in _PATTERNS if all(_parsed(cell, pattern) for cell in sample)]
    if not fitting:
        return _iso  # names the first cell that is none, by its line
    if len(fitting) > 1:
        one, other = (datetime.strptime(sample[0], pattern).date() for pattern in fitting[:2])
        raise refuse(f"the dates, such as {sample[0]!r}, may mean {one} or {other}; write them as YYYY-MM-DD")
    return lambda cell: _parsed(cell, fitting[0])


def _epoch(cell: str) -> datetime | None:
    if not cell.isascii() or not cell.isdigit() or len(cell) > 14:
        return None
    return datetime.fromtimestamp(int(cell) / (1000 if len(cell) > 11 else 1), UTC)


def _iso(cell: str) -> datetime | None:
    try:
        return datetime.fromisoformat(cell)
    except ValueError:
        return None


def _parsed(cell: str, pattern: str) -> datetime | None:
    try:
        return datetime.strptime(cell, pattern)
    except ValueError:
        return None


def seconds_of_day(moment: datetime) -> int:
    """Midnight, UTC, of the day that is written; whatever offset it is written with."""
    return int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp())


def seconds_of_time(moment: datetime, zone: tzinfo | None) -> int | None:
    """The moment itself; one without an offset is in `zone`, and None without that."""
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp())
