"""Prices of a Job: a range of bars, all bars before it, and clipping."""

import hashlib
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from adapters.prices.packing import run_prices
from contracts.errors import BadPrices, NoPricesInRange
from tests.services.prices import packed_file, read_prices

DATA = Path(__file__).resolve().parents[2] / "data"
HEADER = "Date,Open,High,Low,Close,Volume"
GOOD = ["2024-01-02,10,12,9,11,100", "2024-01-03,11,13,10,12,0", "2024-01-04,12,12,12,12,5"]


def content(*lines: str) -> bytes:
    """A price file of these lines."""
    return "\n".join([HEADER, *lines, ""]).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three daily bars of ABC and three five-minute ones."""
    (tmp_path / "ABC.csv").write_bytes(content(*GOOD))
    starts = ["2024-01-02T14:30:00Z", "2024-01-02T14:35:00Z", "2024-01-03T20:55:00Z"]
    intraday = [start + line[10:] for start, line in zip(starts, GOOD, strict=True)]
    (tmp_path / "ABC_5m.csv").write_bytes(content(*intraday))
    return tmp_path


def test_both_ends_of_the_range_are_inclusive():
    prices = read_prices(DATA, "AAPL", "1d", date(2004, 1, 2), date(2004, 1, 9))

    assert prices.traded.dates() == [f"2004-01-0{day}" for day in (2, 5, 6, 7, 8, 9)]
    assert prices.clipped is None


def test_columns_are_those_of_the_file():
    line = (DATA / "AAPL.csv").read_text().splitlines()[-1]

    prices = read_prices(DATA, "AAPL", "1d", date(2013, 2, 28), date(2013, 3, 1))

    *last, volume = (column[-1] for column in prices.bars.columns.values())
    assert ["2013-03-01", *(f"{price:.6f}" for price in last), f"{volume:.0f}"] == line.split(",")


def test_columns_are_contiguous_floats_of_one_length():
    prices = read_prices(DATA, "IBM", "1d", date(2004, 1, 1), date(2005, 1, 1))

    arrays = list(prices.bars.columns.values())
    assert list(prices.bars.columns) == ["Open", "High", "Low", "Close", "Volume"]
    assert {each.dtype for each in arrays} == {np.dtype(np.float64)}
    assert all(each.flags.c_contiguous and len(each) == len(prices.bars) for each in arrays)


@pytest.mark.parametrize(
    ("start", "before"), [(date(2000, 3, 1), 0), (date(2000, 3, 8), 5), (date(2004, 1, 2), 964)]
)
def test_all_earlier_bars_come_before_the_first_traded_one(start, before):
    prices = read_prices(DATA, "MSFT", "1d", start, date(2005, 1, 1))

    assert prices.first_bar == before
    assert prices.bars.dates()[before] == start.isoformat()
    assert prices.bars.dates()[0] == "2000-03-01"
    assert prices.traded.dates() == prices.bars.dates()[before:]


def test_data_hash_is_that_of_the_file():
    assert (
        packed_file(DATA, "FB").data_hash
        == hashlib.sha256((DATA / "FB.csv").read_bytes()).hexdigest()
    )


@pytest.mark.parametrize(
    ("start", "end", "used"),
    [
        (date(1999, 1, 1), date(2001, 1, 1), "2000-03-01 to 2001-01-01"),
        (date(2012, 1, 1), date(2020, 1, 1), "2012-01-01 to 2013-03-01"),
    ],
)
def test_a_range_beyond_the_prices_is_clipped_and_says_so(start, end, used):
    prices = read_prices(DATA, "AAPL", "1d", start, end)

    extent = "AAPL has 1d prices from 2000-03-01 to 2013-03-01"
    assert prices.clipped == f"{extent}: {start} to {end} was clipped to {used}"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(1990, 1, 1), date(2000, 2, 29)),
        (date(2013, 3, 2), date(2020, 1, 1)),
        (date(2004, 1, 3), date(2004, 1, 4)),
    ],
)
def test_a_range_without_bars_is_an_error_with_the_tickers_range(start, end):
    with pytest.raises(
        NoPricesInRange,
        match=rf"no AAPL prices from {start} to {end}; available \(1d\): 2000-03-01 to 2013-03-01",
    ):
        read_prices(DATA, "AAPL", "1d", start, end)


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2012, 12, 31), date(2013, 1, 1)), (date(2000, 1, 1), date(2000, 3, 1))],
)
def test_one_bar_is_too_few_for_a_backtest_and_that_is_reported(start, end):
    with pytest.raises(
        NoPricesInRange,
        match=f"only one bar of AAPL from {start} to {end}, and a backtest needs two",
    ):
        read_prices(DATA, "AAPL", "1d", start, end)


def test_intraday_bars_are_dated_by_their_start(folder):
    prices = read_prices(folder, "ABC", "5m", date(2024, 1, 2), date(2024, 1, 2))

    assert prices.bars.dates() == ["2024-01-02T14:30:00Z", "2024-01-02T14:35:00Z"]


def test_stored_prices_that_are_damaged_stop_a_run_in_words():
    packed = packed_file(DATA, "FB")

    for parts in ([b"no zlib"], [packed.parts[0][:-20]], []):
        with pytest.raises(BadPrices, match="the stored prices of FB .* are damaged"):
            run_prices(replace(packed, parts=parts), date(2013, 1, 1), date(2013, 2, 1))
