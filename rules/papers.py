"""Rules from the finance literature, each mapped from portfolios of many stocks to one stock's bars.

The papers rank stocks against each other, buy one end of the ranking and sell the other. With one stock there is no
ranking: its past replaces the other stocks, and a threshold replaces a decile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.base import BaseRule
from rules.parameters import RuleSpec, bars, number

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.prices import Prices

CLOSE = ("Close",)


class MomentumRule(BaseRule):
    """Time-series momentum.

    Jegadeesh and Titman (1993) buy the winners of the last 3 to 12 months and sell the losers, also with a week
    left out before the purchase, since returns reverse over days; six months is what they study most. Moskowitz, Ooi
    and Pedersen (2012) do so with each instrument's own past return, as here. The default is six months less a week.
    """

    spec = RuleSpec(
        "MOMENTUM",
        "Time-series momentum",
        "Buys what has risen over the past months and sells what has fallen, leaving out the most recent days, "
        "which tend to reverse.",
        "paper",
        (
            bars(
                "lookback",
                126,
                20,
                504,
                "Bars over which the past return is taken (126 are six months)",
            ),
            bars("skip", 5, 0, 63, "Most recent bars that are left out"),
            number(
                "threshold",
                0.0,
                0.0,
                100.0,
                "Past return that counts as a rise, or as a fall",
                "%",
                0.5,
            ),
        ),
        "return from `lookback` bars ago to `skip` bars ago > threshold",
        "the same return < -threshold",
        "N. Jegadeesh, S. Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48 (1993); "
        "T. Moskowitz, Y. H. Ooi, L. H. Pedersen, Time Series Momentum, Journal of Financial Economics 104 (2012)",
        ("skip < lookback",),
        (
            "prev(close, skip) > prev(close, lookback) * (1 + threshold / 100)",
            "prev(close, skip) < prev(close, lookback) * (1 - threshold / 100)",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        lookback, skip, threshold_pct = self.params.values()
        threshold = threshold_pct / 100.0
        before, after = (prices.shift(prices["Close"], each) for each in (lookback, skip))
        return prices.levels(
            after > before * (1.0 + threshold), after < before * (1.0 - threshold)
        )


class ValueRule(BaseRule):
    """Long-term reversal, the price-only form of value.

    De Bondt and Thaler (1985) find that losers of three to five years beat winners. Asness, Moskowitz and Pedersen
    (2013) take the average price of 4.5 to 5.5 years ago over today's as the value of assets without book values; here
    it is the average around `lookback` bars ago over today's close, three years by default.
    """

    spec = RuleSpec(
        "VALUE",
        "Long-term reversal",
        "Buys assets that are cheap compared with their own price years ago, and sells expensive ones.",
        "paper",
        (
            bars(
                "lookback",
                756,
                126,
                1260,
                "How long ago the price is compared (756 bars are three years)",
            ),
            bars(
                "average",
                126,
                2,
                252,
                "Bars around that day over which the old price is averaged",
            ),
            number(
                "threshold",
                20.0,
                0.0,
                90.0,
                "Gap to the old price that counts as cheap or expensive",
                "%",
                1.0,
            ),
        ),
        "average close around `lookback` bars ago is over threshold % above today's close",
        "average close around `lookback` bars ago is over threshold % below today's close",
        "W. De Bondt, R. Thaler, Does the Stock Market Overreact?, Journal of Finance 40 (1985); "
        "C. Asness, T. Moskowitz, L. H. Pedersen, Value and Momentum Everywhere, Journal of Finance 68 (2013)",
        conditions=(
            "prev(sma(close, average), delay) > close * (1 + threshold / 100)",
            "prev(sma(close, average), delay) < close * (1 - threshold / 100)",
        ),
    )

    @property
    def _delay(self) -> int:
        """Number of bars since the last averaged one, at least 1."""
        return int(self.params["lookback"] - (self.params["average"] - 1) // 2)

    def inputs(self) -> dict[str, float]:
        return super().inputs() | {"delay": self._delay}

    def signals(self, prices: Prices) -> Signals:
        _, average, threshold_pct = self.params.values()
        close, threshold = prices["Close"], threshold_pct / 100.0
        old = prices.shift(prices.indicator("sma", CLOSE, average), self._delay)
        return prices.levels(old > close * (1.0 + threshold), old < close * (1.0 - threshold))


class MeanReversionRule(BaseRule):
    """Short-term reversal.

    Lehmann (1990) buys last week's losers and sells its winners, Jegadeesh (1990) last month's; Poterba and Summers
    (1988) show that prices hold a part that fades. Here a loss or gain is unusual against the stock's own returns over
    as many bars: its z-score within the last `window` overlapping returns (ddof 0), itself included.
    """

    spec = RuleSpec(
        "MEAN_REVERSION",
        "Short-term reversal",
        "Buys after an unusually bad week and sells after an unusually good one.",
        "paper",
        (
            bars("lookback", 5, 1, 60, "Bars of the return that may reverse (5 are a week)"),
            bars(
                "window", 60, 10, 250, "Such returns, the latest included, that say what is usual"
            ),
            number(
                "threshold",
                1.5,
                0.5,
                4.0,
                "Distance from the usual return",
                "standard deviations",
                0.1,
            ),
        ),
        "z-score of the last return < -threshold",
        "z-score of the last return > threshold",
        "B. Lehmann, Fads, Martingales, and Market Efficiency, Quarterly Journal of Economics 105 (1990); "
        "N. Jegadeesh, Evidence of Predictable Behavior of Security Returns, Journal of Finance 45 (1990); "
        "J. Poterba, L. Summers, Mean Reversion in Stock Prices, Journal of Financial Economics 22 (1988)",
        conditions=(
            "last_return = close / prev(close, lookback) - 1\n"
            "unusually_low = sma(last_return, window) - threshold * stdev(last_return, window)\n"
            "unusually_high = sma(last_return, window) + threshold * stdev(last_return, window)\n"
            "last_return < unusually_low",
            "last_return > unusually_high",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        *lengths, threshold = self.params.values()
        last, usual, deviation = prices.indicator("return_moments", CLOSE, *lengths)
        reach = threshold * deviation
        return prices.levels(last < usual - reach, last > usual + reach)


class BreakoutRule(BaseRule):
    """Trading range break.

    Brock, Lakonishok and LeBaron (1992) buy when the price rises above its highest of the last 50, 150 or 200 days and
    sell below its lowest, with a band of 0 or 1%, on closing prices; Donchian's four-week rule (1960) is lookback 20.
    The papers hold for ten days or until the opposite signal; here the engine decides how long a position is held.
    """

    spec = RuleSpec(
        "BREAKOUT",
        "Trading range break",
        "Buys when the close leaves its recent range upwards and sells when it leaves it downwards.",
        "paper",
        (
            bars("lookback", 50, 2, 400, "Bars before this one that make the range"),
            number(
                "band", 0.0, 0.0, 10.0, "How far beyond the range the close must be", "%", 0.1
            ),
        ),
        "close > highest close of the bars before x (1 + band)",
        "close < lowest close of the bars before x (1 - band)",
        "W. Brock, J. Lakonishok, B. LeBaron, Simple Technical Trading Rules and the Stochastic Properties of "
        "Stock Returns, Journal of Finance 47 (1992); R. Donchian, Financial Analysts Journal 16 (1960)",
        conditions=(
            "close > prev(highest(close, lookback)) * (1 + band / 100)",
            "close < prev(lowest(close, lookback)) * (1 - band / 100)",
        ),
    )

    def signals(self, prices: Prices) -> Signals:
        lookback, band_pct = self.params.values()
        close, band = prices["Close"], band_pct / 100.0
        highest, lowest = (
            prices.shift(prices.indicator(each, CLOSE, lookback), 1)
            for each in ("highest", "lowest")
        )
        return prices.levels(close > highest * (1.0 + band), close < lowest * (1.0 - band))


RULES = (MomentumRule, ValueRule, MeanReversionRule, BreakoutRule)
