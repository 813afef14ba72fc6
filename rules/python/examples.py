"""Examples of strategies in Python, which the editor offers; each runs as it is."""

from dataclasses import dataclass
from typing import Any

from rules.python.rule import EXAMPLE


@dataclass(frozen=True)
class Example:
    """One example: its title, its source in the literature, and its code."""

    title: str
    source: str
    code: str

    @property
    def params(self) -> dict[str, Any]:
        """Params of PYTHON as JSON values."""
        return {"code": self.code, "inputs": {}}


RSI = '''"""RSI on pandas"""
import pandas as pd


def signals(bars, period=14, oversold=30, overbought=70):
    change = bars.frame["close"].diff()
    gain = change.clip(lower=0).ewm(alpha=1 / period, min_periods=period).mean()
    loss = -change.clip(upper=0).ewm(alpha=1 / period, min_periods=period).mean()
    rsi = 100 - 100 / (1 + gain / loss)
    before = rsi.shift()

    buy = (before >= oversold) & (rsi < oversold)
    sell = (before <= overbought) & (rsi > overbought)
    return buy.astype(int) - sell.astype(int), {"RSI": rsi}
'''

BREAKOUT = '''"""Breakout with a trailing exit"""

highest = None  # close since the entry; module-level names are the strategy's memory


def on_bar(bars, entry=20, fall=8.0):
    global highest
    close = bars.close[-1]
    if highest is not None:
        highest = max(highest, close)
        level = highest * (1 - fall / 100)
        plot("exit level", level)
        if close < level:
            print(f"left at {close:.2f}, {fall:g}% below {highest:.2f}")
            highest = None
            return -1
        return 0
    if len(bars) > entry and close > bars.high[-entry - 1 : -1].max():
        highest = close
        return 1
    return 0
'''

REGIME = '''"""Momentum in calm markets only"""
import numpy as np


def signals(bars, trend=100, window=20, calm=25.0):
    frame = bars.frame
    returns = np.log(frame["close"]).diff()
    volatility = returns.rolling(window).std() * np.sqrt(252) * 100
    average = frame["close"].rolling(trend).mean()

    inside = (frame["close"] > average) & (volatility < calm)
    change = inside.astype(int).diff().fillna(0)
    return change, {"average": average, "volatility": volatility}
'''

EXAMPLES = (
    Example(
        "Moving-average cross",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992)",
        EXAMPLE,
    ),
    Example(
        "RSI on pandas",
        "J. W. Wilder, New Concepts in Technical Trading Systems (1978)",
        RSI,
    ),
    Example(
        "Breakout with state",
        "R. Donchian, Financial Analysts Journal 16 (1960), with a trailing exit",
        BREAKOUT,
    ),
    Example(
        "Regime filter",
        "A. Moreira, T. Muir, Journal of Finance 72 (2017), for volatility as a filter",
        REGIME,
    ),
)
