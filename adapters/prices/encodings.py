"""Decode a price file: by its byte order mark, as UTF-8, or by the code page that gives a known header."""

import codecs

from adapters.prices.forms import Header
from adapters.prices.headers import find_layout
from adapters.prices.table import refuse

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
