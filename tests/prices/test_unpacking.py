"""What a Job reads is what the file says, to the last bit."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings

from adapters.analysis.unpacking import unpacked_columns
from adapters.prices.packing import BARS_PER_PART
from adapters.prices.reading import Meaning, read_prices
from tests.prices.test_packing import COLUMNS, packed_prices, series

DATA = Path(__file__).resolve().parents[2] / "data"


def test_every_number_of_the_shipped_prices_is_the_float_of_its_text() -> None:
    for path in sorted(DATA.glob("*.csv")):
        content = path.read_bytes()
        bars = read_prices(content, Meaning(timeframe="1d")).bars
        rows = [line.split(",") for line in content.decode().splitlines()[1:]]

        timestamps, columns = unpacked_columns(packed_prices(bars))

        assert timestamps.astype("M8[D]").astype(str).tolist() == [row[0] for row in rows]
        for place, name in enumerate(("Open", "High", "Low", "Close", "Volume"), start=1):
            assert columns[name].tolist() == [float(row[place]) for row in rows], (path.name, name)


@settings(deadline=None)
@given(COLUMNS)
def test_any_numbers_are_unpacked_alike_with_and_without_numpy(columns: list[list[int]]) -> None:
    bars = series(columns)

    timestamps, unpacked = unpacked_columns(packed_prices(bars))

    assert timestamps.astype(np.int64).tolist() == list(bars.times)
    assert unpacked["High"].tolist() == [price / 10**6 for price in bars.prices[1]]


def test_parts_join_without_a_seam() -> None:
    bars = series([[7 * number for number in range(BARS_PER_PART + 3)]] * 6)

    timestamps, columns = unpacked_columns(packed_prices(bars))

    assert np.array_equal(timestamps.astype(np.int64), 7 * np.arange(BARS_PER_PART + 3))
    assert np.array_equal(columns["Volume"], 7.0 * np.arange(BARS_PER_PART + 3))
