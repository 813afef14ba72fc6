"""Tickers, candles as pages show them, and the script that checks a folder."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from adapters.prices.bars import candles
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.tickers import is_ticker
from contracts.run_request import Timeframe

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
HEADER = "Date,Open,High,Low,Close,Volume\n"
BAR = f"{HEADER}2024-01-02,10,12.345,0.12344,11,100\n"


def bars(text: str, timeframe: Timeframe = "1d"):
    return read_prices(text.encode(), Meaning(timeframe=timeframe)).bars


def test_tickers_of_the_field_are_tickers_and_nothing_else_is():
    for text in ("A", "BRK-B", "^GSPC", "EURUSD=X", "BF.B", "A" * 15):
        assert is_ticker(text), text
    for text in (
        "",
        "aapl",
        "A" * 16,
        "..",
        "A..B",
        "../AAPL",
        "/etc/passwd",
        "A/B",
        "AAPL\n",
        "ÅB",
        "A\0",
        "A B",
        "A_1h",
    ):
        assert not is_ticker(text), text


def test_candles_have_the_prices_as_they_are_stored():
    assert candles(bars(BAR)) == [
        {
            "date": "2024-01-02",
            "open": 10.0,
            "high": 12.345,
            "low": 0.12344,
            "close": 11.0,
            "volume": 100.0,
        }
    ]


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        (date(2004, 1, 3), date(2004, 1, 9), [f"2004-01-0{day}" for day in (5, 6, 7, 8, 9)]),
        (date(2013, 2, 27), date.max, ["2013-02-27", "2013-02-28", "2013-03-01"]),
        (date(1990, 1, 1), date(2000, 3, 1), ["2000-03-01"]),
    ],
)
def test_candles_are_cut_to_the_dates_both_inclusive(first, last, days):
    chosen = bars((DATA / "AAPL.csv").read_text()).between(first, last)

    assert chosen.dates() == days


def test_all_bars_within_the_last_day_are_included():
    rows = "".join(
        f"2024-01-0{day}T{hour}:00:00Z,1,1,1,1,1\n" for day in (2, 3, 5) for hour in (14, 23)
    )
    hourly = bars(HEADER + rows, "1h")

    counts = [
        len(hourly.between(date(2024, 1, one), date(2024, 1, two)))
        for one, two in ((2, 3), (4, 4), (3, 9))
    ]

    assert counts == [4, 0, 4]


def quality_report(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Report of the price checker on a folder."""
    command = [sys.executable, ROOT / "scripts" / "qa_prices.py", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_price_checker_finds_no_fault_in_our_files():
    report = quality_report(DATA)

    *faults, summary = report.stdout.splitlines()
    assert report.returncode == 0
    assert (
        faults[0]
        == "AAPL.csv: warning: close moved more than 50% in one bar, once: 2000-09-29 (-52%)"
    )
    assert [line.split(": ", 2)[2][:11] for line in faults if line.startswith("KO.")] == [
        "no volume i",
        "closes only",
    ]
    assert summary == f"0 faults and {len(faults)} warnings in 24 files"


def test_the_price_checker_prints_one_line_where_there_is_nothing_to_say(tmp_path):
    (tmp_path / "ABC.csv").write_text(BAR)

    assert quality_report(tmp_path).stdout == "0 faults and 0 warnings in 1 files\n"


def test_the_price_checker_prints_every_fault_with_file_and_line(tmp_path):
    (tmp_path / "ABC.csv").write_text(BAR + "2024-01-03,10,12,9,11,-1\n2024-01-04,x,12,9,11,1\n")
    (tmp_path / "lower.csv").write_text(BAR)
    (tmp_path / "NONE.csv").write_bytes(b"")

    report = quality_report(tmp_path)

    assert report.returncode == 1
    assert [line.partition(" is ")[0] for line in report.stdout.splitlines()] == [
        "ABC.csv: error: line 3: Volume -1",
        "ABC.csv: error: line 4: Open 'x'",
        "NONE.csv: error: the file",
        "lower.csv: error: not named <TICKER>.csv, or <TICKER>_ and one of 1m, 5m, 15m, 30m, 1h, 4h, 1w before .csv: "
        "lower",
        "4 faults and 0 warnings in 3 files",
    ]


def test_a_dangling_link_or_a_folder_is_one_line_of_the_price_checker_s(tmp_path):
    (tmp_path / "LINK.csv").symlink_to(tmp_path / "gone.csv")
    (tmp_path / "LINK.csv.gz").symlink_to(tmp_path / "LINK.csv.gz")
    (tmp_path / "FOLDER.csv").mkdir()
    (tmp_path / "GOOD.csv").write_text(BAR)
    (tmp_path / "M&M.NS.csv").write_text(BAR)

    report = quality_report(tmp_path)

    assert (report.returncode, report.stderr) == (1, "")
    *lines, summary = report.stdout.splitlines()
    names = ["FOLDER.csv", "LINK.csv", "LINK.csv.gz", "M&M.NS.csv"]
    assert [line.split(":")[0] for line in lines] == names
    assert all("error: cannot be read: " in line for line in lines[:3])
    assert (
        "M&M.NS is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has '&'"
        in lines[3]
    )
    assert summary == "4 faults and 0 warnings in 5 files"
