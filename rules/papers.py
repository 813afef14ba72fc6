"""Rules from the finance literature, each mapped from portfolios of many stocks to one stock's bars.

The papers rank stocks against each other, buy one end of the ranking and sell the other. With one stock there is no
ranking: its own past takes the place of the others, and a threshold takes the place of a decile.
"""

import numpy as np

from rules.base import BaseRule
from rules.crossings import Signals, levels
from rules.indicators import sma
from rules.prices import Array, Prices
from rules.windows import window_deviations, window_max, window_means, window_min


class MomentumRule(BaseRule):
    """Time-series momentum.

    Jegadeesh and Titman (1993) buy the winners of the last 3 to 12 months and sell the losers, also with a week
    left out before the purchase, since returns reverse over days; six months is what they study most. Moskowitz, Ooi
    and Pedersen (2012) do so with each instrument's own past return, as here. The default is six months less a week.
    """

    rule_type = "MOMENTUM"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the return from `lookback` to `skip` bars ago is > threshold %, sell where it is < -threshold %."""
        close, lookback, threshold = prices["Close"], self.params["lookback"], self.params["threshold"] / 100.0
        signals = np.zeros(close.size, dtype=np.int8)
        before = close[:-lookback]
        after = close[lookback - self.params["skip"] :][: before.size]
        signals[lookback:] = levels(after > before * (1.0 + threshold), after < before * (1.0 - threshold))
        return signals


class ValueRule(BaseRule):
    """Long-term reversal, the price-only form of value.

    De Bondt and Thaler (1985) find that losers of three to five years beat winners. Asness, Moskowitz and Pedersen
    (2013) take the average price of 4.5 to 5.5 years ago over today's as the value of assets without book values; here
    it is the average around `lookback` bars ago over today's close, three years by default.
    """

    rule_type = "VALUE"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the old average is over threshold % above the close, sell where it is as much below it."""
        close, average, threshold = prices["Close"], self.params["average"], self.params["threshold"] / 100.0
        delay = self.params["lookback"] - (average - 1) // 2  # bars since the last of those averaged; never below 1
        signals = np.zeros(close.size, dtype=np.int8)
        old: Array = prices.indicator(sma, ("Close",), average)[:-delay]
        today = close[delay:]
        signals[delay:] = levels(old > today * (1.0 + threshold), old < today * (1.0 - threshold))
        return signals


class MeanReversionRule(BaseRule):
    """Short-term reversal.

    Lehmann (1990) buys last week's losers and sells its winners, Jegadeesh (1990) last month's; Poterba and Summers
    (1988) show that prices hold a part that fades. Here a loss or gain is unusual against the stock's own returns over
    as many bars: its z-score within the last `window` overlapping returns (ddof 0), itself included.
    """

    rule_type = "MEAN_REVERSION"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the z-score of the last return is < -threshold, sell where it is > threshold."""
        close, lookback, window = prices["Close"], self.params["lookback"], self.params["window"]
        signals = np.zeros(close.size, dtype=np.int8)
        if close.size >= lookback + window:
            returns: Array = prices.indicator(_returns, ("Close",), lookback)
            usual, reach = window_means(returns, window), self.params["threshold"] * window_deviations(returns, window)
            last = returns[window - 1 :]
            signals[lookback + window - 1 :] = levels(last < usual - reach, last > usual + reach)
        return signals


def _returns(close: Array, lookback: int) -> Array:
    """Simple returns over `lookback` bars, as fractions; shape (bars - lookback,)."""
    return close[lookback:] / close[:-lookback] - 1.0


class BreakoutRule(BaseRule):
    """Trading range break.

    Brock, Lakonishok and LeBaron (1992) buy when the price rises above its highest of the last 50, 150 or 200 days and
    sell below its lowest, with a band of 0 or 1%, on closing prices; Donchian's four-week rule (1960) is lookback 20.
    The papers hold for ten days or until the opposite signal; here the engine decides how long a position is held.
    """

    rule_type = "BREAKOUT"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the close is above the range of the `lookback` bars before by the band, sell where below it."""
        close, lookback, band = prices["Close"], self.params["lookback"], self.params["band"] / 100.0
        signals = np.zeros(close.size, dtype=np.int8)
        highest = prices.indicator(window_max, ("Close",), lookback)[:-1]
        lowest = prices.indicator(window_min, ("Close",), lookback)[:-1]
        now = close[lookback:]
        signals[lookback:] = levels(now > highest * (1.0 + band), now < lowest * (1.0 - band))
        return signals
