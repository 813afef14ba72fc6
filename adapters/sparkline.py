"""The shape of an equity curve in a few characters, so that a list of runs shows it without reading whole series."""

from collections.abc import Sequence

POINTS = 48  # characters; the width of its column is 64
# from the lowest value to the highest
LEVELS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"


def encode_sparkline(values: Sequence[float]) -> str:
    """Encode values as at most POINTS characters, each the height of one point, first and last included."""
    if not values:
        return ""
    count = min(len(values), POINTS)
    last = len(values) - 1
    sample = [values[round(index * last / max(count - 1, 1))] for index in range(count)]
    low, high = min(sample), max(sample)
    scale = (len(LEVELS) - 1) / (high - low) if high > low else 0.0
    return "".join(
        LEVELS[round((value - low) * scale)] if scale else LEVELS[len(LEVELS) // 2]
        for value in sample
    )
