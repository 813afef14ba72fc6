"""Price series read from files: ranges, warm-up, clipping, and every way in which a file can be broken."""

import hashlib
import shutil
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.analysis.price_series import parse_prices, read_prices
from adapters.prices.price_file import HEADER, price_faults, price_lines
from contracts.errors import BadPriceFile, NoPricesInRange, UnknownTicker

DATA = Path(__file__).resolve().parents[2] / "data"
GOOD = ["2024-01-02,10,12,9,11,100", "2024-01-03,11,13,10,12,0", "2024-01-04,12,12,12,12,5"]


def content(*lines: str, header: str = HEADER) -> bytes:
    """A price file of these lines."""
    return "\n".join([header, *lines, ""]).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three daily bars of ABC and three five-minute ones."""
    (tmp_path / "ABC.csv").write_bytes(content(*GOOD))
    starts = ["2024-01-02T14:30:00Z", "2024-01-02T14:35:00Z", "2024-01-03T20:55:00Z"]
    intraday = [start + line[10:] for start, line in zip(starts, GOOD, strict=True)]
    (tmp_path / "ABC_5m.csv").write_bytes(content(*intraday))
    return tmp_path


def test_both_ends_of_the_range_are_inclusive():
    prices = read_prices(DATA, "AAPL", "1d", date(2004, 1, 2), date(2004, 1, 9)).traded()

    assert prices.bar_dates() == [f"2004-01-0{day}" for day in (2, 5, 6, 7, 8, 9)]
    assert prices.first_bar == 0
    assert prices.clipped is None


def test_columns_are_those_of_the_file():
    line = (DATA / "AAPL.csv").read_text().splitlines()[-1]

    prices = read_prices(DATA, "AAPL", "1d", date(2013, 2, 28), date(2013, 3, 1))

    last = [f"{prices[name][-1]:.6f}" for name in ("Open", "High", "Low", "Close")]
    assert ["2013-03-01", *last, f"{prices['Volume'][-1]:.0f}"] == line.split(",")


def test_columns_are_contiguous_floats_of_one_length():
    prices = read_prices(DATA, "IBM", "1d", date(2004, 1, 1), date(2005, 1, 1))

    arrays = list(prices.columns.values())
    assert list(prices.columns) == ["Open", "High", "Low", "Close", "Volume"]
    assert {each.dtype for each in arrays} == {np.dtype(np.float64)}
    assert all(each.flags.c_contiguous and len(each) == len(prices) for each in arrays)


@pytest.mark.parametrize(("start", "before"), [(date(2000, 3, 1), 0), (date(2000, 3, 8), 5), (date(2004, 1, 2), 964)])
def test_all_earlier_bars_come_before_the_first_traded_one(start, before):
    prices = read_prices(DATA, "MSFT", "1d", start, date(2005, 1, 1))

    assert prices.first_bar == before
    assert prices.bar_dates()[before] == start.isoformat()
    assert prices.bar_dates()[0] == "2000-03-01"
    assert prices.traded().bar_dates() == prices.bar_dates()[before:]


def test_data_hash_is_that_of_the_file():
    prices = read_prices(DATA, "FB", "1d", date(2013, 1, 1), date(2013, 2, 1))

    assert prices.data_hash == hashlib.sha256((DATA / "FB.csv").read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("start", "end", "used"),
    [
        (date(1999, 1, 1), date(2001, 1, 1), "2000-03-01 to 2001-01-01"),
        (date(2012, 1, 1), date(2020, 1, 1), "2012-01-01 to 2013-03-01"),
    ],
)
def test_a_range_beyond_the_prices_is_clipped_and_says_so(start, end, used):
    prices = read_prices(DATA, "AAPL", "1d", start, end)

    held = "AAPL has 1d prices from 2000-03-01 to 2013-03-01"
    assert prices.clipped == f"{held}: {start} to {end} was clipped to {used}"


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(1990, 1, 1), date(2000, 2, 29)), (date(2013, 3, 2), date(2020, 1, 1)), (date(2004, 1, 3), date(2004, 1, 4))],
)
def test_a_range_without_bars_is_an_error_with_the_tickers_range(start, end):
    with pytest.raises(NoPricesInRange, match=f"{start} and {end}: AAPL has 1d prices from 2000-03-01 to 2013-03-01"):
        read_prices(DATA, "AAPL", "1d", start, end)


@pytest.mark.parametrize(
    ("start", "end"), [(date(2012, 12, 31), date(2013, 1, 1)), (date(2000, 1, 1), date(2000, 3, 1))]
)
def test_one_bar_is_too_few_for_a_backtest_and_that_is_said(start, end):
    with pytest.raises(NoPricesInRange, match=f"only one bar, and a backtest needs two, between {start} and {end}"):
        read_prices(DATA, "AAPL", "1d", start, end)


def test_a_ticker_without_a_file_is_unknown():
    with pytest.raises(UnknownTicker, match="no 5m prices of ticker 'AAPL'"):
        read_prices(DATA, "AAPL", "5m", date(2004, 1, 1), date(2005, 1, 1))


def test_intraday_bars_are_dated_by_their_start(folder):
    prices = read_prices(folder, "ABC", "5m", date(2024, 1, 2), date(2024, 1, 2))

    assert prices.bar_dates() == ["2024-01-02T14:30:00Z", "2024-01-02T14:35:00Z"]
    assert prices.open_times() == prices.bar_dates()
    assert prices.close_times() == ["2024-01-02T14:35:00Z", "2024-01-02T14:40:00Z"]


def test_daily_bars_open_and_close_with_new_york(folder):
    prices = read_prices(folder, "ABC", "1d", date(2024, 1, 3), date(2024, 1, 4)).traded()

    assert prices.open_times() == ["2024-01-03T14:30:00Z", "2024-01-04T14:30:00Z"]
    assert prices.close_times() == ["2024-01-03T21:00:00Z", "2024-01-04T21:00:00Z"]


@pytest.mark.parametrize(
    "rewritten",
    [
        b"\xef\xbb\xbf" + content(*GOOD),
        content(*GOOD).replace(b"\n", b"\r\n"),
        content(*GOOD).rstrip(b"\n"),
        content(*GOOD) + b"\n\n",
    ],
    ids=["byte order mark", "CRLF", "no last line end", "empty lines at the end"],
)
def test_what_spreadsheets_do_to_a_file_is_accepted(rewritten):
    timestamps, columns = parse_prices(rewritten, "ABC.csv", "1d")

    assert timestamps.astype("M8[D]").astype(str).tolist() == ["2024-01-02", "2024-01-03", "2024-01-04"]
    assert columns["Close"].tolist() == [11, 12, 12]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("2024-01-03,11,13,10,12", "5 columns instead of 6"),
        ("2024-01-03,11,13,10,12,0,7", "7 columns instead of 6"),
        ("", "1 columns instead of 6"),
        ("2024-01-03,11,x,10,12,0", "High 'x' is not a finite number"),
        ("2024-01-03,11,,10,12,0", "High '' is not a finite number"),
        ("2024-01-03,11,nan,10,12,0", "High 'nan' is not a finite number"),
        ("2024-01-03,11,1e999,10,12,0", "High '1e999' is not a finite number"),
        ("2024-01-03,11,1_3,10,12,0", "High '1_3' is not a finite number"),
        ("2024-01-03,11,13,10, 12,0", "Close ' 12' is not a finite number"),
        ("2024-01-03,0,13,0,12,0", "Open 0 is not above zero"),
        ("2024-01-03,11,13,-1,12,0", "Low -1 is not above zero"),
        ("2024-01-03,11,11.5,10,12,0", r"High 11.5 is below the highest of Open, Low and Close \(12.0\)"),
        ("2024-01-03,11,13,11.5,12,0", r"Low 11.5 is above the lowest of Open and Close \(11.0\)"),
        ("2024-01-03,11,13,10,12,-1", "Volume -1 is negative"),
        ("2024-01-03,11,13,10,12,inf", "Volume 'inf' is not a finite number"),
        ("2024-01-02,11,13,10,12,0", "Date 2024-01-02 stands twice"),
        ("2024-01-01,11,13,10,12,0", "Date 2024-01-01 comes after 2024-01-02"),
        ("2024-02-30,11,13,10,12,0", "Date '2024-02-30' is not a YYYY-MM-DD date"),
        ("03/01/2024,11,13,10,12,0", "Date '03/01/2024' is not a YYYY-MM-DD date"),
        ("2024-01-03T00,11,13,10,12,0", "Date '2024-01-03T00' is not a YYYY-MM-DD date"),
        ("NaT,11,13,10,12,0", "Date 'NaT' is not a YYYY-MM-DD date"),
        ("2024-01-03,11,13,10,12,0 # late", "Volume '0 # late' is not a finite number"),
    ],
)
def test_a_broken_bar_is_named_by_file_line_and_fault(line, fault):
    broken = content(GOOD[0], line, "2024-01-05,12,12,12,12,5")

    with pytest.raises(BadPriceFile, match=f"^ABC.csv, line 3: {fault}"):
        parse_prices(broken, "ABC.csv", "1d")


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (b"", "line 1: the file is empty"),
        (content(), "line 2: no bars after the header"),
        (content(*GOOD, header="Date,Open,High,Low,Close"), "line 1: missing columns Volume"),
        (content(*GOOD, header=HEADER + ",Adj Close"), "line 1: extra columns 'Adj Close'"),
        (content(*GOOD, header="Date,High,Open,Low,Close,Volume"), "line 1: columns repeated or out of order"),
        (content(GOOD[0]) + b"2024-01-03,\xff\x00", "line 3: byte 0xff is not ASCII text"),
        (bytes(range(256)), "line 2: byte 0x80 is not ASCII text"),
    ],
)
def test_a_file_that_is_no_price_file_says_why(broken, fault):
    with pytest.raises(BadPriceFile, match=f"^ABC.csv, {fault}"):
        parse_prices(broken, "ABC.csv", "1d")


@pytest.mark.parametrize("start", ["2024-01-02", "2024-01-02T14:30:00", "2024-01-02 14:30:00Z", "2024-01-02T24:30:00Z"])
def test_an_intraday_bar_needs_a_time_in_utc(start):
    with pytest.raises(BadPriceFile, match=f"line 2: Date '{start}' is not a YYYY-MM-DDTHH:MM:SSZ date of a 1h bar"):
        parse_prices(content(start + GOOD[0][10:]), "ABC_1h.csv", "1h")


CELLS = st.one_of(
    st.sampled_from(
        ["2024-01-02", "2024-01-03", "2024-01-05", "0000-01-01", "11", "0", "-3", ".5", "7.", "1e1", "+12"]
    ),
    st.text(alphabet="0123456789.eE+-_ ,\tTZnaif:#\"'", max_size=11),
)
EDITS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), CELLS), max_size=2)


@settings(deadline=None, max_examples=300)
@given(EDITS)
@example([(0, 5, "5,2024-01-03"), (1, 0, "1")])
@example([(1, 0, "2024-01-03\n"), (2, 5, "")])
@example([(0, 0, "0000-01-01")])
@example([(0, 2, "+12.")])
def test_the_check_by_arrays_and_the_check_by_lines_agree(edits):
    cells = [line.split(",") for line in GOOD]
    for row, column, cell in edits:
        cells[row][column] = cell
    lines = price_lines(content(*map(",".join, cells)), "ABC.csv")

    if list(price_faults(lines, "1d")):
        with pytest.raises(BadPriceFile):
            parse_prices(content(*lines), "ABC.csv", "1d")
    else:
        assert len(parse_prices(content(*lines), "ABC.csv", "1d")[0]) == len(lines)


def test_a_broken_file_stops_a_run_even_outside_its_range(tmp_path):
    shutil.copy(DATA / "FB.csv", tmp_path / "FB.csv")
    with (tmp_path / "FB.csv").open("a") as file:
        file.write("2013-03-04,1,1,2,1,1\n")

    with pytest.raises(BadPriceFile, match="FB.csv, line 198: High 1 is below"):
        read_prices(tmp_path, "FB", "1d", date(2012, 6, 1), date(2012, 7, 1))
