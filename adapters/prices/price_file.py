"""The format of a price file and everything that can be wrong with one; standard library only."""

import math
import re
from collections.abc import Iterator
from datetime import datetime

from adapters.prices.bar_times import DATE_LAYOUT
from contracts.errors import BadPriceFile
from contracts.run_request import Timeframe

COLUMNS = ("Date", "Open", "High", "Low", "Close", "Volume")
HEADER = ",".join(COLUMNS)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def price_lines(content: bytes, name: str) -> list[str]:
    """The bars of a price file as lines, oldest first, without its header.

    A byte order mark, CRLF line ends and a missing last line end are accepted. BadPriceFile, with `name` and the line,
    when the content is not ASCII text, has other columns, or has no bars.
    """
    text = _decoded(content.removeprefix(b"\xef\xbb\xbf"), name).replace("\r\n", "\n").rstrip("\n")
    header, *lines = text.split("\n")
    if header != HEADER:
        raise BadPriceFile(f"{name}, line 1: {_header_fault(header)}")
    if not lines:
        raise BadPriceFile(f"{name}, line 2: no bars after the header")
    return lines


def _decoded(content: bytes, name: str) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = f"byte 0x{content[error.start]:02x} is not ASCII text"
        raise BadPriceFile(f"{name}, line {line}: {fault}") from None


def _header_fault(header: str) -> str:
    if not header:
        return f"the file is empty; it must begin with {HEADER}"
    found = header.split(",")
    missing = [column for column in COLUMNS if column not in found]
    extra = [column for column in found if column not in COLUMNS]
    faults = [f"missing columns {', '.join(missing)}"] if missing else []
    faults += [f"extra columns {', '.join(map(repr, extra))}"] if extra else []
    return "; ".join(faults or ["columns repeated or out of order"]) + f"; it must be {HEADER}"


def price_faults(lines: list[str], timeframe: Timeframe) -> Iterator[tuple[int, str]]:
    """Yield (line of the file, fault) for every bar that breaks the format; `lines` as `price_lines` returns them."""
    before = ""
    for line_no, line in enumerate(lines, start=2):
        bar_date, *numbers = line.split(",")
        if len(numbers) != len(COLUMNS) - 1:
            yield line_no, f"{len(numbers) + 1} columns instead of {len(COLUMNS)}"
            continue
        date_fault = _date_fault(bar_date, before, timeframe)
        faults = [date_fault] if date_fault else []
        before = before if date_fault else bar_date
        for fault in faults + _number_faults(numbers):
            yield line_no, fault


def _date_fault(bar_date: str, before: str, timeframe: Timeframe) -> str | None:
    layout = DATE_LAYOUT[timeframe]
    shape = re.sub("[0-9]", "d", bar_date)
    if shape != layout or not _exists(bar_date):
        written = "YYYY-MM-DD" if timeframe == "1d" else "YYYY-MM-DDTHH:MM:SSZ"
        return f"Date {bar_date!r} is not a {written} date of a {timeframe} bar"
    if bar_date == before:
        return f"Date {bar_date} stands twice"
    if bar_date < before:
        return f"Date {bar_date} comes after {before}; bars must be in ascending order"
    return None


def _exists(bar_date: str) -> bool:
    try:
        datetime.fromisoformat(bar_date[:19])
    except ValueError:
        return False
    return True


def _number_faults(texts: list[str]) -> list[str]:
    """What is wrong with the five numbers of one bar."""
    faults = [_number_fault(column, text) for column, text in zip(COLUMNS[1:], texts, strict=True)]
    if any(faults):
        return [fault for fault in faults if fault]
    open_, high, low, close = map(float, texts[:4])
    if high < max(open_, close, low):
        return [f"High {texts[1]} is below the highest of Open, Low and Close ({max(open_, close, low)})"]
    if low > min(open_, close):
        return [f"Low {texts[2]} is above the lowest of Open and Close ({min(open_, close)})"]
    return []


def _number_fault(column: str, text: str) -> str | None:
    number = float(text) if NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        return f"{column} {text!r} is not a finite number"
    if column == "Volume":
        return f"Volume {text} is negative" if number < 0 else None
    return f"{column} {text} is not above zero" if number <= 0 else None
