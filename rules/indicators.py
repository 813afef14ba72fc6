"""Technical indicators: arrays in, arrays out, NaN before the first value; equal to TA-Lib unless a docstring says so.

Input columns are (bars,) float64, oldest bar first, without NaN. Too few bars for an indicator give NaN throughout.
"""

from collections.abc import Callable

import numpy as np

from rules.arrays import Array
from rules.rolling import (
    decayed_ratio,
    decayed_sums,
    ordered_mean,
    ordered_sum,
    over_rows,
    row_sums,
    wilder_seeded,
    wilder_sums,
    window_deviations,
    window_max,
    window_means,
    window_min,
    window_sums,
    window_weighted_means,
)

Lines = tuple[Array, ...]  # three arrays


def _blank(bars: int) -> Array:
    return np.full(bars, np.nan)


def _ending_in(values: Array, bars: int) -> Array:
    """Return a line of `bars` values that ends in these, NaN before them."""
    line = _blank(bars)
    line[bars - values.size :] = values
    return line


def _floats(*columns: Array, **periods: int) -> list[Array]:
    """Return the columns as float64 arrays; ValueError for a period under 2.

    A pandas Series would align shifted rows by label, and so undo the shift.
    """
    for name, period in periods.items():
        if period < 2:
            raise ValueError(f"{name} is {period}; must be a whole number of at least 2")
    return [np.asarray(column, dtype=np.float64) for column in columns]


def _over_windows(of_windows: Callable[[Array, int], Array], values: Array, period: int) -> Array:
    (values,) = _floats(values, period=period)
    return _ending_in(of_windows(values, period), values.size)


def sma(close: Array, period: int) -> Array:
    """Simple moving average in the input's unit, NaN for the first `period` - 1 bars.

    close: (bars,) float64, oldest first, no NaN. Equal to TA-Lib's SMA to 1e-9; where the last `period` closes are the
    same it is that close to the last bit. ValueError if period < 2.
    """
    return _over_windows(window_means, close, period)


def wma(close: Array, period: int) -> Array:
    """Moving average with weights 1 to `period`, the latest counting most; else as sma, and equal to TA-Lib's WMA."""
    return _over_windows(window_weighted_means, close, period)


def stdev(close: Array, period: int) -> Array:
    """Population standard deviation (ddof 0) of the last `period` values, in their unit; else as highest."""
    return _over_windows(window_deviations, close, period)


def total(values: Array, period: int) -> Array:
    """Sum of the last `period` values, in their unit; else as highest. Equal to TA-Lib's SUM to 1e-9."""
    return _over_windows(window_sums, values, period)


def ema(close: Array, period: int) -> Array:
    """Exponential moving average with weight 2 / (period + 1), NaN for the first `period` - 1 bars.

    close: (bars,) float64, oldest first, no NaN. The first value is the mean of the first `period` closes, as in
    TA-Lib's EMA (equal to 1e-9); pandas' ewm starts from the first close instead. ValueError if period < 2.
    """
    (close,) = _floats(close, period=period)
    average = _blank(close.size)
    if close.size >= period:
        seed, decay = ordered_mean(close[:period]), 1.0 - 2.0 / (period + 1)
        average[period - 1] = seed
        # the close's lead over its average decays and takes in each change: exactly 0 at the end of a flat stretch
        lead = decayed_sums(
            close[period:] - close[period - 1 : -1],
            decay,
            (float(close[period - 1]) - seed) / decay,
        )
        lead *= decay
        average[period:] = close[period:] - lead
    return average


def rsi(close: Array, period: int = 14) -> Array:
    """Relative Strength Index, 0 to 100, NaN for the first `period` bars.

    close: (bars,) float64, oldest first, no NaN. Wilder smoothing seeded with the mean of the
    first `period` changes (Wilder 1978; equal to TA-Lib's RSI to 1e-9). A flat stretch with
    neither gain nor loss is NaN, not 0 or 100. ValueError if period < 2.
    """
    (close,) = _floats(close, period=period)
    strength, change = _blank(close.size), close[1:] - close[:-1]
    gain = wilder_seeded(np.maximum(change, 0.0), period)
    move = wilder_seeded(np.abs(change, out=change), period)
    decayed_ratio(gain, move, 1.0 - 1.0 / period, 0.0, out=strength[period:])
    strength *= 100.0  # last, so that gains alone are exactly 100
    return strength


def macd(close: Array, fast: int = 12, slow: int = 26, signal: int = 9) -> Lines:
    """MACD, its signal line and their difference (histogram), in the price's unit; NaN before bar slow + signal - 2.

    close: (bars,) float64, oldest first, no NaN. The fast EMA starts so late that its first value falls on the slow
    one's, and the MACD has values only where the signal line has one, both as in TA-Lib's MACD (equal to 1e-9).
    ValueError if fast or signal is under 2, or fast >= slow (TA-Lib would swap them).
    """
    (close,) = _floats(close, fast=fast, signal=signal)
    if fast >= slow:
        raise ValueError(f"fast is {fast}; must be less than slow, which is {slow}")
    gap = ema(close[slow - fast :], fast)[fast - 1 :] - ema(close, slow)[slow - 1 :]
    line, signal_line = (
        _ending_in(each[signal - 1 :], close.size) for each in (gap, ema(gap, signal))
    )
    return line, signal_line, line - signal_line


def bollinger_bands(close: Array, period: int = 20, width: float = 2.0) -> Lines:
    """Upper, middle and lower band, in the price's unit; NaN for the first `period` - 1 bars.

    The middle is the SMA, the bands lie `width` population standard deviations (ddof 0) from it (Bollinger 2001).
    close: (bars,) float64, oldest first, no NaN. Equal to TA-Lib's BBANDS to 1e-9, also where prices dwarf
    their moves. ValueError if period < 2.
    """
    middle, distance = sma(close, period), stdev(close, period)
    distance *= width
    return middle + distance, middle, middle - distance


def true_range(high: Array, low: Array, close: Array) -> Array:
    """Range of each bar and the close before it, from the second bar on; shape (bars - 1,) (Wilder 1978)."""
    before = close[:-1]
    return np.maximum(high[1:], before) - np.minimum(low[1:], before)


def atr(high: Array, low: Array, close: Array, period: int = 14) -> Array:
    """Average True Range in the price's unit, NaN for the first `period` bars.

    high, low, close: (bars,) float64, oldest first, no NaN. Wilder smoothing seeded with the mean of the first `period`
    true ranges, which start at the second bar (Wilder 1978; equal to TA-Lib's ATR to 1e-9). ValueError if period < 2.
    """
    high, low, close = _floats(high, low, close, period=period)
    return _ending_in(wilder_sums(true_range(high, low, close), period) / period, close.size)


def stochastic(
    high: Array, low: Array, close: Array, period: int = 14, smooth: int = 3, signal: int = 3
) -> tuple[Array, Array]:
    """%K and %D, 0 to 100; NaN before bar period + smooth + signal - 3.

    %K is the close's place between the lowest low and the highest high of `period` bars, averaged over `smooth` bars;
    %D is its average over `signal` bars. Equal to TA-Lib's STOCH (simple averages) to 1e-9, but where the lowest low is
    the highest high there is no place between them: NaN, and NaN in the averages over it; TA-Lib says 0.
    high, low, close: (bars,) float64, oldest first, no NaN. ValueError if any of the three lengths is under 2.
    """
    high, low, close = _floats(high, low, close, period=period, smooth=smooth, signal=signal)
    lowest = window_min(low, period)
    with np.errstate(invalid="ignore"):
        place = 100.0 * ((close[period - 1 :] - lowest) / (window_max(high, period) - lowest))
    k = window_means(place, smooth)
    return _ending_in(k[signal - 1 :], close.size), _ending_in(
        window_means(k, signal), close.size
    )


def adx(high: Array, low: Array, close: Array, period: int = 14) -> Lines:
    """ADX, +DI and -DI, 0 to 100; the DIs are NaN for the first `period` bars, the ADX for the first 2 * period - 1.

    high, low, close: (bars,) float64, oldest first, no NaN. Smoothed as Wilder (1978) did and seeded as TA-Lib's ADX,
    PLUS_DI and MINUS_DI (equal to 1e-9): the first sums hold `period` - 1 bars. Without any range so far the DIs are 0,
    as there; with neither DI the directional index is 0. ValueError if period < 2.
    """
    high, low, close = _floats(high, low, close, period=period)
    up, down, ranges = high[1:] - high[:-1], low[:-1] - low[1:], true_range(high, low, close)
    plus = _directional_indicator(np.where((up > down) & (up > 0.0), up, 0.0), ranges, period)
    minus = _directional_indicator(
        np.where((down > up) & (down > 0.0), down, 0.0), ranges, period
    )
    whole = plus + minus
    index = np.divide(
        100.0 * np.abs(plus - minus), whole, out=np.zeros(whole.size), where=whole != 0.0
    )
    lines = wilder_sums(index, period) / period, plus, minus
    return tuple(_ending_in(line, close.size) for line in lines)


def _directional_indicator(moves: Array, ranges: Array, period: int) -> Array:
    """Smoothed moves in percent of the smoothed ranges, from bar `period` on."""
    share = np.empty(max(0, ranges.size - period + 1))
    if share.size:
        start = complex(ordered_sum(moves[: period - 1]), ordered_sum(ranges[: period - 1]))
        decayed_ratio(
            moves[period - 1 :], ranges[period - 1 :], 1.0 - 1.0 / period, start, out=share
        )
        share *= 100.0
    if not np.isnan(
        ranges
    ).any():  # 0 / 0 means no range so far; a missing price must stay missing
        share[np.isnan(share)] = 0.0
    return share


def obv(close: Array, volume: Array) -> Array:
    """On-Balance Volume in shares, from the first bar on: volume added when the close rises, taken off when it falls.

    close, volume: (bars,) float64, oldest first, no NaN. Starts with the first bar's volume, as TA-Lib's OBV does
    (equal to 1e-9); Granville (1963) and most charts start at 0, so only differences mean anything.
    """
    close, volume = _floats(close, volume)
    flow = volume.copy()
    flow[1:] *= np.sign(close[1:] - close[:-1])
    return np.add.accumulate(flow)


def vwap(high: Array, low: Array, close: Array, volume: Array) -> Array:
    """Volume-weighted average of the typical price (high + low + close) / 3, in the price's unit.

    Anchored at the first bar given: pass one session to get the session's VWAP. NaN until the first bar with volume.
    high, low, close, volume: (bars,) float64, oldest first, no NaN. TA-Lib has none to compare with.
    """
    high, low, close, volume = _floats(high, low, close, volume)
    traded = np.add.accumulate(volume)
    value = np.add.accumulate((high + low + close) / 3.0 * volume)
    return np.divide(value, traded, out=_blank(close.size), where=traded > 0.0)


def highest(values: Array, period: int) -> Array:
    """Largest of the last `period` values, in their unit, NaN for the first `period` - 1 bars.

    values: (bars,) float64, oldest first, no NaN. Equal to TA-Lib's MAX. ValueError if period < 2.
    """
    return _over_windows(window_max, values, period)


def lowest(values: Array, period: int) -> Array:
    """Smallest of the last `period` values, in their unit, NaN for the first `period` - 1 bars.

    values: (bars,) float64, oldest first, no NaN. Equal to TA-Lib's MIN. ValueError if period < 2.
    """
    return _over_windows(window_min, values, period)


def return_moments(close: Array, lookback: int, window: int) -> Lines:
    """Return over `lookback` bars, and the mean and standard deviation (ddof 0) of the last `window` of them.

    close: (bars,) float64 above 0, oldest first, no NaN. Simple returns as fractions, which overlap; NaN for the first
    `lookback` bars, their moments for the first `lookback` + `window` - 1. ValueError if window < 2.
    """
    (close,) = _floats(close, window=window)
    returns = close[lookback:] / close[:-lookback] - 1.0
    lines = returns, window_means(returns, window), window_deviations(returns, window)
    return tuple(_ending_in(line, close.size) for line in lines)


def zscore(values: Array, period: int) -> Array:
    """Distance from the mean of the last `period` values in their standard deviations (ddof 0); NaN where flat.

    values: (bars,) float64, oldest first, no NaN. NaN for the first `period` - 1 bars. ValueError if period < 2.
    """
    distance = np.asarray(values, dtype=np.float64) - sma(values, period)
    with np.errstate(divide="ignore", invalid="ignore"):
        score: Array = distance / stdev(values, period)
    return np.where(np.isfinite(score), score, np.nan)


def percentile_rank(values: Array, period: int) -> Array:
    """Percent of the last `period` values, the latest included, that are not above it, over 0 to 100.

    values: (bars,) float64, oldest first, no NaN. NaN for the first `period` - 1 bars. Equal to pandas'
    rolling(period).rank(method="max", pct=True) * 100. ValueError if period < 2.
    """
    (values,) = _floats(values, period=period)
    ranks = over_rows(
        lambda rows: np.count_nonzero(rows <= rows[:, -1:], axis=1), values, period=period
    )
    return _ending_in(100.0 * ranks / period, values.size)


def correlation(x: Array, y: Array, period: int) -> Array:
    """Pearson's correlation of the last `period` values of two lines, -1 to 1; NaN where one of them is flat.

    x, y: (bars,) float64, oldest first, no NaN. NaN for the first `period` - 1 bars. ValueError if period < 2.
    """
    x, y = _floats(x, y, period=period)
    return _ending_in(over_rows(_correlations, x, y, period=period), x.size)


def _correlations(x: Array, y: Array) -> Array:
    """Correlation of each row of x with that of y, around values of the rows: flat rows have exactly no spread."""
    x, y = ((rows - rows[:, -1:]) for rows in (x, y))
    x, y = ((rows - row_sums(rows) / rows.shape[1]) for rows in (x, y))
    common, spread_x, spread_y = (row_sums(rows)[:, 0] for rows in (x * y, x * x, y * y))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Array = common / np.sqrt(spread_x) / np.sqrt(spread_y)
    return np.clip(ratio, -1.0, 1.0)


def slope(values: Array, period: int) -> Array:
    """Slope of the least-squares line through the last `period` values, in their unit per bar; 0 where flat.

    values: (bars,) float64, oldest first, no NaN. NaN for the first `period` - 1 bars. Equal to TA-Lib's
    LINEARREG_SLOPE to 1e-9. The weighted less the plain average is (period - 1) / 6 of it. ValueError if period < 2.
    """
    steepness: Array = 6.0 * (wma(values, period) - sma(values, period)) / (period - 1)
    return steepness
