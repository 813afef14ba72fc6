"""Text of a price file: unpacked from gzip, bz2, xz, zip and xlsx up to a size limit, and decoded by its code page."""

import bz2
import codecs
import csv
import gzip
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from io import BytesIO, StringIO
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, ParseError, iterparse
from zipfile import BadZipFile, ZipFile

from adapters.prices.forms import Header, find_layout
from adapters.prices.table import check_size, listed, refuse

XZ_MEMORY = 128 * 2**20  # bytes that a decoder may take; xz -9 needs 65 MB
MOST_LAYERS = 3  # a zip in gzip, as the client sends it, and one more
_FAULTS = (
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
    BadZipFile,
    NotImplementedError,
    RuntimeError,
)


def unpacked(content: bytes, most_bytes: int | None = None) -> bytes:
    """Return the text of a file, unpacked from gzip, bz2, xz, a zip with one file or an xlsx workbook with one sheet.

    RefusedFile above `most_bytes`, before more is unpacked.
    """
    for _ in range(MOST_LAYERS):
        kind = next((each for each in _PACKED if content.startswith(each)), None)
        if kind is None:
            break
        name, read = _PACKED[kind]
        try:
            content = read(content, most_bytes)
        except _FAULTS as error:
            raise refuse(f"not a whole {name} file: {error}") from None
        check_size(len(content), most_bytes)
    check_size(len(content), most_bytes)
    return content


def _read_gzip(content: bytes, most_bytes: int | None) -> bytes:
    return gzip.GzipFile(fileobj=BytesIO(content)).read(_beyond(most_bytes))


def _beyond(most_bytes: int | None) -> int:
    """Number of bytes to read: one above the limit, which reveals a longer file; -1 for all without a limit."""
    return -1 if most_bytes is None else most_bytes + 1


def _read_bz2(content: bytes, most_bytes: int | None) -> bytes:
    return _read_streams(content, bz2.BZ2Decompressor, _beyond(most_bytes))


def _read_xz(content: bytes, most_bytes: int | None) -> bytes:
    new = partial(lzma.LZMADecompressor, memlimit=XZ_MEMORY)
    return _read_streams(content, new, _beyond(most_bytes))


def _read_streams(content: bytes, new: Callable[[], Any], most: int) -> bytes:
    """Read concatenated streams, at most `most` bytes, all for -1; EOFError if one is cut off."""
    parts = b""
    while content and len(parts) != most:
        stream = new()
        parts += stream.decompress(content, max(most - len(parts), -1))
        if not stream.eof and len(parts) != most:
            raise EOFError("its end is missing")
        content = stream.unused_data.lstrip(b"\0")  # xz pads its streams
    return parts


def _read_zip(content: bytes, most_bytes: int | None) -> bytes:
    """Return the one file of an archive; zipfile reads no more of it than its declared size."""
    archive = ZipFile(BytesIO(content))
    check_size(sum(each.file_size for each in archive.infolist()), most_bytes)
    names = [
        each for each in archive.namelist() if not each.endswith("/") and "__MACOSX" not in each
    ]
    if "xl/workbook.xml" in names:
        return read_workbook(archive, most_bytes)
    if len(names) != 1:
        raise refuse(
            f"this is a zip archive of {len(names)} files: {listed(names)}; load them one by one"
        )
    return archive.read(names[0])


# by first bytes: the name of the format, and a function that reads at most one byte above the limit
_PACKED: dict[bytes, tuple[str, Callable[[bytes, int | None], bytes]]] = {
    b"\x1f\x8b": ("gzip", _read_gzip),
    b"BZh": ("bz2", _read_bz2),
    b"\xfd7zXZ\0": ("xz", _read_xz),
    b"PK\x03\x04": ("zip", _read_zip),
}


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


_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# On a tie in known columns the first wins: their names are the same in each.
_LEGACY = {
    "cp1252": "Windows-1252",
    "cp949": "Korean (cp949)",
    "cp932": "Japanese (Shift-JIS)",
    "gb18030": "Chinese (GB18030)",
    "cp1250": "Windows-1250",
}
_AS_CSV = "read it with pandas and write it with .to_csv()"
_UNPACK = "unpack it first, or pack it with gzip"
# by first bytes: the kind of file, and advice
_MAGIC = (
    (b"PK\x03\x04", "a zip archive", _UNPACK),
    (b"\x1f\x8b", "packed with gzip", _UNPACK),
    (b"BZh", "packed with bz2", _UNPACK),
    (b"\xfd7zXZ", "packed with xz", _UNPACK),
    (b"PAR1", "a Parquet file", _AS_CSV),
    (b"ARROW1", "an Arrow or Feather file", _AS_CSV),
    (b"FEA1", "a Feather file", _AS_CSV),
    (b"\x89HDF", "an HDF5 file", _AS_CSV),
    (b"\xd0\xcf\x11", "an Excel file of the old form (.xls)", "save it as CSV UTF-8"),
    (b"SQLite format 3", "a SQLite database", "export its table as CSV"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (b"Rar!", "a RAR archive", _UNPACK),
    (b"\x89PNG", "a PNG picture", "load the file of its numbers"),
    (b"%PDF", "a PDF", "load the file of its numbers"),
)
_HEAD = 200_000  # characters in which the header is searched


def decode(content: bytes) -> tuple[str, list[str]]:
    """Return the text, and a sentence on its encoding unless that is UTF-8; RefusedFile if it is no text."""
    _refuse_binary(content)
    encoding = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    if encoding is None and b"\0" in content[:200]:
        # UTF-16 without a mark: one byte of a Latin letter is zero
        encoding = "utf-16-le" if content[1:2] == b"\0" else "utf-16-be"
    try:
        text = content.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding not in (None, "utf-8-sig"):
            raise refuse("this is not text but binary data") from None
        return _decode_legacy(content, error)
    if "\0" in text:
        raise refuse("this is not text but binary data")
    return text, [
        f"read as {encoding[:6].upper()} text"
    ] if encoding and encoding != "utf-8-sig" else []


def _refuse_binary(content: bytes) -> None:
    for magic, kind, advice in _MAGIC:
        if content.startswith(magic):
            raise refuse(f"this is {kind}, not a CSV file: {advice}")
    if content.lstrip()[:15].lower().startswith((b"<!doctype", b"<html")):
        raise refuse("this is an HTML page, perhaps of a login or an error, not a CSV file")


def _decode_legacy(content: bytes, fault: UnicodeDecodeError) -> tuple[str, list[str]]:
    """Decode by the code page under which the header has the most known columns."""
    counts = {encoding: _count_columns(content, encoding) for encoding in _LEGACY}
    encoding = max(counts, key=counts.__getitem__)
    if not counts[encoding]:
        line = content.count(b"\n", 0, fault.start) + 1
        raise refuse(
            f"byte 0x{content[fault.start]:02x} is not UTF-8 text, nor has the file a known header in "
            f"{', '.join(_LEGACY.values())}; save it as CSV UTF-8",
            f"line {line}",
        )
    return content.decode(encoding), [f"not UTF-8: read as {_LEGACY[encoding]}"]


def _count_columns(content: bytes, encoding: str) -> int:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return 0
    lines = text.lstrip()[:_HEAD].splitlines()
    header = Header(find_layout(lines).header.names if lines else ())
    return len(header.places) if header.is_complete else 0
