"""An archive that is not as it was packed is refused with the place, before anything of it is used."""

import hashlib
from collections.abc import Callable
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from adapters.receipts.archive import MANIFEST, MAX_BYTES, pack_receipt, read_receipt
from contracts.errors import BadReceipt

PARTS = {"request.json": b"{}", "result.json": b'{"metrics": {}}'}
Change = Callable[[dict[str, bytes]], object]


def packed_again(change: Change) -> bytes:
    """A receipt whose parts were changed, with the comment that fits its bytes."""
    with ZipFile(BytesIO(pack_receipt({"kind": "run"}, PARTS))) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        archive.comment = b"0" * 64
    body = file.getvalue()[:-64]
    return body + hashlib.sha256(body).hexdigest().encode()


def test_equal_parts_give_equal_bytes_that_are_read() -> None:
    receipt = read_receipt(content := pack_receipt({"kind": "run"}, PARTS))

    assert (receipt.parts, receipt.facts["kind"]) == (PARTS, "run")
    assert content == pack_receipt({"kind": "run"}, dict(reversed(PARTS.items())))


def test_one_flipped_bit_anywhere_is_refused() -> None:
    content = pack_receipt({"kind": "run"}, {"request.json": b"{}"})

    for bit in range(len(content) * 8):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadReceipt):
            read_receipt(bytes(flipped))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts.pop("result.json"), "result.json: in the manifest, but missing"),
        (lambda parts: parts.update(more=b""), "more: not in the manifest"),
        (lambda parts: parts.pop(MANIFEST), "manifest.json: not JSON"),
        (lambda parts: parts.update({"request.json": b"[]"}), "request.json: its SHA-256 is not"),
        (lambda parts: parts.update({"../x": b""}), "'../x': not accepted as the name"),
        (lambda parts: parts.update({"a/../../x": b""}), "'a/../../x': not accepted as the name"),
        (lambda parts: parts.update({"/etc/x": b""}), "'/etc/x': not accepted as the name"),
        (lambda parts: parts.update({"C:\\x": b""}), "not accepted as the name"),
    ],
)
def test_other_parts_are_refused_by_name(change: Change, message: str) -> None:
    with pytest.raises(BadReceipt) as refused:
        read_receipt(packed_again(change))

    assert message in str(refused.value)


def test_what_unpacks_to_too_much_is_refused_by_its_sizes() -> None:
    zeros = bytes(MAX_BYTES // 8)

    def fill(parts: dict[str, bytes]) -> None:
        parts.update({f"zeros{number}": zeros for number in range(9)})

    bomb = packed_again(fill)

    assert len(bomb) < MAX_BYTES / 500
    with pytest.raises(BadReceipt, match="zeros7: .* bytes unpacked so far"):
        read_receipt(bomb)


def test_no_more_of_a_part_is_unpacked_than_its_entry_says() -> None:
    honest = packed_again(lambda parts: parts.update(zeros=bytes(2**20)))

    lying = honest.replace((2**20).to_bytes(4, "little"), (2**10).to_bytes(4, "little"))

    assert lying != honest
    with pytest.raises(BadReceipt, match="zeros: (damaged|not in the manifest)"):
        read_receipt(lying)
