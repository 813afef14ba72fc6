"""Unpacked prices equal the file's to the last bit."""

from pathlib import Path

from hypothesis import given, settings

from adapters.prices.decoding import unpacked
from adapters.prices.packing import unpack_bars
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.tickers import price_files
from tests.prices.test_packing import COLUMNS, packed_prices, series

DATA = Path(__file__).resolve().parents[2] / "data"


def test_every_number_of_the_shipped_prices_is_the_float_of_its_text() -> None:
    for path in price_files(DATA):
        content = unpacked(path.read_bytes())
        bars = read_prices(content, Meaning(timeframe="1d")).bars
        rows = [line.split(",") for line in content.decode().splitlines()[1:]]

        unpacked_bars = unpack_bars(packed_prices(bars))

        assert unpacked_bars.dates() == [row[0] for row in rows]
        for place, name in enumerate(("Open", "High", "Low", "Close", "Volume"), start=1):
            assert unpacked_bars.columns[name].tolist() == [float(row[place]) for row in rows], (
                path.name,
                name,
            )


@settings(deadline=None)
@given(COLUMNS)
def test_any_price_is_the_float_of_its_quotient(columns: list[list[int]]) -> None:
    bars = series(columns)

    unpacked_bars = unpack_bars(packed_prices(bars))

    assert unpacked_bars.columns["High"].tolist() == [
        price / 10**6 for price in bars.prices[1].tolist()
    ]
