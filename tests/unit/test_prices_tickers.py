"""Which tickers a folder has, and that a ticker cannot lead out of it."""

import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from adapters.prices.candles import price_rows
from adapters.prices.price_file import HEADER
from adapters.prices.tickers import TickerRange, Tickers, is_ticker
from contracts.errors import BadPriceFile, UnknownTicker

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "data"
BAR = f"{HEADER}\n2024-01-02,10,12.345,0.12344,11,100\n"


def test_the_folder_is_listed_with_its_ranges():
    found = Tickers(DATA).all()

    assert list(found) == ["AAPL", "FB", "GOOG", "IBM", "MSFT"]
    fb = found["FB"]["1d"]
    assert fb == TickerRange("FB", "1d", date(2012, 5, 18), date(2013, 3, 1), 196, fb.data_hash)


def test_intraday_files_are_timeframes_of_their_ticker(tmp_path):
    (tmp_path / "BRK-B.csv").write_text(BAR)
    (tmp_path / "BRK-B_5m.csv").write_text(BAR.replace("2024-01-02", "2024-01-02T14:30:00Z"))

    found = Tickers(tmp_path).all()

    assert {ticker: list(ranges) for ticker, ranges in found.items()} == {"BRK-B": ["1d", "5m"]}
    assert found["BRK-B"]["5m"].last_date == date(2024, 1, 2)


def test_a_changed_file_is_read_again_and_an_unchanged_one_is_not(tmp_path, monkeypatch):
    path = tmp_path / "ABC.csv"
    path.write_text(BAR)
    tickers = Tickers(tmp_path)
    before = tickers.get("ABC")

    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail(f"{self} was read again"))
    assert tickers.get("ABC") is before
    monkeypatch.undo()
    path.write_text(BAR + "2024-01-03,10,12,9,11,100\n")

    assert (tickers.get("ABC").bars, tickers.get("ABC").last_date) == (2, date(2024, 1, 3))


def test_a_broken_file_is_left_out_of_the_list_and_named_when_asked_for(tmp_path, caplog):
    (tmp_path / "GOOD.csv").write_text(BAR)
    (tmp_path / "BAD.csv").write_text("Date,Price\n2024-01-02,1\n")
    tickers = Tickers(tmp_path)

    assert list(tickers.all()) == ["GOOD"]
    assert "price_file_left_out ticker=BAD" in caplog.text
    with pytest.raises(BadPriceFile, match="^BAD.csv, line 1: missing columns Open"):
        tickers.get("BAD")


def test_an_unknown_ticker_is_told_what_there_is():
    tickers = Tickers(DATA)

    with pytest.raises(UnknownTicker, match="'ZZZ'; known are AAPL, FB, GOOG, IBM, MSFT"):
        tickers.get("ZZZ")
    with pytest.raises(UnknownTicker, match="no 1h prices of ticker 'AAPL'; it has 1d"):
        tickers.get("AAPL", "1h")


@pytest.mark.parametrize("text", ["A", "BRK-B", "^GSPC", "EURUSD=X", "BF.B", "A" * 15])
def test_tickers_of_the_field_are_tickers(text):
    assert is_ticker(text)


@pytest.mark.parametrize(
    "text",
    ["", "aapl", "A" * 16, "..", "A..B", "../AAPL", "/etc/passwd", "A/B", "A\\B", "AAPL\n", "ÅB", "A\0", "A B", "A_1h"],
)
def test_nothing_else_is_a_ticker_nor_a_path(text):
    assert not is_ticker(text)
    with pytest.raises(UnknownTicker):
        Tickers(DATA).path(text)


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_followed(tmp_path):
    folder = tmp_path / "data"
    (folder / "..now").mkdir(parents=True)
    shutil.copy(DATA / "FB.csv", tmp_path / "outside.csv")
    shutil.copy(DATA / "FB.csv", folder / "..now" / "FB.csv")
    (folder / "OUT.csv").symlink_to(tmp_path / "outside.csv")
    (folder / "FB.csv").symlink_to(folder / "..now" / "FB.csv")
    tickers = Tickers(folder)

    assert tickers.get("FB").bars == 196
    assert list(tickers.all()) == ["FB"]
    with pytest.raises(UnknownTicker):
        tickers.path("OUT")


def test_candles_are_rounded_for_display(tmp_path):
    (tmp_path / "ABC.csv").write_text(BAR)
    known = Tickers(tmp_path).get("ABC")

    candles = price_rows(tmp_path / "ABC.csv", known.data_hash, date(2024, 1, 1), date(2024, 1, 2))

    assert candles == [
        {"date": "2024-01-02", "open": 10.0, "high": 12.35, "low": 0.1234, "close": 11.0, "volume": 100.0}
    ]


def test_candles_are_cut_to_the_dates_both_inclusive():
    data_hash = Tickers(DATA).get("AAPL").data_hash

    candles = price_rows(DATA / "AAPL.csv", data_hash, date(2004, 1, 3), date(2004, 1, 9))

    assert candles is not None
    assert [candle["date"] for candle in candles] == [f"2004-01-0{day}" for day in (5, 6, 7, 8, 9)]


def test_candles_of_all_intraday_bars_of_the_last_day_are_included(tmp_path):
    (tmp_path / "ABC_1h.csv").write_text(BAR.replace("2024-01-02", "2024-01-02T23:00:00Z"))
    known = Tickers(tmp_path).get("ABC", "1h")

    candles = price_rows(tmp_path / "ABC_1h.csv", known.data_hash, date(2024, 1, 2), date(2024, 1, 2))

    assert candles is not None and [candle["date"] for candle in candles] == ["2024-01-02T23:00:00Z"]


def test_candles_until_the_end_of_the_calendar_are_all_that_there_are():
    data_hash = Tickers(DATA).get("AAPL").data_hash

    candles = price_rows(DATA / "AAPL.csv", data_hash, date(2013, 2, 27), date.max)

    assert candles is not None
    assert [candle["date"] for candle in candles] == ["2013-02-27", "2013-02-28", "2013-03-01"]


def test_there_are_no_candles_once_the_file_has_changed_or_gone(tmp_path):
    path = tmp_path / "ABC.csv"
    path.write_text(BAR)
    data_hash = Tickers(tmp_path).get("ABC").data_hash
    asked = (path, data_hash, date(2024, 1, 1), date(2024, 1, 31))

    assert price_rows(*asked) is not None
    path.write_text(BAR + "2024-01-03,10,12,9,11,100\n")
    assert price_rows(*asked) is None
    path.unlink()
    assert price_rows(*asked) is None


def test_the_web_tiers_readers_load_no_numpy():
    modules = ", ".join(f"adapters.prices.{name}" for name in ("tickers", "candles", "bar_times"))
    script = f"import sys, {modules}; print('numpy' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, capture_output=True, text=True)

    assert answer.stdout.strip() == "False"


def quality_report(folder: Path) -> subprocess.CompletedProcess[str]:
    """What the price checker says about a folder."""
    command = [sys.executable, ROOT / "scripts" / "qa_prices.py", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_price_checker_finds_no_fault_in_our_files():
    report = quality_report(DATA)

    assert (report.returncode, report.stdout) == (0, "0 faults in 5 files\n")


def test_the_price_checker_prints_every_fault_with_file_and_line(tmp_path):
    (tmp_path / "ABC.csv").write_text(BAR + "2024-01-02,10,12,9,11,-1\n2024-01-03,x,12,9,11,1\n")
    (tmp_path / "lower.csv").write_text(BAR)
    (tmp_path / "NONE.csv").write_bytes(b"")

    report = quality_report(tmp_path)

    assert report.returncode == 1
    assert report.stdout.splitlines() == [
        "ABC.csv, line 3: Date 2024-01-02 stands twice",
        "ABC.csv, line 3: Volume -1 is negative",
        "ABC.csv, line 4: Open 'x' is not a finite number",
        f"NONE.csv, line 1: the file is empty; it must begin with {HEADER}",
        "lower.csv: not named <TICKER>.csv, <TICKER>_1h.csv or <TICKER>_5m.csv (A-Z 0-9 . ^ = -)",
        "5 faults in 3 files",
    ]


def test_bars_between_two_days_are_counted_with_both(tmp_path):
    (tmp_path / "ABC_1h.csv").write_text(
        f"{HEADER}\n" + "".join(f"2024-01-0{day}T1{hour}:00:00Z,1,1,1,1,1\n" for day in (2, 3, 5) for hour in (4, 5))
    )
    held = Tickers(tmp_path).get("ABC", "1h")

    counts = [held.bars_between(date(2024, 1, first), date(2024, 1, last)) for first, last in ((2, 3), (4, 4), (3, 9))]

    assert counts == [4, 0, 4]
