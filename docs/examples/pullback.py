"""Buy a pullback in an uptrend, and sell its recovery or when the trend breaks."""

import numpy as np
import pandas as pd


def signals(bars, trend=150, span=5, depth=2.0, patience=15):
    """Return a signal for each bar, and two lines for the chart."""
    frame = bars.frame
    close = frame["close"]

    average = close.rolling(trend).mean()
    rises = average > average.shift(20)

    previous = close.shift()
    spans = [frame["high"] - frame["low"], frame["high"] - previous, previous - frame["low"]]
    true_range = pd.concat(spans, axis=1).max(axis=1)
    lower = close.ewm(span=span).mean() - depth * true_range.ewm(span=14).mean() / 2

    falls = (close < lower) & rises & (close > average)
    recovers = close > close.rolling(span).max().shift()
    breaks = close < average * 0.97

    is_long, since = False, 0
    result = np.zeros(len(close), int)
    for bar, (enters, leaves) in enumerate(zip(falls, recovers | breaks, strict=True)):
        since += is_long
        if not is_long and enters:
            result[bar], is_long, since = 1, True, 0
        elif is_long and (leaves or since >= patience):
            result[bar], is_long = -1, False
    return result, {"average": average, "lower": lower}
