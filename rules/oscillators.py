"""RSI, MACD and the two together."""

import numpy as np

from rules.base import BaseRule
from rules.crossings import Signals, crossings, levels
from rules.indicators import macd, rsi
from rules.prices import Array, Prices

CLOSE = ("Close",)


def _macd_crossings(prices: Prices, fast: int, slow: int, signal: int) -> Signals:
    line, signal_line, _ = prices.indicator(macd, CLOSE, fast, slow, signal)
    return crossings(line, signal_line)


class RsiRule(BaseRule):
    """Buys every bar below `oversold` and sells every bar above `overbought` (Wilder 1978)."""

    rule_type = "RSI"

    def signals(self, prices: Prices) -> Signals:
        """Buy where RSI < oversold, sell where RSI > overbought; a bar without an RSI is 0."""
        strength: Array = prices.indicator(rsi, CLOSE, self.params["period"])
        return levels(strength < self.params["oversold"], strength > self.params["overbought"])


class MacdRule(BaseRule):
    """Buys and sells where the MACD crosses its signal line (Appel 1985)."""

    rule_type = "MACD"

    def signals(self, prices: Prices) -> Signals:
        """Buy where MACD crosses above its signal line, sell where it crosses below."""
        return _macd_crossings(prices, self.params["fast"], self.params["slow"], self.params["signal"])


class RsiMacdRule(BaseRule):
    """Buys MACD crosses that are not overbought; sells on the opposite cross or while overbought."""

    rule_type = "RSI_MACD"

    def signals(self, prices: Prices) -> Signals:
        """Buy at a cross above with RSI < overbought; sell at a cross below, or where RSI > overbought."""
        crosses = _macd_crossings(prices, self.params["fast"], self.params["slow"], self.params["signal"])
        strength: Array = prices.indicator(rsi, CLOSE, self.params["period"])
        buy = (crosses > 0) & (strength < self.params["overbought"])
        return levels(buy, np.logical_or(crosses < 0, strength > self.params["overbought"]))
