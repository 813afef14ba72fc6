"""Dates and numbers as price files write them, read exactly; a cell that cannot be meant is None."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import partial

from adapters.prices.findings import refuse

DateReader = Callable[[str], datetime | None]

SAMPLE = 2_000  # rows from which the order of day and month is told, and how far bars are apart
_SCALES = {"K": Decimal(10**3), "M": Decimal(10**6), "B": Decimal(10**9)}
_DAYS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y/%m/%d",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%d.%m.%Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%d %b %Y",
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S")
_STAMPS = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}  # by their digits, since strptime takes fewer


def _numbers(decimal: str, thousands: str) -> re.Pattern[str]:
    # India writes 12,34,567
    grouped = rf"[1-9]\d{{0,2}}({thousands}\d{{2,3}})*{thousands}\d{{3}}"
    return re.compile(
        rf"[+-]?(({grouped}|\d+)({decimal}\d*)?|{decimal}\d+)([eE][+-]?\d{{1,2}})?[KMBkmb]?",
        re.ASCII,
    )


_WITH_POINT, _WITH_COMMA = _numbers(r"\.", ","), _numbers(",", r"\.")


def number(text: str, decimal_comma: bool = False) -> Decimal | None:
    """The number that a cell means: 1,234.50 and 12.3M too; None when it is none."""
    if not (_WITH_COMMA if decimal_comma else _WITH_POINT).fullmatch(text):
        return None
    plain = text.replace(".", "").replace(",", ".") if decimal_comma else text.replace(",", "")
    scale = _SCALES.get(plain[-1].upper())
    return Decimal(plain[:-1]) * scale if scale else Decimal(plain)


def writes_decimal_comma(columns: Mapping[str, Iterable[str]], delimiter: str) -> bool:
    """Whether a file's numbers have decimal commas.

    One cell that can be meant in one way only says it for all; without any, the separator of the prices is the
    decimals', unless it is a comma in a file of commas.
    """
    if _some_only(_WITH_POINT, _WITH_COMMA, columns.values()):
        return False
    if _some_only(_WITH_COMMA, _WITH_POINT, columns.values()):
        return True
    prices = [cells for name, cells in columns.items() if name != "volume"]
    return delimiter != "," and {
        mark for cells in prices for cell in cells for mark in cell if mark in ",."
    } == {","}


def _some_only(
    fitting: re.Pattern[str], other: re.Pattern[str], columns: Iterable[Iterable[str]]
) -> bool:
    separated = (cell for cells in columns for cell in cells if not cell.isdigit())
    return any(fitting.fullmatch(cell) and not other.fullmatch(cell) for cell in separated)


def ambiguous_cell(cells: Iterable[str], delimiter: str) -> str | None:
    """One of a column's cells with a separator, when it may be that of decimals or of thousands in all of them."""
    separated = [cell for cell in cells if "," in cell or ("." in cell and delimiter != ",")]
    ambiguous = all(
        _WITH_POINT.fullmatch(cell) and _WITH_COMMA.fullmatch(cell) for cell in separated
    )
    return min(separated, default=None) if ambiguous else None


def date_reader(cells: Sequence[str]) -> DateReader:
    """How the dates of this column are read; Refused when no way, or more than one, fits."""
    sample = cells[:: max(len(cells) // SAMPLE, 1)]
    if all(_is_count(cell) and 9 <= len(cell) <= 14 for cell in sample):
        return _stamp if all(map(_stamp, sample)) else _epoch
    if all(map(_iso, sample)):
        return _iso
    return _pattern_reader(sample)


def _pattern_reader(sample: Sequence[str]) -> DateReader:
    fitting = [reader for reader in _READERS if all(map(reader, sample))]
    for cell in sample:
        days = sorted({str(reader(cell))[:10] for reader in fitting})
        if len(days) > 1:
            raise refuse(
                f"the dates, such as {cell!r}, may mean {' or '.join(days)}; write them as YYYY-MM-DD"
            )
    return next(iter(fitting), _iso)  # which names the first cell that is none, by its line


def _is_count(cell: str) -> bool:
    return cell.isascii() and cell.isdigit()


def _stamp(cell: str) -> datetime | None:
    return _parsed(cell, _STAMPS.get(len(cell), ""))


def _epoch(cell: str) -> datetime | None:
    if not _is_count(cell) or len(cell) > 13:
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


_READERS = [partial(_parsed, pattern=f"{day}{clock}") for day in _DAYS for clock in _CLOCKS]


def seconds_of_day(moment: datetime) -> int:
    """Midnight, UTC, of the day that is written; whatever offset it is written with."""
    return int(datetime(moment.year, moment.month, moment.day, tzinfo=UTC).timestamp())


def seconds_of_week(moment: datetime) -> int:
    """Midnight, UTC, of the Monday of the week; that of a Sunday is the next one, as weeks are written in the US."""
    return seconds_of_day(moment + timedelta(days=1 - (moment.weekday() + 1) % 7))


def seconds_of_time(moment: datetime, zone: tzinfo | None) -> int | None:
    """The moment itself; one without an offset is in `zone`, and None without that."""
    if moment.tzinfo is None:
        if zone is None:
            return None
        moment = moment.replace(tzinfo=zone)
    return int(moment.timestamp())
