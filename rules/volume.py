"""The rule that trades on volume."""

import numpy as np

from rules.base import BaseRule
from rules.crossings import Signals, levels
from rules.indicators import sma
from rules.prices import Array, Prices


class VolumeRule(BaseRule):
    """Takes the close's direction on bars of unusual volume; the usual one is the average of the bars before."""

    rule_type = "VOLUME"

    def signals(self, prices: Prices) -> Signals:
        """Buy on an up close, sell on a down close, where volume > multiple x the average of the bars before."""
        close, volume = prices["Close"], prices["Volume"]
        usual: Array = prices.indicator(sma, ("Volume",), self.params["period"])
        spike = volume[1:] > self.params["multiple"] * usual[:-1]
        signals = np.zeros(close.size, dtype=np.int8)
        signals[1:] = levels(spike & (close[1:] > close[:-1]), spike & (close[1:] < close[:-1]))
        return signals
