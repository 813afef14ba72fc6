"""Rules that follow the trend: the moving average crossover and directional movement."""

import numpy as np

from rules.base import BaseRule
from rules.crossings import Signals, crossings
from rules.indicators import adx, ema, sma
from rules.prices import Array, Prices

AVERAGES = {"sma": sma, "ema": ema}


class MaCrossRule(BaseRule):
    """Buys and sells where the fast average of the close crosses the slow one (Brock, Lakonishok, LeBaron 1992)."""

    rule_type = "MA_CROSS"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the fast average crosses above the slow one, sell where it crosses below."""
        average = AVERAGES[self.params["kind"]]
        fast: Array = prices.indicator(average, ("Close",), self.params["fast"])
        slow: Array = prices.indicator(average, ("Close",), self.params["slow"])
        return crossings(fast, slow)


class TrendRule(BaseRule):
    """Takes the direction that +DI and -DI cross into, if the ADX says that there is a trend (Wilder 1978)."""

    rule_type = "TREND"

    def signals(self, prices: Prices) -> Signals:
        """Buy where +DI crosses above -DI with ADX > threshold, sell where it crosses below with ADX > threshold."""
        strength, plus, minus = prices.indicator(adx, ("High", "Low", "Close"), self.params["period"])
        trending = (strength > self.params["threshold"]).view(np.int8)
        signals: Signals = crossings(plus, minus) * trending
        return signals
