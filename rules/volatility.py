"""Rules that measure a move in units of the price's own volatility: Bollinger Bands and the ATR trailing line."""

import numpy as np

from rules.base import BaseRule
from rules.crossings import Flags, Signals, held, levels, turns
from rules.indicators import atr, bollinger_bands
from rules.prices import Prices
from rules.windows import window_max, window_min


class BollingerRule(BaseRule):
    """Buys every bar that closes under the lower band and sells every bar that closes over the upper one."""

    rule_type = "BOLLINGER"

    def signals(self, prices: Prices) -> Signals:
        """Buy where close < lower band, sell where close > upper band."""
        bands = prices.indicator(bollinger_bands, ("Close",), self.params["period"], self.params["width"])
        upper, _, lower = bands
        close = prices["Close"]
        return levels(close < lower, close > upper)


class AtrRule(BaseRule):
    """Follows the trend until the close crosses a line that trails it (Wilder 1978, with Le Beau's chandelier line).

    In a rise the line is the highest close of the last `period` bars less `multiple` ATRs; the first close below it
    turns the rise into a fall. In a fall it is the lowest close plus `multiple` ATRs; the first close above it turns it
    back. Neither is known before the first such close. A window, not the whole trade, makes the extreme, so the line
    does not depend on how far back the prices reach.
    """

    rule_type = "ATR"

    def signals(self, prices: Prices) -> Signals:
        """Buy on the bar that turns a fall into a rise, sell on the bar that turns a rise into a fall."""
        close, period = prices["Close"], self.params["period"]
        reach = self.params["multiple"] * prices.indicator(atr, ("High", "Low", "Close"), period)[period:]
        highest = prices.indicator(window_max, ("Close",), period)[1:]
        lowest = prices.indicator(window_min, ("Close",), period)[1:]
        signals = np.zeros(close.size, dtype=np.int8)
        signals[period:] = turns(_directions(close[period:] > lowest + reach, close[period:] < highest - reach))
        return signals


def _directions(above: Flags, below: Flags) -> Signals:
    """1 in a rise, -1 in a fall, 0 before either is known; shape (bars,).

    above: close above the line of a fall; below: close below the line of a rise. One of them alone sets the direction;
    both at once (lines that overlap, when the multiple is small) turn whatever direction there is.
    """
    directions = levels(above, below)
    both = above & below
    if both.any():
        flips = np.multiply.accumulate(1 - 2 * both.view(np.int8), dtype=np.int8)
        return held(directions * flips) * flips
    return held(directions)
