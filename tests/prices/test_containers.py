"""Packed files and other encodings are read as the plain file, within the same bound, or named for what they are."""

import bz2
import codecs
import gzip
import lzma
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from adapters.prices.bars import csv_chunks
from adapters.prices.decoding import unpacked
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.table import RefusedFile
from tests.prices.vendors import DAILY
from tests.prices.workbooks import workbook

LIMIT = 2**20
TEXT = "Date,Open,High,Low,Close,Volume\n" + "".join(
    f"2024-01-{day},10.50,11.25,9.75,10.75,5000\n" for day in (11, 12, 15, 16, 17)
)


def zipped(content: bytes, *names: str) -> bytes:
    file = BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as archive:
        for name in names or ("prices.csv",):
            archive.writestr(name, content)
    return file.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zip": zipped,
}


def refused(content: bytes, limit: int | None = LIMIT) -> str:
    with pytest.raises(RefusedFile) as fault:
        read_prices(unpacked(content, limit), Meaning(timeframe="1d"))
    return "; ".join(fault.value.findings)


def canonical(content: bytes) -> str:
    return b"".join(
        csv_chunks(read_prices(unpacked(content, LIMIT), Meaning(timeframe="1d")).bars)
    ).decode()


@pytest.mark.parametrize("kind", PACKERS)
def test_what_is_packed_is_read_also_within_gzip_as_the_client_sends_it(kind: str) -> None:
    packed = PACKERS[kind](TEXT.encode())

    assert unpacked(packed, LIMIT) == TEXT.encode()
    assert unpacked(gzip.compress(packed), LIMIT) == TEXT.encode()


@pytest.mark.parametrize("kind", PACKERS)
def test_the_bound_holds_after_unpacking_however_deep(kind: str) -> None:
    for size in (LIMIT + 1, 40 * LIMIT):
        bomb = PACKERS[kind](b"0" * size)
        assert "more than 1 MB" in refused(bomb)
        for outer in PACKERS.values():
            assert "more than 1 MB" in refused(outer(bomb))
    assert len(unpacked(PACKERS[kind](b"0" * LIMIT), LIMIT)) == LIMIT


@pytest.mark.parametrize("kind", ("bz2", "xz", "zip"))
def test_what_is_packed_is_read_whole_or_refused(kind: str) -> None:
    packed = PACKERS[kind](TEXT.encode() * 50)

    for length in range(8, len(packed) - 1, 7):
        assert f"not a whole {kind} file" in refused(packed[:length]), length


@pytest.mark.parametrize("kind", ("gzip", "bz2", "xz"))
def test_several_streams_are_read_one_after_the_other_within_one_bound(kind: str) -> None:
    pack, half = PACKERS[kind], b"0" * (LIMIT // 2 + 1)

    assert unpacked(pack(TEXT.encode()) + pack(b"\n"), LIMIT) == TEXT.encode() + b"\n"
    assert "more than 1 MB" in refused(pack(half) + pack(half))


def test_a_zip_that_understates_its_size_unpacks_no_more_than_it_says() -> None:
    packed = bytearray(zipped(b"0" * 5 * LIMIT))
    for place in (packed.rindex(b"PK\x01\x02") + 24, 22):
        packed[place : place + 4] = (100).to_bytes(4, "little")

    assert "not a whole zip file" in refused(bytes(packed))


def test_of_a_zip_with_several_files_their_names_are_reported() -> None:
    assert "2 files: a.csv, b.csv; load them one by one" in refused(
        zipped(b"x", "a.csv", "b.csv")
    )


def test_text_in_any_encoding_of_unicode_is_the_same_file() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        assert canonical(TEXT.encode(encoding)) == canonical(TEXT.encode()), encoding
    for mark, encoding in (
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ):
        assert canonical(mark + TEXT.encode(encoding)) == canonical(TEXT.encode()), encoding


@pytest.mark.parametrize(
    ("encoding", "header"),
    [
        ("cp1252", "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen"),
        ("cp1252", "Fecha;Apertura;Máximo;Mínimo;Último;Vol."),
        ("cp949", "일자;시가;고가;저가;종가;거래량"),
        ("cp932", "日付;始値;高値;安値;終値;出来高"),
        ("gb18030", "日期;开盘;最高;最低;收盘;成交量"),
    ],
)
def test_code_pages_are_recognised_by_the_header_they_make(encoding: str, header: str) -> None:
    text = TEXT.replace(",", ";").replace(TEXT.splitlines()[0].replace(",", ";"), header)

    assert canonical(text.encode(encoding)) == canonical(TEXT.encode())
    (done,) = read_prices(text.encode(encoding), Meaning(timeframe="1d")).done
    assert done.startswith("not UTF-8: read as ")


def test_what_is_no_csv_is_named_with_what_to_do() -> None:
    for begin, says in (
        (
            b"PAR1",
            "a Parquet file, not a CSV file: read it with pandas and write it with .to_csv()",
        ),
        (b"ARROW1", "an Arrow or Feather file"),
        (b"\x89HDF\r\n", "an HDF5 file"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1",
            "an Excel file of the old form (.xls), not a CSV file: save it as CSV UTF-8",
        ),
        (b"\x28\xb5\x2f\xfd", "packed with zstd, not a CSV file: unpack it first"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
        (b"SQLite format 3\0", "a SQLite database"),
    ):
        assert f"this is {says}" in refused(begin + bytes(200)), begin


def test_random_bytes_are_refused_whatever_they_begin_with() -> None:
    dice = random.Random(16)
    begins = [
        b"",
        b"\x1f\x8b",
        b"BZh9",
        b"\xfd7zXZ\0",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"\xfe\xff",
        b"\xef\xbb\xbf",
    ]
    for number in range(400):
        refused(begins[number % len(begins)] + dice.randbytes(dice.randrange(300)))


def test_vendors_files_with_random_faults_are_read_or_refused() -> None:
    dice = random.Random(1)
    for _ in range(400):
        text = [*dice.choice([*DAILY.values()])]
        for _ in range(dice.randrange(1, 6)):
            place = dice.randrange(len(text))
            text[place : place + dice.randrange(9)] = dice.choice("0,;.\n\t\"'# -/年$A\x1c")
        content = "".join(text).encode(dice.choice(["utf-8", "utf-16"]))
        content = (
            content[: dice.randrange(len(content))]
            + dice.randbytes(2)
            + content[dice.randrange(len(content)) :]
        )
        with suppress(RefusedFile):
            assert len(read_prices(unpacked(content, LIMIT), Meaning(timeframe="1d")).bars) > 0, (
                content
            )


def test_a_workbook_is_read_as_its_cells_are_shown() -> None:
    dice = random.Random(63)
    for _ in range(20):
        days = [
            date(2024, 1, 1) + timedelta(days=number) for number in range(dice.randrange(2, 40))
        ]
        prices = [dice.randrange(10**3, 10**7) / 1000 for _ in days]
        rows = [
            ["Date", "Close", "Volume"],
            *([day, price, 7] for day, price in zip(days, prices, strict=True)),
        ]

        text = unpacked(workbook([["a title"], [], *rows]), LIMIT).decode()

        expected = ["a title", "", "Date,Close,Volume"]
        expected += [f"{day},{price:.15g},7" for day, price in zip(days, prices, strict=True)]
        assert text.splitlines() == expected
        assert read_prices(text.encode(), Meaning(timeframe="1d")).bars.dates() == [
            *map(str, days)
        ]


def test_a_workbook_is_bound_as_other_files_and_has_one_sheet_of_cells() -> None:
    rows = [["Date", "Close"], [date(2024, 1, 11), 10.5]]

    assert "has 2 sheets with cells" in refused(workbook(rows, rows))
    assert unpacked(workbook(rows, []), LIMIT) == unpacked(workbook(rows), LIMIT)
    assert "has 0 sheets with cells" in refused(workbook([]))
    assert "more than 1 MB" in refused(workbook(rows * 20_000))
    wide = workbook([["x", *[""] * 998, "x"]] * 1_100, blanks=False)
    assert "more than 1 MB" in refused(wide), "cells that are not written take no space before"
    entities = workbook(rows, prolog="<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]>")
    assert "has a document type; save it as CSV UTF-8" in refused(entities)
    for length in range(30, len(entities), 97):
        refused(entities[:length])
