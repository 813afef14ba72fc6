"""What a run's benchmark would have come to beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.prices.candles import holding
from web.platform import platform


def benchmark_equity(asked: Mapping[str, Any], times: Sequence[int]) -> list[float | None] | None:
    """Money at each of these times of holding the benchmark that a run asked for; None where it asked for none."""
    if asked.get("benchmark") is None:
        return None
    return holding(platform().prices.bars(asked["benchmark_hash"]), times, asked["initial_capital"])
