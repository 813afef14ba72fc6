"""The moving average crossover."""

from rules.base import BaseRule
from rules.crossings import Signals, crossings
from rules.indicators import ema, sma
from rules.prices import Prices

AVERAGES = {"sma": sma, "ema": ema}


class MaCrossRule(BaseRule):
    """Buys and sells where the fast average of the close crosses the slow one (Brock, Lakonishok, LeBaron 1992)."""

    rule_type = "MA_CROSS"

    def signals(self, prices: Prices) -> Signals:
        """Buy where the fast average crosses above the slow one, sell where it crosses below."""
        average = AVERAGES[self.params["kind"]]
        fast = prices.indicator(average, ("Close",), self.params["fast"])
        slow = prices.indicator(average, ("Close",), self.params["slow"])
        return crossings(fast, slow)
