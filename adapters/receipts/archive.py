"""A receipt as a ZIP archive: equal parts give equal bytes, and whatever was changed in it is refused with its place.

It has a manifest with facts and the SHA-256 of each other part, and perhaps a signature of the manifest. The comment of
the archive is the SHA-256 of all bytes before it.
"""

import hashlib
import json
import re
import zlib
from collections.abc import Callable, Mapping
from io import BytesIO
from struct import error as StructError
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from contracts.errors import BadReceipt
from contracts.values import Json, frozen

FORMAT = 1
MANIFEST, SIGNATURE = "manifest.json", "signature.json"
MAX_BYTES = 512 * 2**20  # of all parts, unpacked
OLDEST = (1980, 1, 1, 0, 0, 0)  # that a ZIP archive can name
_DIGEST = 64  # characters
_NAME = re.compile(r"[\w^=-][\w^=.-]*(/[\w^=-][\w^=.-]*)*", re.ASCII)
# what zipfile raises for a damaged archive
_DAMAGES = (
    *(BadZipFile, zlib.error, StructError, EOFError, NotImplementedError, RuntimeError),
    *(ValueError, LookupError, OverflowError, OSError),
)

Parts = Mapping[str, bytes]  # by name


@frozen
class Receipt:
    """An archive whose parts are those of its manifest. signature: by the signer's public key, or None."""

    facts: Json
    parts: Parts
    manifest: bytes
    signature: Json | None

    def json(self, name: str) -> Json:
        """Return a part that is an object of JSON."""
        return _object(name, self.parts.get(name, b""))

    @property
    def digest(self) -> str:
        """SHA-256 of the manifest, which follows from all other parts."""
        return hashlib.sha256(self.manifest).hexdigest()


def pack_receipt(facts: Json, parts: Parts, sign: Callable[[bytes], Json] | None = None) -> bytes:
    """Pack parts with a manifest of these facts, signed if `sign` returns the signature of a manifest."""
    hashes = {name: hashlib.sha256(parts[name]).hexdigest() for name in sorted(parts)}
    manifest = _encoded({"format": FORMAT, **facts, "parts": hashes})
    signature = {SIGNATURE: _encoded(sign(manifest))} if sign else {}
    file = BytesIO()
    with ZipFile(file, "w") as archive:
        ordered = {name: parts[name] for name in hashes}
        for name, content in {MANIFEST: manifest, **signature, **ordered}.items():
            entry = ZipInfo(name, OLDEST)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            archive.writestr(entry, content, ZIP_DEFLATED)
        archive.comment = b"0" * _DIGEST
    body = file.getvalue()[:-_DIGEST]
    return body + _digest(body)


def read_receipt(content: bytes) -> Receipt:
    """Return the receipt in an archive; BadReceipt names the first place that is not as it was packed."""
    try:
        receipt = _read(content)
    except _DAMAGES as error:
        raise BadReceipt(f"archive: damaged, or no ZIP archive: {error}") from error
    if content[-_DIGEST:] != _digest(content[:-_DIGEST]):
        raise BadReceipt(
            "archive: bytes outside of its parts were changed: its comment is not the SHA-256 of what precedes it"
        )
    return receipt


def _read(content: bytes) -> Receipt:
    with ZipFile(BytesIO(content)) as archive:
        entries = archive.infolist()
        _check_entries(entries)
        parts = {entry.filename: _content(archive, entry) for entry in entries}
    manifest = parts.pop(MANIFEST, b"")
    signature = parts.pop(SIGNATURE, None)
    facts = _object(MANIFEST, manifest)
    if facts.get("format") != FORMAT:
        raise BadReceipt(f"{MANIFEST}: format {facts.get('format')!r}; accepted: {FORMAT}")
    hashes = facts.get("parts")
    if not isinstance(hashes, dict):
        raise BadReceipt(f"{MANIFEST}: it names no parts")
    for name in sorted(hashes.keys() ^ parts.keys()):
        fault = "in the manifest, but missing" if name in hashes else "not in the manifest"
        raise BadReceipt(f"{name}: {fault}")
    for name, part in parts.items():
        if hashlib.sha256(part).hexdigest() != hashes[name]:
            raise BadReceipt(f"{name}: its SHA-256 is not that of the manifest")
    signed = None if signature is None else _object(SIGNATURE, signature)
    return Receipt(facts, parts, manifest, signed)


def _check_entries(entries: list[ZipInfo]) -> None:
    seen, size = set[str](), 0
    for entry in entries:
        name = entry.filename
        if not _NAME.fullmatch(name):
            raise BadReceipt(f"{name[:80]!r}: not accepted as the name of a part")
        if name in seen:
            raise BadReceipt(f"{name}: more than once in the archive")
        seen.add(name)
        size += entry.file_size
        if size > MAX_BYTES:
            raise BadReceipt(
                f"{name}: {size:,} bytes unpacked so far; at most {MAX_BYTES:,} are accepted"
            )


def _content(archive: ZipFile, entry: ZipInfo) -> bytes:
    """Unpack no more of a part than its entry says, whatever its bytes would become."""
    try:
        with archive.open(entry) as part:
            return part.read(entry.file_size)
    except _DAMAGES as error:
        raise BadReceipt(f"{entry.filename}: damaged: {error}") from error


def _object(name: str, content: bytes) -> Json:
    try:
        values = json.loads(content)
    except ValueError as error:
        raise BadReceipt(f"{name}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise BadReceipt(f"{name}: not an object of JSON")
    return values


def _encoded(values: Json) -> bytes:
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).encode()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()
