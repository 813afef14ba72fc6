"""Examples of formulas from the literature, which the editor offers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Example:
    """One example: its title, its source, and the params of its rule; inputs: value, least and most."""

    title: str
    source: str
    buy: str
    sell: str
    inputs: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def params(self) -> dict[str, Any]:
        """Params of FORMULA as JSON values, a new copy each time."""
        return {
            "buy": self.buy,
            "sell": self.sell,
            "inputs": {
                name: dict(zip(("value", "min", "max"), bounded, strict=True))
                for name, bounded in self.inputs.items()
            },
        }


EXAMPLES = (
    Example(
        "EMA cross with a chandelier exit",
        "C. Le Beau's exit, in A. Elder, Come Into My Trading Room (2002)",
        "crosses_above(ema(close, fast), ema(close, slow)) and rsi(close, 14) < 70",
        "crosses_below(ema(close, fast), ema(close, slow)) or close < highest(high, 22) - 3 * atr(22)",
        {"fast": (12, 2, 100), "slow": (26, 3, 300)},
    ),
    Example(
        "Donchian breakout",
        "R. Donchian, Financial Analysts Journal 16 (1960)",
        "close > prev(highest(high, entry))",
        "close < prev(lowest(low, exit))",
        {"entry": (20, 5, 200), "exit": (10, 5, 100)},
    ),
    Example(
        "Turtle, system 2",
        "C. Faith, Way of the Turtle (2007)",
        "close > prev(highest(high, 55))",
        "stop = highest(close, 20) - n * atr(20)  # it trails\nclose < prev(lowest(low, 20)) or close < stop",
        {"n": (2, 0.5, 6)},
    ),
    Example(
        "Connors RSI(2)",
        "L. Connors, C. Alvarez, Short Term Trading Strategies That Work (2009)",
        "trend = sma(close, 200)\nclose > trend and rsi(close, 2) < oversold",
        "close > sma(close, 5)",
        {"oversold": (10, 1, 40)},
    ),
    Example(
        "Three lower closes in a rise",
        "L. Connors, C. Alvarez, High Probability ETF Trading (2009)",
        "close > sma(close, 200) and above_for(close < prev(close), days)",
        "close > prev(high)",
        {"days": (3, 1, 10)},
    ),
    Example(
        "Golden cross in quiet markets",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992), with a filter on the ATR",
        "quiet = atr(20) / close < 0.01 * most\ncrosses_above(sma(close, 50), sma(close, 200)) and quiet",
        "crosses_below(sma(close, 50), sma(close, 200))",
        {"most": (4, 0.5, 20)},
    ),
    Example(
        "Turn of the month",
        "J. Lakonishok, S. Smidt, Review of Financial Studies 1 (1988)",
        "day_of_month >= first",
        "begun = bars_since(month != prev(month))\nbegun >= bars and day_of_month < 15",
        {"first": (26, 20, 31), "bars": (3, 1, 10)},
    ),
    Example(
        "Halloween: winter months only",
        "S. Bouman, B. Jacobsen, American Economic Review 92 (2002)",
        "month >= 11 or month <= 4",
        "5 <= month <= 10",
    ),
    Example(
        "Time-series momentum, 12 months less one",
        "T. Moskowitz, Y. H. Ooi, L. H. Pedersen, Journal of Financial Economics 104 (2012)",
        "prev(close, skip) > prev(close, 252)",
        "prev(close, skip) < prev(close, 252)",
        {"skip": (21, 0, 126)},
    ),
    Example(
        "Bollinger squeeze",
        "J. Bollinger, Bollinger on Bollinger Bands (2001), method I",
        "width = (bollinger_upper(close, 20, 2) - bollinger_lower(close, 20, 2)) / bollinger_middle(close, 20, 2)\n"
        "narrow = width <= lowest(width, 126) * slack\n"
        "bars_since(narrow) < 10 and close > bollinger_upper(close, 20, 2)",
        "close < bollinger_middle(close, 20, 2)",
        {"slack": (1.1, 1, 3)},
    ),
    Example(
        "MACD with the trend",
        "G. Appel, The Moving Average Convergence-Divergence Trading Method (1985)",
        "crosses_above(macd_line(close), macd_signal(close)) and close > ema(close, trend)",
        "crosses_below(macd_line(close), macd_signal(close))",
        {"trend": (200, 20, 400)},
    ),
    Example(
        "Volatility breakout",
        "L. Williams, Long-Term Secrets to Short-Term Trading (1999)",
        "close > open + k * prev(high - low)",
        "close < open - k * prev(high - low)",
        {"k": (0.6, 0.1, 3)},
    ),
    Example(
        "Internal bar strength",
        "L. Pagonidis, The IBS Effect, NAAIM (2013)",
        "strength = (close - low) / (high - low)\nstrength < weak and adx(14) > 15",
        "strength > 0.8",
        {"weak": (0.2, 0.01, 0.5)},
    ),
)
