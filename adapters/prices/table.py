"""A price file as rows and named columns, whoever exported it, or why it is none: faults with their lines."""

import csv
import gzip
import re
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.prices.bars import Whole
from contracts.errors import InvalidRequest
from contracts.values import frozen

Objects = NDArray[np.object_]

SHOWN = 5  # of the lines, dates or names that a finding concerns, in its sentence
DELIMITERS = ",;\t|"
NAME = 40  # characters of a cell or a column's name in a sentence
REQUIRED = ("date", "close")
# What exporters call a column, in lower case and without spaces, underscores, dots and angle brackets.
NAMES = {
    "date": ("date", "datetime", "timestamp", "time", ""),
    "clock": ("time",),  # beside a date, as Stooq writes it
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close", "price", "last", "closelast"),
    "adjusted": ("adjclose", "adjustedclose"),
    "volume": ("volume", "vol"),
}
_LEFT_OUT = str.maketrans("", "", ' _.<>"')
_MAGIC = (
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89PNG", "a PNG picture"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11", "an Excel file"),
)


class Refused(InvalidRequest):
    """The file cannot be loaded: `errors` say why by place, `findings` one by one, such as line 12: High 10 is below ….

    A place is a line of the file, counted from 1, the file, or the name of what was asked for.
    """

    def __init__(self, *faults: tuple[str, str]) -> None:
        """faults: the place of each, and what is wrong there."""
        self.findings = [said if at == "file" else f"{at}: {said}" for at, said in faults]
        errors: dict[str, str] = {}
        for at, said in faults:
            errors[at] = f"{errors[at]}; {said}" if at in errors else said
        super().__init__(errors, f"the file cannot be loaded: {self.findings[0]}")


def refuse(message: str, place: str = "file") -> Refused:
    """The error for a file with this one fault."""
    return Refused((place, message))


class Faults(list[tuple[int, str]]):
    """Faults, each with its line, as they are found; `check` raises them."""

    def add(self, kind: str, lines: Whole, *values: Any) -> None:
        """One fault of all these lines: a sentence, with places for the values of the first of them."""
        if len(lines):
            # a file with the newest first is read backwards
            first = int(lines.argmin())
            more = (
                f" ({len(lines):,} lines have this fault: {listed(sorted(lines.tolist()))})"
                if len(lines) > 1
                else ""
            )
            told = kind.format(*(each[first] for each in values))
            self.append((int(lines[first]), told + more))

    def check(self) -> None:
        """Refused with the faults by their first lines, when there are any."""
        self.sort(key=lambda fault: fault[0])
        if self:
            raise Refused(*((f"line {line}", message) for line, message in self))


def listed(every: Sequence[object], shown: int = SHOWN) -> str:
    """`4, 9, 12 and 310 more`."""
    more = f" and {len(every) - shown:,} more" if len(every) > shown else ""
    return ", ".join(map(str, every[:shown])) + more


@frozen
class Table:
    """Known columns with their cells, and the line of the file that each row is in."""

    lines: Whole
    columns: dict[str, Objects]
    ignored: Sequence[str]
    delimiter: str

    def part(self, rows: Any) -> "Table":
        """Those rows alone, by a mask or a slice."""
        columns = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, lines=self.lines[rows], columns=columns)


def unpacked(content: bytes, most_bytes: int | None = None) -> bytes:
    """The content, gunzipped when it is gzip; Refused above `most_bytes`, before more is unpacked."""
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.GzipFile(fileobj=BytesIO(content)).read(
                -1 if most_bytes is None else most_bytes + 1
            )
        except (OSError, EOFError, zlib.error) as error:
            raise refuse(f"not a whole gzip file: {error}") from None
    if most_bytes is not None and len(content) > most_bytes:
        raise refuse(
            f"the file has more than {most_bytes / 2**20:,.0f} MB, which is the limit (MAX_PRICES_MB)"
        )
    return content


def read_table(content: bytes) -> Table:
    """The rows of a CSV; Refused when it is none, or lacks a column."""
    text = _text(content)
    if not text.strip():
        raise refuse(
            "the file is empty; a CSV with Date, Open, High, Low, Close and Volume, or Date and Close, is expected"
        )
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip())
    csv.field_size_limit(sys.maxsize)  # a long cell is a fault of its own line and column
    delimiter = max(DELIMITERS, key=lines[first].count)
    header = _cells(lines[first], first + 1, delimiter, ())
    start = first + 1
    if re.match("Ticker.*\nDate", "\n".join(lines[start : start + 2])):
        # yfinance writes a line of names, one of tickers, and one for the index
        header[0], start = "Date", start + 2
    places = _places(header, first + 1)
    ignored = [header[place] for place in sorted({*range(len(header))} - {*places.values()})]
    rows = _rows(lines, start, delimiter, header, max(places.values()))
    if not rows:
        raise refuse("no bars after the header", f"line {start + 1}")
    columns = {
        name: np.array([row[place].strip() for row in rows.values()], object)
        for name, place in places.items()
    }
    if "clock" in columns:
        columns["date"] = columns["date"] + "T" + columns.pop("clock")
    return Table(np.array([*rows]), columns, [*filter(str.strip, ignored)], delimiter)


def _rows(
    lines: Sequence[str], start: int, delimiter: str, header: Sequence[str], last: int
) -> dict[int, list[str]]:
    """The cells of each line that has any, by its number; Refused where the column `last` is not reached."""
    rows = {}
    for line, text in enumerate(lines[start:], start=start + 1):
        row = _cells(text, line, delimiter, header)
        if not any(map(str.strip, row)):
            continue
        if len(row) <= last:
            raise refuse(f"{len(row)} columns, but the header has {len(header)}", f"line {line}")
        rows[line] = row
    return rows


def _cells(text: str, line: int, delimiter: str, header: Sequence[str]) -> list[str]:
    """The cells of one line; Refused where a quote is not closed, which would take the lines below into its cell."""
    row = next(csv.reader([f"{text}\n"], delimiter=delimiter))
    if row and row[-1].endswith("\n"):
        named = repr(header[len(row) - 1][:NAME]) if len(row) <= len(header) else str(len(row))
        raise refuse(f"the quote in column {named} is not closed", f"line {line}")
    return row


def _text(content: bytes) -> str:
    for magic, what in _MAGIC:
        if content.startswith(magic):
            raise refuse(f"this is {what}, not a CSV file")
    if content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")):
        raise refuse("this is an HTML page, perhaps of a login or an error, not a CSV file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise refuse(
            f"byte 0x{content[error.start]:02x} is not UTF-8 text", f"line {line}"
        ) from None
    if "\0" in text:
        raise refuse("this is not text but binary data")
    return text


def _places(header: Sequence[str], line: int) -> dict[str, int]:
    """The place of each known column; Refused where one is missing."""
    places = _known_places([name.lower().translate(_LEFT_OUT) for name in header])
    if len(header) == 2 and "date" in places and not {*places} - {"date", "adjusted"}:
        # FRED and others call it by the ticker
        places = {"date": places["date"], "close": 1 - places["date"]}
    missing = [name.capitalize() for name in REQUIRED if name not in places]
    if missing:
        named = listed([repr(name[:NAME]) for name in header], 12)
        raise refuse(
            f"no column for {', '.join(missing)}; the header has {named}", f"line {line}"
        )
    return places


def _known_places(header: Sequence[str]) -> dict[str, int]:
    """The place of each column that goes by one of its names, of which the first counts."""
    free, places = {name: header.index(name) for name in header}, dict[str, int]()
    for column, names in NAMES.items():
        if known := [name for name in names if name in free]:
            places[column] = free.pop(known[0])
    return places
