"""Price files of many forms are read, and faults are refused by line."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.prices.bars import csv_chunks
from adapters.prices.decoding import unpacked
from adapters.prices.reading import Meaning, Reading, read_prices
from adapters.prices.table import RefusedFile
from adapters.prices.tickers import price_files
from contracts.run_request import Timeframe
from tests.prices.exports import EXPORTS

DATA = Path(__file__).resolve().parents[2] / "data"
HEADER = "Date,Open,High,Low,Close,Volume\n"
ADJUSTED = HEADER.replace("Close,", "Close,Adj Close,")
GOOD = "2013-02-28,63,64,62,63,100\n"
CANONICAL = (
    "Date,Open,High,Low,Close,Volume\n"
    "2013-02-28,63.436000,63.983000,63.057000,63.057000,80628800\n"
    "2013-03-01,62.571000,62.597000,61.425000,61.496000,137899100\n"
)


def read(
    text: str, timeframe: Timeframe = "1d", *, adjust: bool = True, zone: str | None = None
) -> Reading:
    return read_prices(text.encode(), Meaning(timeframe=timeframe, adjust=adjust, zone=zone))


def canonical(reading: Reading) -> str:
    return b"".join(csv_chunks(reading.bars)).decode()


def refused(text: str | bytes, timeframe: Timeframe = "1d") -> list[str]:
    with pytest.raises(RefusedFile) as fault:
        read_prices(
            text.encode() if isinstance(text, str) else text, Meaning(timeframe=timeframe)
        )
    return fault.value.findings


def test_the_shipped_files_are_canonical_so_their_hashes_stay() -> None:
    for path in price_files(DATA):
        content = unpacked(path.read_bytes())

        reading = read_prices(content, Meaning(timeframe="1d"))

        assert reading.bars.data_hash == hashlib.sha256(content).hexdigest(), path.name
        assert not reading.done, path.name


def test_every_known_export_becomes_the_same_bars() -> None:
    for source, text in EXPORTS.items():
        bars = replace(read(text, adjust=False).bars, further={})
        assert b"".join(csv_chunks(bars)).decode() == CANONICAL, source


def test_adjusting_multiplies_whole_bars_by_the_ratio_of_the_closes_and_says_so() -> None:
    reading = read(EXPORTS["Yahoo"])

    first = canonical(reading).splitlines()[1].split(",")
    assert float(first[4]) == pytest.approx(55.0)
    assert float(first[2]) == pytest.approx(63.983 * 55.0 / 63.057)
    assert first[5] == "80628800"
    assert "scaled by Adj Close (×0.8722 to ×0.8723)" in reading.done[0]


def test_not_adjusting_is_reported_too_and_so_is_nothing_to_adjust() -> None:
    assert read(EXPORTS["Yahoo"], adjust=False).done == [
        "Adj Close ignored as requested; prices are unadjusted"
    ]
    assert read(EXPORTS["a plain export"]).done == [
        "Adj Close equals Close on every bar; nothing to adjust"
    ]


def test_rows_without_prices_are_left_out_with_a_warning() -> None:
    reading = read(
        f"{HEADER}{GOOD}2013-03-01,null,null,null,null,null\n2013-03-04,63,64,62,63,100\n"
    )

    assert len(reading.bars) == 2
    assert reading.warnings == ["skipped rows without prices: line 3"]


def test_intraday_times_need_an_offset_or_a_zone() -> None:
    rows = HEADER + "2013-03-01 09:30:00,63,64,62,63,100\n2013-03-01 10:30:00,63,64,62,63,100\n"

    assert refused(rows, "1h") == [
        "timezone: missing, and times such as 2013-03-01 09:30:00 have no offset from UTC; too few bars to detect the "
        "timeframe (fewer than 4); trading hours are 09:30 to 10:30, which match no known exchange; set the file's "
        "time zone, such as America/New_York, or UTC"
    ]
    assert read(rows, "1h", zone="America/New_York").bars.first == "2013-03-01T14:30:00Z"
    assert read(
        rows.replace(":00:00,", ":00:00+01:00,").replace(":30:00,", ":30:00+01:00,"), "1h"
    ).bars.first == ("2013-03-01T08:30:00Z")


def test_stamps_of_twelve_and_fourteen_digits_are_times_and_other_digits_seconds_since_1970() -> (
    None
):
    for stamps, first in (
        (("201302281430", "201303011430"), "2013-02-28T14:30:00Z"),
        (("20130228143001", "20130301143000"), "2013-02-28T14:30:01Z"),
        (("1362061800", "1362148200"), "2013-02-28T14:30:00Z"),
        (("1362061800000", "1362148200000"), "2013-02-28T14:30:00Z"),
        (("951834600000", "951921000000"), "2000-02-29T14:30:00Z"),
    ):
        rows = "".join(f"{stamp},63,64,62,63,100\n" for stamp in stamps)
        zone = "UTC" if stamps[0].startswith("2013") else None
        assert read(HEADER + rows, "1h", zone=zone).bars.first == first, stamps
    assert refused(
        HEADER + "20130228143000,63,64,62,63,100\n20131301143000,63,64,62,63,100\n"
    ) == [
        "line 2: Date '20130228143000' is not a date; use YYYY-MM-DD "
        "(2 lines have this fault: 2, 3)"
    ]


def test_an_order_of_day_and_month_that_cannot_be_told_is_refused() -> None:
    assert (
        "such as '02/03/2020', may mean"
        in refused(f"{HEADER}01/01/2020,1,1,1,1,1\n02/03/2020,1,1,1,1,1\n")[0]
    )
    assert read(f"{HEADER}01/01/2020,1,1,1,1,1\n02/02/2020,1,1,1,1,1\n").bars.last == "2020-02-02"
    assert (
        "may mean 2013-01-02 or 2013-02-01"
        in refused(f"{HEADER}01/02/2013,1,1,1,1,1\n01/03/2013,1,1,1,1,1\n")[0]
    )
    assert (
        read(f"{HEADER}01/02/2013,1,1,1,1,1\n01/13/2013,1,1,1,1,1\n").bars.first == "2013-01-02"
    )
    assert (
        read(f"{HEADER}01/02/2013,1,1,1,1,1\n13/02/2013,1,1,1,1,1\n").bars.first == "2013-02-01"
    )


SEMICOLONS = HEADER.replace(",", ";")


@pytest.mark.parametrize(
    ("row", "close", "volume", "unsure"),
    [
        ("63.4;64;62;63.05;49,490", 63.05, 49490, ["Volume '49,490' is read as 49490"]),
        ("63,4;64;62;63,05;49.490", 63.05, 49490, ["Volume '49.490' is read as 49490"]),
        ("63.4;64;62;63.05;1,049,490", 63.05, 1049490, []),
        ("63.4;64;62;63.05;49,490.5", 63.05, 49490.5, []),
        ("38.460;38.470;38.450;38.460;1", 38.46, 1, [f"{name} '38.4{end}0' is read as 38.4{end}0" for name, end in
                                                     (("Open", 6), ("High", 7), ("Low", 5), ("Close", 6))]),
        ("63;64;62;63;49,490", 63, 49490, ["Volume '49,490' is read as 49490"]),
        ("63;64;62;63;80,6M", 63, 80.6e6, []),
        ('63.4,64,62,63.05,"49,490"', 63.05, 49490, ["Volume '49,490' is read as 49490"]),
        ('"63,4",64,62,"63,05",49490', 63.05, 49490, []),
        ("63.436,64.000,62.000,63.050,49490", 63.05, 49490, []),
        ('63.4,64,62,63.05,"12,34,567"', 63.05, 1234567, []),
    ],
)  # fmt: skip
def test_commas_and_points_are_read_as_the_whole_file_writes_them_and_doubts_are_reported_by_column(
    row: str, close: float, volume: float, unsure: list[str]
) -> None:
    reading = read(
        (SEMICOLONS if ";" in row else HEADER) + f"2013-02-28{';' if ';' in row else ','}{row}\n"
    )

    bars = reading.bars
    assert bars.prices[3][0] / 10**bars.price_decimals == close
    assert bars.volume[0] / 10**bars.volume_decimals == volume
    assert [each.partition(";")[0] for each in reading.warnings] == unsure


def test_a_cell_against_the_rest_of_its_file_is_no_number() -> None:
    rows = "2013-02-28;63.4;64;62;63.05;1\n2013-03-01;63,4;64;62;63.05;1\n"

    assert refused(SEMICOLONS + rows) == ["line 3: Open '63,4' is not a number"]


def test_of_many_columns_that_are_left_out_twenty_are_named() -> None:
    names = [f"extra {number}" for number in range(1000)] + ["x" * 1000]

    (done,) = read(f"{','.join(names)},{HEADER}{',' * len(names)}{GOOD}").done

    assert done == f"ignored columns: {', '.join(names[:20])} and 981 more"
    (done,) = read(f"{names[-1]},{HEADER},{GOOD}").done
    assert done == f"ignored columns: {'x' * 40}"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (HEADER, "line 2: no bars after the header"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"\x89PNG\r\n", "a PNG picture"),
        ("<!DOCTYPE html><html><title>Log in</title>", "an HTML page"),
        ("Date\n2013-03-01\n", "line 1: no column for Close; the header has 'Date'"),
        ("\n\nDate\n2013-03-01\n", "line 3: no column for Close; the header has 'Date'"),
        ("Date,Volume\n2013-03-01,1\n", "no column for Close; the header has 'Date', 'Volume'"),
        (b"Date,Open\xff\n", "byte 0xff is not UTF-8"),
        (HEADER + "2013-02-28,63,64\n", "line 2: 3 columns, but the header has 6"),
        (
            HEADER + GOOD + "2013-02-30,63,64,62,63,100\n",
            "line 3: Date '2013-02-30' is not a date",
        ),
        (HEADER + GOOD + "2013-03-01,x,64,62,63,100\n", "line 3: Open 'x' is not a number"),
        (
            HEADER + GOOD + "2013-03-01,0,64,62,63,100\n",
            "line 3: Open 0 is out of range: above 0",
        ),
        (
            HEADER + GOOD + "2013-03-01,63,64,62,63,-1\n",
            "line 3: Volume -1 is out of range: at least 0",
        ),
        (HEADER + GOOD + "2013-03-01,63,1e99,62,63,1\n", "line 3: High 1e99 is out of range"),
        (HEADER + GOOD + "2013-03-01,63,62,61,60,1\n", "line 3: High 62 is below the highest"),
        (HEADER + GOOD + "2013-03-01,63,64,63,62,1\n", "line 3: Low 63 is above the lowest"),
        (HEADER + "2013-02-28," + "1" * 200_000 + ",64,62,63,1\n", "line 2: Open 111"),
        (HEADER + "2013-02-28," + "1" * 200_000 + "x,64,62,63,1\n", "line 2: Open '111"),
        (HEADER + "2013-02-28,63,64,62,63," + "x" * 200_000, "line 2: Volume 'xxx"),
        (
            HEADER + '2013-02-28,63,"64,62,63,1\n' + GOOD,
            "line 2: the quote in column 'High' is not closed",
        ),
        (
            HEADER + '2013-02-28,63,64,62,63,"1\n' + GOOD * 9000,
            "line 2: the quote in column 'Volume' is not closed",
        ),
        (
            HEADER + GOOD + '2013-03-01,63,64,62,63,1,"',
            "line 3: the quote in column 7 is not closed",
        ),
        (
            'Date,Open,"High,Low,Close,Volume\n' + GOOD,
            "line 1: the quote in column 3 is not closed",
        ),
        (
            HEADER + "0001-02-28,63,64,62,63,100\n",
            "line 2: Date '0001-02-28' is out of range: the years 1600 to 2199",
        ),
        (
            HEADER + "9999-12-31T23:00:00-05:00,63,64,62,63,1\n",
            "line 2: Date '9999-12-31T23:00:00-05:00' is out of",
        ),
        (
            ADJUSTED + "2013-02-28,63,64,62,63,1e-50,1\n",
            "line 2: Adj Close 1e-50 is out of range: above 0 (1e-15 or",
        ),
        (
            ADJUSTED + "2013-02-28,1e14,1e14,1,1,10,1\n",
            "scaling by Adj Close gives prices of 1e15 or more",
        ),
        (HEADER + GOOD + GOOD, "line 3: Date appears twice"),
        (
            HEADER + GOOD + "2013-02-27,63,64,62,63,100\n2013-03-01,63,64,62,63,1\n",
            "line 3: Date is before",
        ),
    ],
)
def test_bad_files_are_refused_in_words(text: str | bytes, says: str) -> None:
    assert any(says in fault for fault in refused(text)), refused(text)


def test_faults_of_one_kind_are_one_line_with_their_count_and_first_places() -> None:
    faults = refused(HEADER + GOOD + "2013-03-01,x,64,62,0,100\n" * 150)

    assert faults == [
        "line 3: Open 'x' is not a number (150 lines have this fault: 3, 4, 5, 6, 7 and 145 more)",
        "line 3: Close 0 is out of range: above 0 (1e-15 or more) and below 1e15 "
        "(150 lines have this fault: 3, 4, 5, 6, 7 and 145 more)",
    ]
    (twice,) = refused(HEADER + GOOD * 100)
    assert twice.startswith("line 3: Date appears twice: two bars on one day (99 lines")


def test_gzip_is_unpacked_up_to_the_bound_and_no_further() -> None:
    packed = gzip.compress(b"0" * 10_000_000)

    assert unpacked(gzip.compress(HEADER.encode()), 1000) == HEADER.encode()
    with pytest.raises(RefusedFile, match="more than 1 MB"):
        unpacked(packed, 2**20)
    with pytest.raises(RefusedFile, match="not a whole gzip file"):
        unpacked(b"\x1f\x8bxxxxxxxxxxxx", 2**20)


def test_gzip_is_read_whole_or_refused() -> None:
    members = [gzip.compress(HEADER.encode()), gzip.compress((GOOD * 600).encode())]

    assert unpacked(b"".join(members), 2**20) == (HEADER + GOOD * 600).encode()
    whole = b"".join(members)
    for length in {2, *range(12, len(whole), 7), len(whole) - 1} - {len(members[0])}:
        with pytest.raises(RefusedFile, match="not a whole gzip file"):
            unpacked(whole[:length], 2**20)
    with pytest.raises(RefusedFile, match="not a whole gzip file"):
        unpacked(whole + b"rubbish", 2**20)


def test_a_fault_of_a_file_with_the_newest_first_names_the_values_of_its_line() -> None:
    rows = [
        "2013-03-06,5,6,7,5,9",
        "2013-03-05,5,9,4,5,9",
        "2013-03-04,5,0.5,4,5,9",
        "2013-03-01,5,9,4,5,9",
    ]

    (fault,) = refused(HEADER + "".join(f"{row}\n" for row in rows))

    assert fault.startswith("line 2: High 6 is below"), fault
    assert "2 lines have this fault: 2, 4" in fault
