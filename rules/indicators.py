"""Technical indicators: arrays in, arrays out, NaN before the first value; equal to TA-Lib unless a docstring says so.

Input columns are (bars,) float64, oldest bar first, without NaN. Too few bars for an indicator give NaN throughout.
"""

import numpy as np

from rules.prices import Array
from rules.smoothing import smooth, window_sums


def _blank(bars: int) -> Array:
    return np.full(bars, np.nan)


def _check_period(name: str, period: int) -> None:
    if period < 2:
        raise ValueError(f"{name} is {period}; must be a whole number of at least 2")


def sma(close: Array, period: int) -> Array:
    """Simple moving average in the input's unit, NaN for the first `period` - 1 bars.

    close: (bars,) float64, oldest first, no NaN. Equal to TA-Lib's SMA to 1e-9. ValueError if period < 2.
    """
    _check_period("period", period)
    average = _blank(close.size)
    if close.size >= period:
        np.divide(window_sums(close, period), period, out=average[period - 1 :])
    return average


def ema(close: Array, period: int) -> Array:
    """Exponential moving average with weight 2 / (period + 1), NaN for the first `period` - 1 bars.

    close: (bars,) float64, oldest first, no NaN. The first value is the mean of the first `period` closes, as in
    TA-Lib's EMA (equal to 1e-9); pandas' ewm starts from the first close instead. ValueError if period < 2.
    """
    _check_period("period", period)
    return _seeded(close, period, 2.0 / (period + 1))


def _seeded(values: Array, period: int, weight: float) -> Array:
    """`values` smoothed with `weight`, starting at bar `period` - 1 with the mean of the bars until then."""
    smoothed = _blank(values.size)
    if values.size >= period:
        seed = window_sums(values[:period], period)[0] / period
        smoothed[period - 1] = seed
        smoothed[period:] = smooth(values[period:], weight, float(seed))
    return smoothed


def rsi(close: Array, period: int = 14) -> Array:
    """Relative Strength Index, 0 to 100, NaN for the first `period` bars.

    close: (bars,) float64, oldest first, no NaN. Wilder smoothing seeded with the mean of the
    first `period` changes (Wilder 1978; equal to TA-Lib's RSI to 1e-9). A flat stretch with
    neither gain nor loss is NaN, not 0 or 100. ValueError if period < 2.
    """
    _check_period("period", period)
    strength = _blank(close.size)
    if close.size > period:
        change = close[1:] - close[:-1]
        gain = _seeded(np.maximum(change, 0.0), period, 1.0 / period)[period - 1 :]
        loss = _seeded(np.maximum(-change, 0.0), period, 1.0 / period)[period - 1 :]
        total = gain + loss
        np.divide(100.0 * gain, total, out=strength[period:], where=total > 0.0)
    return strength


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Array, Array, Array]:
    """MACD, its signal line and their difference (histogram), in the price's unit; NaN before bar slow + signal - 2.

    close: (bars,) float64, oldest first, no NaN. The fast EMA starts so late that its first value falls on the slow
    one's, and the MACD is shown only where the signal line has a value, both as in TA-Lib's MACD (equal to 1e-9).
    ValueError if fast or signal is under 2, or fast >= slow (TA-Lib would swap them).
    """
    _check_period("fast", fast)
    _check_period("signal", signal)
    if fast >= slow:
        raise ValueError(f"fast is {fast}; must be less than slow, which is {slow}")
    line, signal_line = _blank(close.size), _blank(close.size)
    first = slow + signal - 2
    if close.size > first:
        gap = ema(close[slow - fast :], fast)[fast - 1 :] - ema(close, slow)[slow - 1 :]
        line[first:] = gap[signal - 1 :]
        signal_line[first:] = ema(gap, signal)[signal - 1 :]
    return line, signal_line, line - signal_line
