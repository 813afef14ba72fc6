"""Technical rules that follow a trend by the ranges of its bars, each an entry of the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.base import BaseRule
from rules.parameters import RuleSpec, bars, number

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.prices import Prices

CLOSE = ("Close",)
HIGH_LOW_CLOSE = ("High", "Low", "Close")


class TrendRule(BaseRule):
    spec = RuleSpec(
        "TREND",
        "Directional movement",
        "Follows a change of direction (+DI against -DI) when the ADX says that there is a trend to follow.",
        "technical",
        (
            bars("period", 14, 2, 100, "Bars that +DI, -DI and ADX are smoothed over"),
            number("threshold", 25.0, 5.0, 60.0, "Trade only above this ADX", "ADX points", 0.5),
        ),
        "ADX > threshold and +DI crosses above -DI",
        "ADX > threshold and +DI crosses below -DI",
        "Wilder (1978), section IV",
        conditions=(
            "adx(period) > threshold and crosses_above(plus_di(period), minus_di(period))",
            "adx(period) > threshold and crosses_below(plus_di(period), minus_di(period))",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        period, threshold = self.params.values()
        strength, plus, minus = prices.indicator("adx", HIGH_LOW_CLOSE, period)
        crosses, trending = prices.crossings(plus, minus), strength > threshold
        return prices.levels((crosses > 0) & trending, (crosses < 0) & trending)


class AtrRule(BaseRule):
    """Trend following until the close crosses a line that trails it (Wilder 1978, with Le Beau's chandelier line).

    In a rise the line is the highest close of the last `period` bars less `multiple` ATRs; the first close below it
    turns the rise into a fall. In a fall it is the lowest close plus `multiple` ATRs; the first close above it turns it
    back. Before the first such close there is no direction, and that close gives no signal: Wilder's line is one to
    stop and reverse at, and there is nothing to reverse. The extreme is that of a window, not of the whole trade, so
    the line does not depend on how far back the prices reach. A close beyond both lines, which overlap when the
    multiple is small, reverses the direction.
    """

    spec = RuleSpec(
        "ATR",
        "ATR trailing line",
        "Follows the trend until the close falls (or rises) through a line that trails it by a multiple of the ATR.",
        "technical",
        (
            bars("period", 14, 2, 200, "Bars of the ATR and of the highest and lowest close"),
            number(
                "multiple",
                3.0,
                0.5,
                10.0,
                "Distance between the line and the extreme close",
                "ATRs",
                0.1,
            ),
        ),
        "in a fall: close rises above the lowest close of the period + multiple x ATR",
        "in a rise: close falls below the highest close of the period - multiple x ATR",
        "Wilder (1978), section III, volatility system; C. Le Beau's chandelier exit, in A. Elder, "
        "Come Into My Trading Room (2002)",
        conditions=(
            "line_of_fall = lowest(close, period) + multiple * atr(period)\n"
            "line_of_rise = highest(close, period) - multiple * atr(period)\n"
            "rises = latest(close > line_of_fall, close < line_of_rise)\n"
            "becomes(rises)",
            "becomes(not rises)",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        period, multiple = self.params.values()
        close, reach = prices["Close"], multiple * prices.indicator("atr", HIGH_LOW_CLOSE, period)
        above = close > prices.indicator("lowest", CLOSE, period) + reach
        below = close < prices.indicator("highest", CLOSE, period) - reach
        return prices.reversals(prices.directions(above, below))


RULES = (TrendRule, AtrRule)
