"""Convert an xlsx workbook with one filled sheet to CSV."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError, iterparse
from zipfile import ZipFile

from adapters.prices.table import check_size, listed, refuse

MOST_ROWS, MOST_COLUMNS = 2**20, 1_000
_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}  # ECMA-376, 18.8.30
_SHEET = re.compile(r"xl/worksheets/[^/]+\.xml")
_SECONDS = 86_400


class _Book(NamedTuple):
    """Workbook: shared texts by index, cell styles that show dates or times, and the day of serial number 0."""

    texts: Sequence[str]
    date_styles: set[str]
    first_day: datetime


def read_workbook(archive: ZipFile, most_bytes: int | None) -> bytes:
    """Return the filled sheet as UTF-8 CSV, a line per row; RefusedFile for none or several, or above `most_bytes`."""
    try:
        names = [name for name in archive.namelist() if _SHEET.fullmatch(name)]
        book = _read_book(archive)
        sheets = {
            name: _sheet(_elements(archive, name, "row"), book, most_bytes) for name in names
        }
    except (ParseError, KeyError, ValueError, IndexError, OverflowError) as error:
        raise refuse(
            f"the Excel workbook cannot be read: {error}; save it as CSV UTF-8"
        ) from None
    filled = [name for name, text in sheets.items() if text.strip()]
    if len(filled) != 1:
        named = f" ({listed(filled)})" if filled else ""
        raise refuse(
            f"the Excel workbook has {len(filled)} sheets with cells{named}; save the one of prices as CSV"
        )
    return sheets[filled[0]].encode()


def _elements(archive: ZipFile, part: str, tag: str) -> Iterator[Element]:
    """Yield the elements of a part with this tag, each valid until the next one; none if the part is missing."""
    content = archive.read(part) if part in archive.namelist() else b"<none/>"
    if b"<!DOCTYPE" in content:  # it could declare entities that expand without bound
        raise ValueError(f"{part} has a document type")
    for _, element in iterparse(BytesIO(content)):
        if element.tag.rpartition("}")[2] == tag:
            yield element
            element.clear()


def _read_book(archive: ZipFile) -> _Book:
    texts = [_text(each) for each in _elements(archive, "xl/sharedStrings.xml", "si")]
    settings = next(_elements(archive, "xl/workbook.xml", "workbookPr"), Element("none"))
    is_1904 = settings.get("date1904") in ("1", "true")
    first_day = datetime(1904, 1, 1) if is_1904 else datetime(1899, 12, 30)
    return _Book(texts, _date_styles(archive), first_day)


def _date_styles(archive: ZipFile) -> set[str]:
    dates = {*map(str, _DATES)}
    for number_format in _elements(archive, "xl/styles.xml", "numFmt"):
        code = re.sub(r'"[^"]*"|\[[^]]*\]|\\.', "", number_format.get("formatCode", ""))
        if re.search("[ymdhs]", code, re.IGNORECASE):
            dates.add(number_format.get("numFmtId", ""))
    styles = (
        style for every in _elements(archive, "xl/styles.xml", "cellXfs") for style in every
    )
    return {str(place) for place, style in enumerate(styles) if style.get("numFmtId") in dates}


def _sheet(rows: Iterable[Element], book: _Book, most_bytes: int | None) -> str:
    out, last = StringIO(), 0
    for row in rows:
        number = int(row.get("r", last + 1))
        if not last < number <= MOST_ROWS:
            raise ValueError(f"row {number}")
        out.write("\n" * (number - last - 1))
        csv.writer(out, lineterminator="\n").writerow(_cells(row, book))
        last = number
        check_size(out.tell(), most_bytes)
    return out.getvalue()


def _cells(row: Element, book: _Book) -> list[str]:
    cells = list[str]()
    for cell in row.iterfind("{*}c"):
        place = _column(cell.get("r", "")) or len(cells) + 1
        if place > MOST_COLUMNS:
            raise ValueError(f"more than {MOST_COLUMNS:,} columns")
        cells += [""] * (place - 1 - len(cells))
        cells.append(" ".join(_value(cell, book).split()))
    return cells


def _column(reference: str) -> int:
    """Return the column of a cell reference: 1 for A7, 28 for AB7."""
    number = 0
    for letter in re.sub(r"\d", "", reference):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _value(cell: Element, book: _Book) -> str:
    kind, text = cell.get("t", "n"), cell.findtext("{*}v", "")
    if kind == "inlineStr":
        return _text(cell)
    if kind == "s":
        return book.texts[int(text)]
    if kind != "n" or not text:
        return text
    number = float(text)
    if cell.get("s") not in book.date_styles:
        return f"{number:.15g}"  # as Excel shows it; 63.436 is stored as 63.436000000000003
    moment = book.first_day + timedelta(seconds=round(number * _SECONDS))
    if number < 1:
        return f"{moment:%H:%M:%S}"
    return str(moment) if moment.time() != datetime.min.time() else str(moment.date())


def _text(element: Element) -> str:
    return "".join(each.text or "" for each in element.iterfind(".//{*}t"))
