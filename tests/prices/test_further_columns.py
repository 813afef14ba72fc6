"""Columns of a price file that are no prices are kept with the version, and so is the exchange's time zone."""

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine

from adapters.database import connect_database, reading
from adapters.prices.bars import csv_chunks, joined
from adapters.prices.dates import Meaning
from adapters.prices.loading import examine, save_version
from adapters.prices.packing import BARS_PER_PART, PackedPrices, pack_bars, unpack_bars
from adapters.prices.reading import MOST_FURTHER, read_prices
from adapters.prices.store import PriceStore, packed_prices
from tests.services.prices import without_prices

pandas = pytest.importorskip("pandas")

DAILY = Meaning(timeframe="1d")
PLAIN = "Date,Open,High,Low,Close,Volume\n2024-01-02,10,11,9,10,5\n2024-01-03,10,11,9,10,5\n"


def with_columns(header: str, *cells: str) -> bytes:
    """The plain file with more columns."""
    first, *rows = PLAIN.splitlines()
    lines = [
        f"{first},{header}",
        *(f"{row},{more}" for row, more in zip(rows, cells, strict=True)),
    ]
    return ("\n".join(lines) + "\n").encode()


def test_columns_of_numbers_are_kept_under_plain_names_and_blanks_are_unknown() -> None:
    file = with_columns(
        "Score,Model Mood!,text,empty,2nd,Unnamed: 0", "0.5,-1e-120,up,,1,0", "NaN,7,down,,2,1"
    )

    reading_ = read_prices(file, DAILY)

    assert {name: column.tolist() for name, column in reading_.bars.further.items()} == {
        "score": [0.5, pytest.approx(float("nan"), nan_ok=True)],
        "model_mood": [-1e-120, 7.0],
    }
    assert reading_.done == [
        "ignored columns: text, empty, 2nd, Unnamed: 0",
        "further columns kept: score, model_mood",
    ]


def test_the_canonical_file_has_them_and_its_hash_and_is_read_back_to_the_bit() -> None:
    rng = np.random.default_rng(1)
    values = np.where(rng.random(2) < 2, rng.random(2) * 10.0 ** rng.integers(-200, 200, 2), 0)
    bars = read_prices(with_columns("score", *map(repr, values.tolist())), DAILY).bars
    content = b"".join(csv_chunks(bars))

    again = read_prices(content, DAILY)

    assert content.startswith(b"Date,Open,High,Low,Close,Volume,score\n")
    assert again.bars.further["score"].tolist() == values.tolist()
    assert again.bars.data_hash == bars.data_hash == hashlib.sha256(content).hexdigest()
    assert bars.data_hash != read_prices(PLAIN.encode(), DAILY).bars.data_hash
    assert joined(bars, np.array([0])).further == {}


def test_a_file_without_them_keeps_its_hash() -> None:
    bars = read_prices(with_columns("text", "a", "b"), DAILY).bars

    assert bars.data_hash == read_prices(PLAIN.encode(), DAILY).bars.data_hash
    assert b"".join(csv_chunks(bars)) == (
        b"Date,Open,High,Low,Close,Volume\n"
        b"2024-01-02,10.000000,11.000000,9.000000,10.000000,5\n"
        b"2024-01-03,10.000000,11.000000,9.000000,10.000000,5\n"
    )


def test_columns_that_a_vendors_form_has_but_that_are_no_prices_are_left_out() -> None:
    file = b"ticker,volume,open,close,high,low,window_start,transactions,score\nA,5,10,10,11,9,1704153600,99,0.5\n"

    reading_ = read_prices(file, DAILY)

    assert [*reading_.bars.further] == ["score"]
    assert reading_.done == ["ignored columns: transactions", "further columns kept: score"]


def test_twenty_are_kept_and_the_rest_is_named() -> None:
    names = ",".join(f"c{number}" for number in range(22))
    cells = ",".join("1" * 22)

    reading_ = read_prices(with_columns(names, cells, cells), DAILY)

    assert len(reading_.bars.further) == MOST_FURTHER == 20
    assert reading_.done[0] == "ignored columns: c20, c21"


def test_they_are_those_that_pandas_reads_however_the_rows_are_treated() -> None:
    """Newest first, a row without prices, and one that is left out."""
    rows = [
        "2024-01-05,10,11,9,10,5,4",
        "2024-01-04,10,9,9,10,5,3",
        "2024-01-03,,,,,,2",
        "2024-01-02,10,11,9,10,5,1",
    ]
    file = "\n".join(["Date,Open,High,Low,Close,Volume,score", *rows]).encode()

    bars = read_prices(file, replace(DAILY, bad_rows="drop")).bars

    assert bars.further["score"].tolist() == [1.0, 4.0]
    assert bars[1:].further["score"].tolist() == [4.0]


def test_random_columns_are_those_that_pandas_reads() -> None:
    """300 files of numbers of any size and form, with blanks."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        days = pandas.bdate_range("2024-01-01", periods=12)
        values = rng.normal(size=(12, 3)) * 10.0 ** rng.integers(-12, 13, (12, 3))
        values[rng.random((12, 3)) < 0.2] = np.nan
        values[0] = rng.integers(-5, 5, 3)
        frame = pandas.DataFrame(values, columns=["score", "mood", "rank"])
        content = frame.assign(Date=days, Close=10.5).to_csv(index=False)

        further = read_prices(content.encode(), DAILY).bars.further

        expected = pandas.read_csv(io.StringIO(content))
        for name in frame:
            np.testing.assert_array_equal(further[name], expected[name], err_msg=f"{seed} {name}")


def test_the_store_keeps_them_in_parts_that_fit_a_packet() -> None:
    rng, count = np.random.default_rng(2), BARS_PER_PART // 2
    bars = read_prices(PLAIN.encode(), DAILY).bars
    bars = replace(
        bars,
        times=np.arange(count) * 86_400,
        prices=(np.arange(count) + 10,) * 4,
        volume=np.arange(count),
        further={f"c{number}": rng.random(count) for number in range(20)},
    )
    parts = [part for _, part in pack_bars(bars)]

    back = unpack_bars(
        PackedPrices("X", "1d", "", bars.price_decimals, bars.volume_decimals, parts)
    )

    assert len(parts) == 3 and max(map(len, parts)) < 4_000_000
    for name, column in bars.further.items():
        np.testing.assert_array_equal(back.further[name], column)


@pytest.fixture
def engine(database_url: str) -> Engine:
    """A database without prices."""
    return without_prices(connect_database(database_url))


def test_a_version_says_which_it_has_and_a_new_one_what_changed(engine: Engine) -> None:
    store = PriceStore(engine)
    first, report = examine(store, "X", with_columns("score,mood", "1,5", ",6"), DAILY)
    save_version(engine, "X", first, report)

    _, changed = examine(store, "X", with_columns("score", "2", ""), DAILY)

    version = store.get("X")
    assert version.columns == report["columns"] == ["score", "mood"]
    assert (changed["outcome"], changed["revised"], changed["columns"]) == (
        "changed",
        1,
        ["score"],
    )
    assert "further columns of the current version are missing: mood" in [
        each["message"] for each in changed["warnings"]
    ]
    with reading(engine) as connection:
        packed = packed_prices(connection, "X", "1d")
    assert packed.zone == "America/New_York"
    assert unpack_bars(packed).further["mood"].tolist() == [5.0, 6.0]


def sessions(zone: str, first: str, last: str, minutes: int = 30) -> bytes:
    """Bars of 20 days of an exchange's hours, in UTC."""
    days = pandas.date_range("2024-03-01", periods=20, freq="B")
    local = [
        moment
        for day in days
        for moment in pandas.date_range(
            f"{day.date()} {first}", f"{day.date()} {last}", freq=f"{minutes}min"
        )
    ]
    utc = pandas.DatetimeIndex(local).tz_localize(zone).tz_convert("UTC")
    rows = [f"{each:%Y-%m-%dT%H:%M:%SZ},10,11,9,10,5" for each in utc]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode()


@pytest.mark.parametrize(
    ("file", "timeframe", "zone", "expected"),
    [
        (PLAIN.encode(), "1d", None, "America/New_York"),
        (PLAIN.encode(), "1d", "Asia/Tokyo", "Asia/Tokyo"),
        (PLAIN.encode(), "1d", "UTC", "UTC"),
        (sessions("America/New_York", "09:30", "15:30"), "30m", None, "America/New_York"),
        (sessions("America/New_York", "09:30", "15:30"), "30m", "UTC", "America/New_York"),
        (sessions("Asia/Kolkata", "09:15", "15:15"), "30m", None, "Asia/Kolkata"),
        (sessions("UTC", "00:00", "23:30"), "30m", None, "UTC"),
    ],
)
def test_the_exchanges_zone_is_that_of_the_file_or_of_its_hours(
    file: bytes, timeframe: str, zone: str | None, expected: str, engine: Engine
) -> None:
    meaning = Meaning(timeframe=timeframe, zone=zone)  # type: ignore[arg-type]

    _, report = examine(PriceStore(engine), "X", file, meaning)

    assert report["exchange_zone"] == expected


def test_days_that_include_weekends_are_those_of_utc(engine: Engine) -> None:
    rows = [f"2024-01-{day:02},10,11,9,10,5" for day in range(1, 30)]
    file = "\n".join(["Date,Open,High,Low,Close,Volume", *rows]).encode()

    assert examine(PriceStore(engine), "X", file, DAILY)[1]["exchange_zone"] == "UTC"


def test_the_zone_of_a_stored_version_stays_and_the_report_says_so(engine: Engine) -> None:
    store = PriceStore(engine)
    save_version(engine, "X", *examine(store, "X", PLAIN.encode(), DAILY))

    _, report = examine(store, "X", PLAIN.encode(), replace(DAILY, zone="Asia/Tokyo"))

    assert report["outcome"] == "unchanged"
    assert report["warnings"][-1]["message"] == (
        "the stored version keeps its time zone, America/New_York: results of runs depend on it"
    )
    assert store.get("X").exchange_zone == "America/New_York"
