"""Make data/<TICKER>.csv.gz, long daily prices, from pinned wheels of the package index; the same bars each time."""

import argparse
import csv
import gzip
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

HEADER = "Date,Open,High,Low,Close,Volume"
# of a canonical price file, so that its hash is the data_hash of its bars
PRICE_STEP = Decimal("0.000001")
# of the wheel, wherever this runs: another one's has another hash
PLATFORM = (
    "--platform=manylinux_2_28_x86_64",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
)


@dataclass(frozen=True)
class Wheel:
    """A file of the package index; licence: the name of the file in it that says what may be done with it."""

    package: str
    version: str
    sha256: str
    licence: str

    def download(self, folder: Path) -> ZipFile:
        """The wheel from the index that pip is configured with; SystemExit when it is not the pinned one."""
        pinned = f"{self.package}=={self.version}"
        options = ("--quiet", "--no-deps", "--only-binary=:all:", *PLATFORM, f"--dest={folder}")
        subprocess.run([sys.executable, "-m", "pip", "download", *options, pinned], check=True)
        (path,) = folder.glob(f"{self.package}-*.whl")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise SystemExit(
                f"{path.name}: its SHA-256 is {found}, and {self.sha256} is expected; nothing was written"
            )
        return ZipFile(path)


ARCH = Wheel(
    "arch",
    "8.0.0",
    "975ec3bdf7926335742ac362251fafe32b448b8f194dead062f22a00beef772d",
    "LICENSE.md",
)
SKFOLIO = Wheel(
    "skfolio",
    "1.12.2",
    "2d324c62a4188dc0b62a713f8d5cea177e208a5b45987e3d3f204dd56d3a669b",
    "LICENSE",
)
INDEXES = {"^GSPC": "arch/data/sp500/sp500.csv.gz", "^IXIC": "arch/data/nasdaq/nasdaq.csv.gz"}
STOCKS = "skfolio/datasets/data/sp500_dataset.csv.gz"  # a column of closes for each of 20
LEFT_OUT = ("AAPL", "MSFT", "RRC")  # data/README.md says why


def index_rows(content: bytes) -> Iterator[str]:
    """Lines of a price file from one with open, high, low, close and volume, dated 12/31/2018."""
    for row in _rows(content):
        day = datetime.strptime(row["Date"], "%m/%d/%Y").date()
        prices = (_price(row[name]) for name in ("Open", "High", "Low", "Close"))
        yield ",".join([str(day), *prices, row["Volume"]])


def close_rows(content: bytes, ticker: str) -> Iterator[str]:
    """Lines of a price file from one column of closes: each is the open, high and low of its bar, too; no volume."""
    for row in _rows(content):
        yield ",".join([row["Date"], *[_price(row[ticker])] * 4, "0"])


def _rows(content: bytes) -> Iterator[dict[str, str]]:
    return csv.DictReader(gzip.decompress(content).decode().splitlines())


def _price(text: str) -> str:
    return str(Decimal(text).quantize(PRICE_STEP))


def price_files_of(arch: ZipFile, skfolio: ZipFile) -> Iterator[tuple[str, bytes]]:
    """Ticker and price file of each series, in the order of data/README.md."""
    for ticker, member in INDEXES.items():
        yield ticker, _file(index_rows(arch.read(member)))
    stocks = skfolio.read(STOCKS)
    for ticker in next(_rows(stocks)):
        if ticker not in ("Date", *LEFT_OUT):
            yield ticker, _file(close_rows(stocks, ticker))


def _file(rows: Iterator[str]) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def write_prices(folder: Path, ticker: str, content: bytes) -> str:
    """Write `folder/<ticker>.csv.gz`; return its line for the table in data/README.md."""
    (folder / f"{ticker}.csv.gz").write_bytes(gzip.compress(content, mtime=0))
    _, first, *_, last = content.decode().split()
    bars = content.count(b"\n") - 1
    return f"| {ticker}.csv.gz | {first[:10]} | {last[:10]} | {bars} | `{hashlib.sha256(content).hexdigest()}` |"


def main() -> None:
    """Write the files and the licences they came with, and print the files' lines for data/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("data"), help="folder to write to (default: data)"
    )
    folder = parser.parse_args().out
    (folder / "licences").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as downloads:
        wheels = [wheel.download(Path(downloads)) for wheel in (ARCH, SKFOLIO)]
        for ticker, content in price_files_of(*wheels):
            print(write_prices(folder, ticker, content))
        for wheel, archive in zip((ARCH, SKFOLIO), wheels, strict=True):
            licence = archive.read(
                f"{wheel.package}-{wheel.version}.dist-info/licenses/{wheel.licence}"
            )
            (folder / "licences" / f"{wheel.package}.txt").write_bytes(licence)


if __name__ == "__main__":
    main()
