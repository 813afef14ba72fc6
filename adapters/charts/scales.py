"""Where the ticks of a chart stand and what they say; bars are evenly spaced, so nights and weekends leave no gaps."""

import math
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

AXIS_CHARACTERS = 92  # of 9 points on 1,400 pixels
GAP_CHARACTERS = 3  # between two labels of an axis of time
VALUE_TICKS = 8
LOG_FROM = 8.0  # times the lowest value: from there on, a linear scale hides what happened at the low end

Times = np.ndarray[Any, np.dtype[np.datetime64]]
Numbers = np.ndarray[Any, np.dtype[Any]]

# Finest first: numpy unit, how many of it, format of the label.
TIME_STEPS = (
    ("m", 5, "%H:%M"),
    ("m", 15, "%H:%M"),
    ("h", 1, "%d %b %H:%M"),
    ("h", 4, "%d %b %H:%M"),
    ("D", 1, "%d %b %Y"),
    ("D", 7, "%d %b %Y"),
    ("M", 1, "%b %Y"),
    ("M", 2, "%b %Y"),
    ("M", 3, "%b %Y"),
    ("M", 6, "%b %Y"),
    ("Y", 1, "%Y"),
    ("Y", 2, "%Y"),
    ("Y", 5, "%Y"),
    ("Y", 10, "%Y"),
)
DAY_STEP = 4  # the first step of TIME_STEPS whose labels have no time of day


def period_starts(timestamps: Times, unit: str, count: int) -> Numbers:
    """Index of the first bar of each period of `count` units, the first bar of all included; weeks begin on Monday."""
    periods = timestamps.astype(f"M8[{unit}]").astype(np.int64)
    if (unit, count) == ("D", 7):
        periods = periods + 3  # 1970-01-01 was a Thursday
    periods = periods // count
    return np.concatenate(([0], np.flatnonzero(np.diff(periods)) + 1))


def time_ticks(timestamps: Times) -> list[tuple[int, str]]:
    """(bar, label) of the finest calendar step whose labels stand apart."""
    is_daily = bool((timestamps.astype("M8[D]") == timestamps).all())
    for unit, count, label in TIME_STEPS[DAY_STEP if is_daily else 0 :]:
        starts = period_starts(timestamps, unit, count)[1:]  # the first bar seldom begins a period
        room = AXIS_CHARACTERS // (len(timestamps[0].item().strftime(label)) + GAP_CHARACTERS)
        if 2 <= len(starts) <= room:
            return [(int(bar), timestamps[bar].item().strftime(label)) for bar in starts]
    return [(bar, timestamps[bar].item().strftime("%d %b %Y")) for bar in sorted({0, len(timestamps) - 1})]


def needs_log(low: float, high: float) -> bool:
    """Whether positive values are so far apart that only a logarithmic scale shows all of them."""
    return low > 0 and high >= low * LOG_FROM


def value_limits(low: float, high: float, margin: float = 0.06) -> tuple[float, float]:
    """`low` and `high` with a margin; a flat series gets one percent of its level, or 1 around zero."""
    if needs_log(low, high):
        factor = (high / low) ** margin
        return low / factor, high * factor
    span = high - low or abs(high) * 0.01 or 1.0
    return low - margin * span, high + margin * span


def value_ticks(low: float, high: float, suffix: str = "") -> list[tuple[float, str]]:
    """(value, label) of round values between the limits, all with the decimals that their step needs."""
    values = MaxNLocator(VALUE_TICKS, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    step = float(values[1] - values[0])
    inside = [float(value) for value in values if low <= value <= high]
    return [(value, f"{short_number(value, step)}{suffix}") for value in inside]


def log_ticks(low: float, high: float, suffix: str = "") -> list[tuple[float, str]]:
    """(value, label) of 1, 2 and 5 times powers of ten between the limits; of powers alone when those are enough."""
    powers = [10.0**exponent for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)))]
    digits = (1, 2, 5) if len(powers) <= 3 else (1, 3) if len(powers) <= 4 else (1,)
    values = [digit * power for power in powers for digit in digits if low <= digit * power <= high]
    return [(value, f"{short_number(value, value)}{suffix}") for value in values]


def short_number(value: float, step: float) -> str:
    """A number with the decimals that tell it from its neighbour one step away; millions and above are abbreviated."""
    value += 0.0  # no minus before zero
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(value) >= size or step >= size:
            return f"{value / size:,.{_decimals(step / size)}f}{letter}"
    return f"{value:,.{_decimals(step)}f}"


def _decimals(step: float) -> int:
    return max(0, min(8, -math.floor(math.log10(step) + 1e-9) + (0 if _is_round(step) else 1)))


def _is_round(step: float) -> bool:
    """Whether one significant digit writes the step (2.5 needs two)."""
    mantissa = step / 10 ** math.floor(math.log10(step) + 1e-9)
    return bool(abs(mantissa - round(mantissa)) < 1e-6)
