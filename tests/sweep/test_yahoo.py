"""Prices of Yahoo Finance, from a stand-in of yfinance that returns what the real one does."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backtests.loading import yahoo_csv
from backtests.transport import BadInput
from tests.services.processes import PROJECT_ROOT

STAND_IN = """
import pandas as pd
from yfinance.exceptions import YFRateLimitError

downloads = []
faults = []  # raised one after another before there is an answer

class Ticker:
    def __init__(self, ticker):
        self.ticker = ticker

    def history(self, **options):
        downloads.append({"ticker": self.ticker, **options})
        if faults:
            raise faults.pop(0)
        columns = ["Open", "High", "Low", "Close", "Adj Close", "Volume"]
        days = pd.DatetimeIndex([], name="Date") if self.ticker == "NONE" else pd.DatetimeIndex(
            ["2013-02-28", "2013-03-01"], name="Date", tz="America/New_York")
        rows = [[63.436, 63.983, 63.057, 63.057, 55.0, 80628800], [62.571, 62.597, 61.425, 61.496, 53.64, 137899100]]
        if self.ticker == "BAD":
            rows[0][1] = 63.0
        return pd.DataFrame(rows[: len(days)], index=days, columns=columns)
"""
EXCEPTIONS = """
class YFException(Exception): pass
class YFRateLimitError(YFException):
    def __init__(self): super().__init__("Too Many Requests. Rate limited. Try after a while.")
"""


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with a package yfinance in it."""
    (tmp_path / "site" / "yfinance").mkdir(parents=True)
    (tmp_path / "site" / "yfinance" / "__init__.py").write_text(STAND_IN)
    (tmp_path / "site" / "yfinance" / "exceptions.py").write_text(EXCEPTIONS)
    return tmp_path / "site"


@pytest.fixture
def fetch(stand_in: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], bytes]:
    """Fetches daily prices through the stand-in."""
    monkeypatch.syspath_prepend(str(stand_in))
    for name in ("yfinance", "yfinance.exceptions"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    return lambda ticker: yahoo_csv(ticker, "1d", date(2010, 1, 1))


def test_prices_are_requested_as_they_were_quoted_and_up_to_yesterday(
    fetch: Callable[[str], bytes],
) -> None:
    lines = fetch("AAPL").decode().splitlines()

    import yfinance

    assert lines[0] == "Date,Open,High,Low,Close,Adj Close,Volume"
    assert lines[1] == "2013-02-28 00:00:00-05:00,63.436,63.983,63.057,63.057,55.0,80628800"
    assert yfinance.downloads == [
        {"ticker": "AAPL", "start": date(2010, 1, 1), "end": datetime.now(UTC).date(), "interval": "1d",
         "auto_adjust": False, "actions": False}
    ]  # fmt: skip


def test_weeks_are_requested_up_to_the_last_whole_one(fetch: Callable[[str], bytes]) -> None:
    import yfinance

    yahoo_csv("AAPL", "1w", date(2010, 1, 1))

    [download] = yfinance.downloads
    today = datetime.now(UTC).date()
    assert (download["interval"], download["end"].weekday()) == ("1wk", 0)
    assert timedelta(0) <= today - download["end"] < timedelta(days=7)


def test_what_is_empty_is_reported_in_words(fetch: Callable[[str], bytes]) -> None:
    with pytest.raises(BadInput, match="Yahoo Finance: no 1d prices from 2010-01-01 to"):
        fetch("NONE")


def test_a_refusal_and_a_lost_network_are_reported_in_words(
    fetch: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import yfinance

    faults = [yfinance.exceptions.YFRateLimitError(), ConnectionResetError("the network is down")]
    monkeypatch.setattr(yfinance, "faults", faults)

    for reason in ("Too Many Requests", "the network is down"):
        with pytest.raises(BadInput, match=f"Yahoo Finance: {reason}"):
            fetch("AAPL")


def test_tickers_of_yahoo_are_loaded_adjusted_by_one_command(
    base_url: str, stand_in: Path
) -> None:
    loaded = load(base_url, stand_in, "--yahoo", "NEW", "BRK-B", "--from", "2010-01-01")

    assert loaded.returncode == 0, loaded.stderr
    assert [line.split() for line in loaded.stdout.splitlines()[1:3]] == [
        ["Yahoo", "Finance", ticker, ticker, "1d", "2", "2013-02-28", "2013-03-01", "new", "0"]
        for ticker in ("NEW", "BRK-B")
    ]
    assert "Yahoo Finance NEW: prices scaled by Adj Close (×0.8722 to ×0.8723)" in loaded.stdout


def test_bad_rows_of_yahoo_are_dealt_with_as_the_command_says(
    base_url: str, stand_in: Path
) -> None:
    yahoo = ("--yahoo", "BAD", "NEW", "--from", "2010-01-01")

    refused, widened, dropped = (
        load(base_url, stand_in, *yahoo, *options, "--dry-run")
        for options in ((), ("--bad-rows", "widen"), ("--bad-rows", "drop"))
    )

    assert (refused.returncode, widened.returncode, dropped.returncode) == (1, 0, 0)
    assert "Yahoo Finance BAD: line 2: High 63.0 is below the highest" in refused.stdout
    assert "High and Low widened to Open and Close in 1 row: line 2" in widened.stdout
    assert "contradicts their other prices: 1 row: line 2" in dropped.stdout


def test_without_the_package_the_way_to_it_is_reported(base_url: str, tmp_path: Path) -> None:
    loaded = load(base_url, tmp_path, "--yahoo", "AAPL", "--from", "2010-01-01")

    assert (loaded.returncode, "pip install -r requirements-yahoo.txt" in loaded.stderr) == (
        2,
        True,
    )


def load(base_url: str, packages: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "scripts/load_prices.py", *arguments, "--url", base_url]
    environment = {"PYTHONPATH": str(packages)}
    return subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
    )
