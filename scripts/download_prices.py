"""Make data/<TICKER>.csv, real adjusted daily prices, from the pinned `bokeh_sampledata`; the same bytes each time."""

import argparse
import hashlib
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from bokeh_sampledata import stocks

TICKERS = ("AAPL", "FB", "GOOG", "IBM", "MSFT")
HEADER = "Date,Open,High,Low,Close,Volume"
# One raw cent of AAPL in 2000 is 0.0003 after adjustment: six decimals keep 1/300 of it, and the lowest price to 1e-6.
PRICE_STEP = Decimal("0.000001")
SHARE = Decimal(1)


def adjusted_rows(raw: dict[str, list[Any]]) -> Iterator[str]:
    """Yield CSV rows with prices scaled by adjusted close / close and volume by its inverse.

    Decimal, not float: High == Close before the adjustment is High == Close after it, and rounding, being monotonic,
    cannot push High below Open, Close or Low.
    """
    fields = ("open", "high", "low", "close", "volume", "adj_close")
    for date, *numbers in zip(raw["date"], *(raw[field] for field in fields), strict=True):
        open_, high, low, close, volume, adjusted = (Decimal(str(number)) for number in numbers)
        prices = (price * adjusted / close for price in (open_, high, low, close))
        columns = [str(price.quantize(PRICE_STEP, ROUND_HALF_EVEN)) for price in prices]
        shares = (volume * close / adjusted).quantize(SHARE, ROUND_HALF_EVEN)
        yield ",".join([date, *columns, str(shares)])


def write_prices(folder: Path, ticker: str) -> str:
    """Write `folder/<ticker>.csv`; return its line for the table in data/README.md."""
    rows = list(adjusted_rows(getattr(stocks, ticker)))
    content = "\n".join([HEADER, *rows, ""]).encode()
    (folder / f"{ticker}.csv").write_bytes(content)
    first, last = rows[0][:10], rows[-1][:10]
    return f"| {ticker}.csv | {first} | {last} | {len(rows)} | `{hashlib.sha256(content).hexdigest()}` |"


def main() -> None:
    """Write the five files and print their lines for data/README.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("data"), help="folder to write to (default: data)"
    )
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for ticker in TICKERS:
        print(write_prices(folder, ticker))


if __name__ == "__main__":
    main()
