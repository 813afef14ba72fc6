"""The price files of the checkout are the ones that data/README.md describes."""

import csv
import gzip
import hashlib
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from adapters.prices.decoding import unpacked
from adapters.prices.tickers import price_files
from scripts.download_prices import (
    ARCH,
    INDEXES,
    LEFT_OUT,
    SKFOLIO,
    STOCKS,
    long_prices,
    write_prices,
)

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "data" / "README.md").read_text(encoding="utf-8")
TABLE_ROW = re.compile(
    r"^\| (\S+) \| ([\d-]{10}) \| ([\d-]{10}) \| (\d+) \| `([0-9a-f]{64})` \|$", re.MULTILINE
)
DESCRIBED = TABLE_ROW.findall(README)


def closes(ticker: str) -> dict[str, float]:
    """Adjusted close by date."""
    with (ROOT / "data" / f"{ticker}.csv").open(encoding="utf-8", newline="") as file:
        return {row["Date"]: float(row["Close"]) for row in csv.DictReader(file)}


def test_every_price_file_is_described():
    described = {row[0] for row in DESCRIBED}

    assert described == {path.name for path in price_files(ROOT / "data")}


@pytest.mark.parametrize(("name", "first", "last", "bars", "sha256"), DESCRIBED)
def test_range_and_hash_are_those_of_the_readme(name, first, last, bars, sha256):
    content = unpacked((ROOT / "data" / name).read_bytes())
    dates = [line[:10] for line in content.decode().splitlines()[1:]]

    assert hashlib.sha256(content).hexdigest() == sha256
    assert (dates[0], dates[-1], str(len(dates))) == (first, last, bars)


def test_the_script_makes_the_same_bytes_again(tmp_path):
    script = ROOT / "scripts" / "download_prices.py"

    subprocess.run([sys.executable, script, "--out", tmp_path], check=True, capture_output=True)

    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made
    assert made == {name: (ROOT / "data" / name).read_bytes() for name in made}


def wheel(members: dict[str, str]) -> ZipFile:
    """A wheel with these packed files."""
    archive = ZipFile(BytesIO(), "w")
    for name, text in members.items():
        archive.writestr(name, gzip.compress(text.encode()))
    return archive


def test_the_long_prices_are_written_as_canonical_files_from_what_the_wheels_have(tmp_path):
    quoted = "Date,Open,High,Low,Close,Adj Close,Volume\n1/4/1999,10.5,12,9.25,11,11,7000\n1/15/1999,11,11,11,11,11,0\n"
    closes = "Date,AAPL,KO,MSFT,RRC\n1990-01-02,1,2.235,3,4\n1990-01-03,1,2.203,3,4\n"

    wheels = wheel(dict.fromkeys(INDEXES.values(), quoted)), wheel({STOCKS: closes})
    for ticker, content in long_prices(*wheels):
        write_prices(tmp_path / f"{ticker}.csv.gz", content)
    made = {
        path.name.removesuffix(".csv.gz"): gzip.decompress(path.read_bytes())
        for path in tmp_path.iterdir()
    }

    index = "Date,Open,High,Low,Close,Volume\n1999-01-04,10.500000,12.000000,9.250000,11.000000,7000\n"
    index += f"1999-01-15,{','.join(['11.000000'] * 4)},0\n"
    lone = "".join(f"{day},{price},{price},{price},{price},0\n"
                   for day, price in (("1990-01-02", "2.235000"), ("1990-01-03", "2.203000")))  # fmt: skip
    assert made == {
        "^GSPC": index.encode(), "^IXIC": index.encode(), "KO": f"Date,Open,High,Low,Close,Volume\n{lone}".encode()
    }  # fmt: skip


def test_a_wheel_of_another_hash_is_refused_before_anything_is_written(monkeypatch, tmp_path):
    monkeypatch.setattr(
        subprocess,
        "run",
        lambda *_, **__: (tmp_path / "arch-8.0.0-any.whl").write_bytes(b"other"),
    )

    with pytest.raises(SystemExit, match=f"{ARCH.sha256} is expected; nothing was written"):
        ARCH.download(tmp_path)


def test_the_readme_names_the_wheels_that_the_script_takes_and_what_it_leaves_out():
    for each in (ARCH, SKFOLIO):
        assert (
            f"`{each.package}` {each.version} on PyPI, its wheel with SHA-256\n  `{each.sha256}`"
            in README
        )
        licence = (ROOT / "data" / "licences" / f"{each.package}.txt").read_text(encoding="utf-8")
        assert "Redistributions of source code must retain the above copyright" in licence
    assert "**Left out** of the 20: AAPL and MSFT," in README
    assert LEFT_OUT == ("AAPL", "MSFT", "RRC")


def test_splits_are_adjusted_and_real_crashes_are_kept():
    # AAPL split 2:1 on 2000-06-21 and 2005-02-28, MSFT on 2003-02-18: unadjusted, each is a fall of about half.
    prices = {ticker: closes(ticker) for ticker in ("AAPL", "MSFT")}
    falls = []

    for ticker, series in prices.items():
        dates = list(series)
        changes = (
            (day, series[day] / series[before] - 1)
            for before, day in zip(dates, dates[1:], strict=False)
        )
        falls += [(ticker, day, round(change, 3)) for day, change in changes if change < -0.3]

    assert falls == [("AAPL", "2000-09-29", -0.519)]
