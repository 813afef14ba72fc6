"""Unpack price files up to a size limit: gzip, bz2, xz, zip and xlsx."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any
from zipfile import BadZipFile, ZipFile

from adapters.prices.sheets import read_workbook
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
