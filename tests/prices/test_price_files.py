"""The price files of the checkout are the ones that data/README.md describes."""

import csv
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLE_ROW = re.compile(r"^\| (\w+\.csv) \| ([\d-]{10}) \| ([\d-]{10}) \| (\d+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)
DESCRIBED = TABLE_ROW.findall((ROOT / "data" / "README.md").read_text(encoding="utf-8"))


def closes(ticker: str) -> dict[str, float]:
    """Adjusted close by date."""
    with (ROOT / "data" / f"{ticker}.csv").open(encoding="utf-8", newline="") as file:
        return {row["Date"]: float(row["Close"]) for row in csv.DictReader(file)}


def test_every_price_file_is_described():
    described = {row[0] for row in DESCRIBED}

    assert described == {path.name for path in (ROOT / "data").glob("*.csv")}


@pytest.mark.parametrize(("name", "first", "last", "bars", "sha256"), DESCRIBED)
def test_range_and_hash_are_those_of_the_readme(name, first, last, bars, sha256):
    content = (ROOT / "data" / name).read_bytes()
    dates = [line[:10] for line in content.decode().splitlines()[1:]]

    assert hashlib.sha256(content).hexdigest() == sha256
    assert (dates[0], dates[-1], str(len(dates))) == (first, last, bars)


def test_the_script_makes_the_same_bytes_again(tmp_path):
    script = ROOT / "scripts" / "download_prices.py"

    subprocess.run([sys.executable, script, "--out", tmp_path], check=True, capture_output=True)

    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made
    assert made == {name: (ROOT / "data" / name).read_bytes() for name in made}


def test_splits_are_adjusted_and_real_crashes_are_kept():
    # AAPL split 2:1 on 2000-06-21 and 2005-02-28, MSFT on 2003-02-18: unadjusted, each is a fall of about half.
    prices = {ticker: closes(ticker) for ticker in ("AAPL", "MSFT")}
    falls = []

    for ticker, series in prices.items():
        dates = list(series)
        changes = ((day, series[day] / series[before] - 1) for before, day in zip(dates, dates[1:], strict=False))
        falls += [(ticker, day, round(change, 3)) for day, change in changes if change < -0.3]

    assert falls == [("AAPL", "2000-09-29", -0.519)]
