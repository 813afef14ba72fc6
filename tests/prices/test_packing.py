"""Packed bars are the bars, in parts that every database takes."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.prices.bars import PriceBars
from adapters.prices.packing import BARS_PER_PART, PackedPrices, pack_bars, unpack_bars

NUMBERS = st.integers(-(10**15), 10**15)


COLUMNS = st.integers(1, 40).flatmap(
    lambda bars: st.lists(st.lists(NUMBERS, min_size=bars, max_size=bars), min_size=6, max_size=6)
)


def series(columns: list[list[int]]) -> PriceBars:
    times, *prices, volume = (np.array(column, np.int64) for column in columns)
    return PriceBars("1d", times, tuple(prices), volume, 6, 0)


def packed_prices(bars: PriceBars) -> PackedPrices:
    parts = [part for _, part in pack_bars(bars)]
    return PackedPrices("ABC", "1d", "hash", bars.price_decimals, bars.volume_decimals, parts)


def numbers(bars: PriceBars) -> list[list[int]]:
    return [column.tolist() for column in (bars.times, *bars.prices, bars.volume)]


def unpacked(bars: PriceBars) -> PriceBars:
    return unpack_bars(packed_prices(bars))


@settings(deadline=None)
@given(COLUMNS)
def test_any_numbers_come_back(columns: list[list[int]]) -> None:
    bars = series(columns)

    assert numbers(unpacked(bars)) == numbers(bars)


def test_a_part_of_the_largest_numbers_fits_a_packet_and_parts_join_without_a_seam() -> None:
    wild = [(-1) ** number * (10**15 - number * number) for number in range(BARS_PER_PART + 5)]
    bars = series([wild] * 6)

    parts = list(pack_bars(bars))

    assert [count for count, _ in parts] == [BARS_PER_PART, 5]
    assert max(len(packed) for _, packed in parts) < 4_000_000
    assert numbers(unpacked(bars)) == numbers(bars)
