"""Technical rules: oscillators, averages, bands, volume and directional movement, each an entry of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rules.base import BaseRule
from rules.parameters import ParamSpec, RuleSpec, bars, number

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.prices import Prices

CLOSE = ("Close",)
HIGH_LOW_CLOSE = ("High", "Low", "Close")

RSI_PARAMS = (
    bars("period", 14, 2, 200, "Bars that the RSI is smoothed over"),
    number("oversold", 30.0, 1.0, 50.0, 0.5, "Buy below this RSI", "RSI points"),
    number("overbought", 70.0, 50.0, 99.0, 0.5, "Sell above this RSI", "RSI points"),
)
MACD_PARAMS = (
    bars("fast", 12, 2, 100, "Bars of the fast EMA"),
    bars("slow", 26, 3, 300, "Bars of the slow EMA; more than the fast ones"),
    bars("signal", 9, 2, 100, "Bars of the signal line, an EMA of the MACD"),
)
FAST_BELOW_SLOW = ("fast < slow",)
MACD_LINES = "macd_line(close, fast, slow, signal), macd_signal(close, fast, slow, signal)"


class RsiRule(BaseRule):
    spec = RuleSpec(
        "RSI",
        "Relative Strength Index",
        "Buys while the price has fallen unusually fast and sells while it has risen unusually fast.",
        "technical",
        RSI_PARAMS,
        "RSI < oversold",
        "RSI > overbought",
        "J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI",
        conditions=("rsi(close, period) < oversold", "rsi(close, period) > overbought"),
    )

    def lookback(self) -> int:
        return int(self.params["period"])

    def signals(self, prices: Prices) -> Signals:
        strength = prices.indicator("rsi", CLOSE, self.params["period"])
        return prices.levels(strength < self.params["oversold"], strength > self.params["overbought"])


class MacdRule(BaseRule):
    spec = RuleSpec(
        "MACD",
        "Moving Average Convergence/Divergence",
        "Follows the momentum of the trend: the gap between a fast and a slow average against its own average.",
        "technical",
        MACD_PARAMS,
        "MACD crosses above its signal line",
        "MACD crosses below its signal line",
        "G. Appel, The Moving Average Convergence-Divergence Trading Method (1985)",
        FAST_BELOW_SLOW,
        (f"crosses_above({MACD_LINES})", f"crosses_below({MACD_LINES})"),
    )

    def lookback(self) -> int:
        return int(self.params["slow"] + self.params["signal"] - 1)

    def signals(self, prices: Prices) -> Signals:
        fast, slow, signal = self.params["fast"], self.params["slow"], self.params["signal"]
        line, signal_line, _ = prices.indicator("macd", CLOSE, fast, slow, signal)
        return prices.crossings(line, signal_line)


class RsiMacdRule(MacdRule):
    spec = RuleSpec(
        "RSI_MACD",
        "MACD filtered by RSI",
        "Follows MACD crosses, but does not buy what is overbought already and sells as soon as it becomes so.",
        "technical",
        (
            RSI_PARAMS[0],
            replace(RSI_PARAMS[1], help="Accepted with RSI's params; no condition of this rule reads it"),
            replace(RSI_PARAMS[2], help="No buy at or above this RSI; sell above it"),
            *MACD_PARAMS,
        ),
        "MACD crosses above its signal line and RSI < overbought",
        "MACD crosses below its signal line, or RSI > overbought",
        "Appel (1985) and Wilder (1978), combined",
        FAST_BELOW_SLOW,
        (
            f"crosses_above({MACD_LINES}) and rsi(close, period) < overbought",
            f"crosses_below({MACD_LINES}) or rsi(close, period) > overbought",
        ),
    )

    def lookback(self) -> int:
        return max(int(self.params["period"]), super().lookback())

    def signals(self, prices: Prices) -> Signals:
        crosses = super().signals(prices)
        strength, overbought = prices.indicator("rsi", CLOSE, self.params["period"]), self.params["overbought"]
        return prices.levels((crosses > 0) & (strength < overbought), (crosses < 0) | (strength > overbought))


class MaCrossRule(BaseRule):
    spec = RuleSpec(
        "MA_CROSS",
        "Moving average crossover",
        "Follows the trend: long after the fast average has crossed above the slow one, out after it crossed below.",
        "technical",
        (
            bars("fast", 20, 2, 200, "Bars of the fast average"),
            bars("slow", 50, 3, 400, "Bars of the slow average; more than the fast ones"),
            ParamSpec("kind", "choice", "sma", help="Simple or exponential averages", choices=("sma", "ema")),
        ),
        "fast average crosses above the slow one",
        "fast average crosses below the slow one",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992), variable-length moving averages",
        FAST_BELOW_SLOW,
        (
            "crosses_above({kind}(close, fast), {kind}(close, slow))",
            "crosses_below({kind}(close, fast), {kind}(close, slow))",
        ),
    )

    def lookback(self) -> int:
        return int(self.params["slow"])

    def signals(self, prices: Prices) -> Signals:
        average = self.params["kind"]
        fast = prices.indicator(average, CLOSE, self.params["fast"])
        slow = prices.indicator(average, CLOSE, self.params["slow"])
        return prices.crossings(fast, slow)


class BollingerRule(BaseRule):
    spec = RuleSpec(
        "BOLLINGER",
        "Bollinger Bands",
        "Buys below and sells above a band around the average whose width is a number of standard deviations.",
        "technical",
        (
            bars("period", 20, 2, 200, "Bars of the average and of the standard deviation"),
            number("width", 2.0, 0.5, 5.0, 0.1, "Half the band's width", "standard deviations"),
        ),
        "close < lower band",
        "close > upper band",
        "J. Bollinger, Bollinger on Bollinger Bands (2001)",
        conditions=("close < bollinger_lower(close, period, width)", "close > bollinger_upper(close, period, width)"),
    )

    def lookback(self) -> int:
        return int(self.params["period"] - 1)

    def signals(self, prices: Prices) -> Signals:
        upper, _, lower = prices.indicator("bollinger_bands", CLOSE, self.params["period"], self.params["width"])
        close = prices["Close"]
        return prices.levels(close < lower, close > upper)


class VolumeRule(BaseRule):
    spec = RuleSpec(
        "VOLUME",
        "Volume spike",
        "Follows the close's direction on bars that trade a multiple of the usual volume.",
        "technical",
        (
            bars("period", 20, 2, 200, "Bars before this one that make the usual volume"),
            number("multiple", 2.0, 1.0, 10.0, 0.1, "How many times the usual volume counts as a spike", "times"),
        ),
        "volume > multiple x its average over the bars before, and the close is up",
        "volume > multiple x its average over the bars before, and the close is down",
        "J. E. Granville, Granville's New Strategy of Daily Stock Market Timing (1976)",
        conditions=(
            "volume > multiple * prev(sma(volume, period)) and close > prev(close)",
            "volume > multiple * prev(sma(volume, period)) and close < prev(close)",
        ),
    )

    def lookback(self) -> int:
        return int(self.params["period"])

    def signals(self, prices: Prices) -> Signals:
        close, before = prices["Close"], prices.shift(prices["Close"], 1)
        usual = prices.shift(prices.indicator("sma", ("Volume",), self.params["period"]), 1)
        spike = prices["Volume"] > self.params["multiple"] * usual
        return prices.levels(spike & (close > before), spike & (close < before))


class TrendRule(BaseRule):
    spec = RuleSpec(
        "TREND",
        "Directional movement",
        "Follows a change of direction (+DI against -DI) when the ADX says that there is a trend to follow.",
        "technical",
        (
            bars("period", 14, 2, 100, "Bars that +DI, -DI and ADX are smoothed over"),
            number("threshold", 25.0, 5.0, 60.0, 0.5, "Trade only above this ADX", "ADX points"),
        ),
        "ADX > threshold and +DI crosses above -DI",
        "ADX > threshold and +DI crosses below -DI",
        "Wilder (1978), section IV",
        conditions=(
            "adx(period) > threshold and crosses_above(plus_di(period), minus_di(period))",
            "adx(period) > threshold and crosses_below(plus_di(period), minus_di(period))",
        ),
    )

    def lookback(self) -> int:
        return int(2 * self.params["period"] - 1)

    def signals(self, prices: Prices) -> Signals:
        strength, plus, minus = prices.indicator("adx", HIGH_LOW_CLOSE, self.params["period"])
        crosses, trending = prices.crossings(plus, minus), strength > self.params["threshold"]
        return prices.levels((crosses > 0) & trending, (crosses < 0) & trending)


class AtrRule(BaseRule):
    """Follows the trend until the close crosses a line that trails it (Wilder 1978, with Le Beau's chandelier line).

    In a rise the line is the highest close of the last `period` bars less `multiple` ATRs; the first close below it
    turns the rise into a fall. In a fall it is the lowest close plus `multiple` ATRs; the first close above it turns it
    back. Before the first such close neither is known, and that close gives no signal: Wilder's point is one to stop
    and reverse at, and there is nothing to reverse. A window, not the whole trade, makes the extreme, so the line
    does not depend on how far back the prices reach. A close beyond both lines, which overlap when the multiple is
    small, turns whatever direction there is.
    """

    spec = RuleSpec(
        "ATR",
        "ATR trailing line",
        "Follows the trend until the close falls (or rises) through a line that trails it by a multiple of the ATR.",
        "technical",
        (
            bars("period", 14, 2, 200, "Bars of the ATR and of the highest and lowest close"),
            number("multiple", 3.0, 0.5, 10.0, 0.1, "Distance between the line and the extreme close", "ATRs"),
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

    def lookback(self) -> int:
        return int(self.params["period"] + 1)

    def signals(self, prices: Prices) -> Signals:
        close, period = prices["Close"], self.params["period"]
        reach = self.params["multiple"] * prices.indicator("atr", HIGH_LOW_CLOSE, period)
        above = close > prices.indicator("lowest", CLOSE, period) + reach
        below = close < prices.indicator("highest", CLOSE, period) - reach
        return prices.reversals(prices.directions(above, below))


RULES = (RsiRule, MacdRule, RsiMacdRule, MaCrossRule, BollingerRule, VolumeRule, TrendRule, AtrRule)
