"""Rows and named columns of a price file of any exporter; faults with their lines."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adapters.prices.bars import Whole
from adapters.prices.forms import COMMENT, Header, Layout, find_layout, is_ticker_like, split_line
from adapters.prices.tickers import names_ticker
from contracts.errors import InvalidRequest
from contracts.values import frozen

Objects = NDArray[np.object_]

SHOWN = 5  # lines, dates or names that one sentence lists
NAME = 40  # characters of a cell or a column's name that a sentence quotes
REQUIRED = ("date", "close")
# a last line that is a sentence, such as the source of the file
_SENTENCE = re.compile(r"(\W*[^\W\d]{2,}){3}.*")


class RefusedFile(InvalidRequest):
    """Rejection of a price file: `errors` by place, `findings` as sentences, such as line 12: High 10 is below ….

    A place is a line of the file, counted from 1, the file, or the name of a parameter of the request.
    """

    def __init__(self, *faults: tuple[str, str]) -> None:
        """Take faults as pairs of place and message."""
        self.findings = [
            message if place == "file" else f"{place}: {message}" for place, message in faults
        ]
        errors: dict[str, str] = {}
        for place, message in faults:
            errors[place] = f"{errors[place]}; {message}" if place in errors else message
        super().__init__(errors, f"the file cannot be loaded: {self.findings[0]}")


def refuse(message: str, place: str = "file") -> RefusedFile:
    """Return the error for a file with this one fault."""
    return RefusedFile((place, message))


class Faults(list[tuple[int, str]]):
    """Collected faults, each with its line; `check` raises them."""

    def add(self, kind: str, lines: Whole, *values: Any) -> None:
        """Add one fault of all these lines: a sentence with placeholders for the values of the first line."""
        if len(lines):
            # of a file with the newest bar first the lines are reversed
            first = int(lines.argmin())
            more = (
                f" ({len(lines):,} lines have this fault: {listed(sorted(lines.tolist()))})"
                if len(lines) > 1
                else ""
            )
            sentence = kind.format(*(each[first] for each in values))
            self.append((int(lines[first]), sentence + more))

    def check(self) -> None:
        """Raise RefusedFile with the faults in the order of their first lines, if there are any."""
        self.sort(key=lambda fault: fault[0])
        if self:
            raise RefusedFile(*((f"line {line}", message) for line, message in self))


def listed(items: Sequence[object], most: int = SHOWN) -> str:
    """Format items for a sentence: `4, 9, 12 and 310 more`."""
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return ", ".join(map(str, items[:most])) + more


def check_size(size: int, most_bytes: int | None) -> None:
    """Raise RefusedFile above the limit, if there is one."""
    if most_bytes is not None and size > most_bytes:
        raise refuse(
            f"the file has more than {most_bytes / 2**20:,.0f} MB, which is the limit (MAX_PRICES_MB)"
        )


@frozen
class PriceTable:
    """Recognised columns with their cells, and the line of the file that each row is in.

    further: cells of columns that may be kept, by the name that they get; titles: their names in the file. ignored:
    names of all columns but the recognised ones. tickers: those that the file names, at most one. zone: of times
    without an offset, where the header states it. done, warnings: sentences on how the file was read.
    """

    lines: Whole
    columns: dict[str, Objects]
    delimiter: str
    ignored: Sequence[str]
    tickers: Sequence[str]
    zone: str | None
    done: Sequence[str]
    warnings: Sequence[str]
    further: dict[str, Objects]
    titles: dict[str, str]

    def part(self, rows: Any) -> "PriceTable":
        """Select rows by a mask or a slice."""
        columns, further = (
            {name: column[rows] for name, column in each.items()}
            for each in (self.columns, self.further)
        )
        return replace(self, lines=self.lines[rows], columns=columns, further=further)


def read_table(text: str) -> PriceTable:
    """Read the rows of a CSV; RefusedFile if it is no CSV, or a column is missing or repeated, or tickers are mixed."""
    if not text.strip():
        raise refuse(
            "the file is empty; a CSV with Date, Open, High, Low, Close and Volume, or Date and Close, is expected"
        )
    lines = text.splitlines()
    layout = find_layout(lines)
    header, place = layout.header, f"line {layout.line + 1}"
    _check_quotes(header.names, layout.line + 1, ())
    _check_header(layout, place)
    form = layout.form or header.form
    rows, done = _rows(lines, layout, form.footer if form else "")
    if not rows:
        raise refuse("no bars after the header", f"line {layout.start + 1}")
    if layout.form:
        names = ", ".join(name.capitalize() for name in header.places)
        done.append(f"no header: columns taken as {names}, as in the form {layout.form.name!r}")
    columns = {
        name: np.array([row[at].strip() for row in rows.values()], object)
        for name, at in header.places.items()
    }
    _drop_unless_numbers(header, columns, "adjusted")
    symbols = _tickers_of(columns.pop("symbol", ()))
    _check_one_ticker(symbols, place)
    places = header.further() if not layout.form else {}
    further = {
        name: np.array(
            [(row[at] if at < len(row) else "").strip() for row in rows.values()], object
        )
        for name, at in places.items()
    }
    ignored = [header.names[at] for at in header.ignored()]
    return PriceTable(
        np.array([*rows]),
        columns,
        layout.delimiter,
        [*filter(str.strip, ignored)] if not layout.form else [],
        symbols[:1] or layout.tickers,
        header.zone,
        done,
        [_adjusted_warning(name, "adjusted" in columns) for name in header.looks_adjusted()],
        further,
        {name: header.names[at] for name, at in places.items()},
    )


def _drop_unless_numbers(header: Header, columns: dict[str, Objects], name: str) -> None:
    """Drop a column without any digit, such as a flag that is named like adjusted closes."""
    if name in columns and not any(re.search(r"\d", cell) for cell in columns[name]):
        del columns[name], header.places[name]


def _adjusted_warning(name: str, has_other: bool) -> str:
    advice = "another column is read as Adj Close" if has_other else "call it Adj Close to use it"
    return f"the column {name[:NAME]!r} looks like adjusted closes and is left out; {advice}"


def _check_header(layout: Layout, place: str) -> None:
    """Raise RefusedFile if a column is missing or repeated, or several tickers are named."""
    header = layout.header
    _check_one_ticker(layout.tickers, place)
    missing = [name.capitalize() for name in REQUIRED if name not in header.places]
    if missing:
        named = listed([repr(name[:NAME]) for name in header.names], 12)
        raise refuse(f"no column for {', '.join(missing)}; the header has {named}", place)
    if same := header.repeated():
        names = " and ".join(
            f"{header.names[at][:NAME]!r} (column {at + 1})" for at in same[:SHOWN]
        )
        raise refuse(
            f"one column appears {len(same)} times: {names}; keep the one that is meant", place
        )


def _check_one_ticker(tickers: Sequence[str], place: str) -> None:
    if len(tickers) > 1:
        names = listed([name[:NAME] for name in tickers])
        raise refuse(
            f"the file has prices of {len(tickers):,} tickers: {names}; load a file of one of them",
            place,
        )


def _tickers_of(cells: Iterable[str]) -> list[str]:
    """Return the distinct tickers of a column in their first spelling; none if its cells are something else."""
    names = [*dict.fromkeys(filter(None, cells))]
    if not all(map(is_ticker_like, names)):
        return []
    tickers = list[str]()
    for name in names:
        if not any(names_ticker(name, each) for each in tickers):
            tickers.append(name)
    return tickers


def _rows(
    lines: Sequence[str], layout: Layout, footer: str
) -> tuple[dict[int, list[str]], list[str]]:
    """Return the cells of each non-blank line by its number, and sentences on footers that were left out.

    RefusedFile if a row ends before the last column that is read, or has cells after the last column of the header.
    """
    rows, done = dict[int, list[str]](), list[str]()
    for line, text in enumerate(lines[layout.start :], start=layout.start + 1):
        row = split_line(text, layout.delimiter)
        if any(map(str.strip, row)) and not text.startswith(COMMENT):
            rows[line] = row
    while rows and _is_footer(row := rows[line := max(rows)], footer):
        done.insert(0, f"line {line} left out, which is no bar: {row[0].strip()[:NAME]}")
        del rows[line]
    names, last = layout.header.names, max(layout.header.places.values())
    for line, row in rows.items():
        _check_quotes(row, line, names)
        if len(row) <= last or any(map(str.strip, row[len(names) :])):
            raise refuse(f"{len(row)} columns, but the header has {len(names)}", f"line {line}")
    return rows, done


def _is_footer(row: Sequence[str], footer: str) -> bool:
    """True for a last line that is a sentence, or the footer of the file's form."""
    if any(map(str.strip, row[1:])):
        return False
    return bool(_SENTENCE.fullmatch(row[0]) or re.fullmatch(footer, row[0].strip()))


def _check_quotes(row: Sequence[str], line: int, names: Sequence[str]) -> None:
    """Raise RefusedFile if a quote is not closed; it would take the lines below into its cell."""
    if row and row[-1].endswith("\n"):
        named = repr(names[len(row) - 1][:NAME]) if len(row) <= len(names) else str(len(row))
        raise refuse(f"the quote in column {named} is not closed", f"line {line}")
