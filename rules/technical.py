"""Technical rules: oscillators, averages, bands and volume, each an entry of the catalog."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rules.base import BaseRule
from rules.parameters import ParamSpec, RuleSpec, bars, number

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.prices import Prices

CLOSE = ("Close",)

RSI_PARAMS = (
    bars("period", 14, 2, 200, "Bars that the RSI is smoothed over"),
    number("oversold", 30.0, 1.0, 50.0, "Buy below this RSI", "RSI points", 0.5),
    number("overbought", 70.0, 50.0, 99.0, "Sell above this RSI", "RSI points", 0.5),
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
        short="RSI",
    )

    def signals(self, prices: Prices) -> Signals:
        period, oversold, overbought = self.params.values()
        strength = prices.indicator("rsi", CLOSE, period)
        return prices.levels(strength < oversold, strength > overbought)


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
        short="MACD",
    )

    def signals(self, prices: Prices) -> Signals:
        line, signal, _ = prices.indicator("macd", CLOSE, *self.params.values())
        return prices.crossings(line, signal)


class RsiMacdRule(BaseRule):
    spec = RuleSpec(
        "RSI_MACD",
        "MACD filtered by RSI",
        "Follows MACD crosses, but does not buy what is overbought already and sells as soon as it becomes so.",
        "technical",
        (
            RSI_PARAMS[0],
            replace(
                RSI_PARAMS[1],
                help="Accepted with RSI's params; no condition of this rule reads it",
            ),
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

    def signals(self, prices: Prices) -> Signals:
        period, _, overbought, *of_macd = self.params.values()
        line, signal, _ = prices.indicator("macd", CLOSE, *of_macd)
        crosses, strength = prices.crossings(line, signal), prices.indicator("rsi", CLOSE, period)
        return prices.levels(
            (crosses > 0) & (strength < overbought), (crosses < 0) | (strength > overbought)
        )


class MaCrossRule(BaseRule):
    spec = RuleSpec(
        "MA_CROSS",
        "Moving average crossover",
        "Follows the trend: long after the fast average has crossed above the slow one, out after it crossed below.",
        "technical",
        (
            bars("fast", 20, 2, 200, "Bars of the fast average"),
            bars("slow", 50, 3, 400, "Bars of the slow average; more than the fast ones"),
            ParamSpec(
                "choice",
                "kind",
                "sma",
                help="Simple or exponential averages",
                choices=("sma", "ema"),
            ),
        ),
        "fast average crosses above the slow one",
        "fast average crosses below the slow one",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992), variable-length moving averages",
        FAST_BELOW_SLOW,
        (
            "crosses_above({kind}(close, fast), {kind}(close, slow))",
            "crosses_below({kind}(close, fast), {kind}(close, slow))",
        ),
        short="MA crossover",
    )

    def signals(self, prices: Prices) -> Signals:
        fast, slow, average = self.params.values()
        return prices.crossings(
            prices.indicator(average, CLOSE, fast), prices.indicator(average, CLOSE, slow)
        )


class BollingerRule(BaseRule):
    spec = RuleSpec(
        "BOLLINGER",
        "Bollinger Bands",
        "Buys below and sells above a band around the average whose width is a number of standard deviations.",
        "technical",
        (
            bars("period", 20, 2, 200, "Bars of the average and of the standard deviation"),
            number("width", 2.0, 0.5, 5.0, "Half the band's width", "standard deviations", 0.1),
        ),
        "close < lower band",
        "close > upper band",
        "J. Bollinger, Bollinger on Bollinger Bands (2001)",
        conditions=(
            "close < bollinger_lower(close, period, width)",
            "close > bollinger_upper(close, period, width)",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        upper, _, lower = prices.indicator("bollinger_bands", CLOSE, *self.params.values())
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
            number(
                "multiple",
                2.0,
                1.0,
                10.0,
                "How many times the usual volume counts as a spike",
                "times",
                0.1,
            ),
        ),
        "volume > multiple x its average over the bars before, and the close is up",
        "volume > multiple x its average over the bars before, and the close is down",
        "J. E. Granville, Granville's New Strategy of Daily Stock Market Timing (1976)",
        conditions=(
            "volume > multiple * prev(sma(volume, period)) and close > prev(close)",
            "volume > multiple * prev(sma(volume, period)) and close < prev(close)",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        period, multiple = self.params.values()
        close, before = prices["Close"], prices.shift(prices["Close"], 1)
        usual = prices.shift(prices.indicator("sma", ("Volume",), period), 1)
        spike = prices["Volume"] > multiple * usual
        return prices.levels(spike & (close > before), spike & (close < before))


RULES = (RsiRule, MacdRule, RsiMacdRule, MaCrossRule, BollingerRule, VolumeRule)
