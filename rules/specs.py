"""The table of the rules: names, parameters, bounds, conditions, sources, in display order; standard library only."""

from collections.abc import Mapping
from types import MappingProxyType

from rules.parameters import ParamSpec, RuleSpec


def _bars(name: str, default: int, minimum: int, maximum: int, text: str) -> ParamSpec:
    return ParamSpec(name, "int", default, minimum, maximum, 1, text, "bars")


def _number(
    name: str, default: float, minimum: float, maximum: float, step: float, text: str, unit: str = ""
) -> ParamSpec:
    return ParamSpec(name, "float", default, minimum, maximum, step, text, unit)


_RSI_PARAMS = (
    _bars("period", 14, 2, 200, "Bars that the RSI is smoothed over"),
    _number("oversold", 30.0, 1.0, 50.0, 0.5, "Buy below this RSI", "RSI points"),
    _number("overbought", 70.0, 50.0, 99.0, 0.5, "Sell above this RSI", "RSI points"),
)
_MACD_PARAMS = (
    _bars("fast", 12, 2, 100, "Bars of the fast EMA"),
    _bars("slow", 26, 3, 300, "Bars of the slow EMA; more than the fast ones"),
    _bars("signal", 9, 2, 100, "Bars of the signal line, an EMA of the MACD"),
)
_FAST_BELOW_SLOW = ("fast < slow",)

_SPECS = (
    RuleSpec(
        "RSI",
        "Relative Strength Index",
        "Buys while the price has fallen unusually fast and sells while it has risen unusually fast.",
        "technical",
        _RSI_PARAMS,
        "RSI < oversold",
        "RSI > overbought",
        "J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI",
    ),
    RuleSpec(
        "MACD",
        "Moving Average Convergence/Divergence",
        "Follows the momentum of the trend: the gap between a fast and a slow average against its own average.",
        "technical",
        _MACD_PARAMS,
        "MACD crosses above its signal line",
        "MACD crosses below its signal line",
        "G. Appel, The Moving Average Convergence-Divergence Trading Method (1985)",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "RSI_MACD",
        "MACD filtered by RSI",
        "Follows MACD crosses, but does not buy what is overbought already and sells as soon as it becomes so.",
        "technical",
        (
            _RSI_PARAMS[0],
            _number(
                "oversold",
                30.0,
                1.0,
                50.0,
                0.5,
                "Accepted with RSI's params; no condition of this rule reads it",
                "RSI points",
            ),
            _number("overbought", 70.0, 50.0, 99.0, 0.5, "No buy at or above this RSI; sell above it", "RSI points"),
            *_MACD_PARAMS,
        ),
        "MACD crosses above its signal line and RSI < overbought",
        "MACD crosses below its signal line, or RSI > overbought",
        "Appel (1985) and Wilder (1978), combined",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "MA_CROSS",
        "Moving average crossover",
        "Follows the trend: long after the fast average has crossed above the slow one, out after it crossed below.",
        "technical",
        (
            _bars("fast", 20, 2, 200, "Bars of the fast average"),
            _bars("slow", 50, 3, 400, "Bars of the slow average; more than the fast ones"),
            ParamSpec("kind", "choice", "sma", help="Simple or exponential averages", choices=("sma", "ema")),
        ),
        "fast average crosses above the slow one",
        "fast average crosses below the slow one",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992), variable-length moving averages",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "BOLLINGER",
        "Bollinger Bands",
        "Buys below and sells above a band around the average whose width is a number of standard deviations.",
        "technical",
        (
            _bars("period", 20, 2, 200, "Bars of the average and of the standard deviation"),
            _number("width", 2.0, 0.5, 5.0, 0.1, "Half the band's width", "standard deviations"),
        ),
        "close < lower band",
        "close > upper band",
        "J. Bollinger, Bollinger on Bollinger Bands (2001)",
    ),
    RuleSpec(
        "VOLUME",
        "Volume spike",
        "Follows the close's direction on bars that trade a multiple of the usual volume.",
        "technical",
        (
            _bars("period", 20, 2, 200, "Bars before this one that make the usual volume"),
            _number("multiple", 2.0, 1.0, 10.0, 0.1, "How many times the usual volume counts as a spike", "times"),
        ),
        "volume > multiple x its average over the bars before, and the close is up",
        "volume > multiple x its average over the bars before, and the close is down",
        "J. E. Granville, Granville's New Strategy of Daily Stock Market Timing (1976)",
    ),
    RuleSpec(
        "TREND",
        "Directional movement",
        "Follows a change of direction (+DI against -DI) when the ADX says that there is a trend to follow.",
        "technical",
        (
            _bars("period", 14, 2, 100, "Bars that +DI, -DI and ADX are smoothed over"),
            _number("threshold", 25.0, 5.0, 60.0, 0.5, "Trade only above this ADX", "ADX points"),
        ),
        "ADX > threshold and +DI crosses above -DI",
        "ADX > threshold and +DI crosses below -DI",
        "Wilder (1978), section IV",
    ),
    RuleSpec(
        "ATR",
        "ATR trailing line",
        "Follows the trend until the close falls (or rises) through a line that trails it by a multiple of the ATR.",
        "technical",
        (
            _bars("period", 14, 2, 200, "Bars of the ATR and of the highest and lowest close"),
            _number("multiple", 3.0, 0.5, 10.0, 0.1, "Distance between the line and the extreme close", "ATRs"),
        ),
        "in a fall: close rises above the lowest close of the period + multiple x ATR",
        "in a rise: close falls below the highest close of the period - multiple x ATR",
        "Wilder (1978), section III, volatility system; C. Le Beau's chandelier exit, in A. Elder, "
        "Come Into My Trading Room (2002)",
    ),
    RuleSpec(
        "MOMENTUM",
        "Time-series momentum",
        "Buys what has risen over the past months and sells what has fallen, leaving out the most recent days, "
        "which tend to reverse.",
        "paper",
        (
            _bars("lookback", 126, 20, 504, "Bars over which the past return is taken (126 are six months)"),
            _bars("skip", 5, 0, 63, "Most recent bars that are left out"),
            _number("threshold", 0.0, 0.0, 100.0, 0.5, "Past return that counts as a rise, or as a fall", "%"),
        ),
        "return from `lookback` bars ago to `skip` bars ago > threshold",
        "the same return < -threshold",
        "N. Jegadeesh, S. Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48 (1993); "
        "T. Moskowitz, Y. H. Ooi, L. H. Pedersen, Time Series Momentum, Journal of Financial Economics 104 (2012)",
        ("skip < lookback",),
    ),
    RuleSpec(
        "VALUE",
        "Long-term reversal",
        "Buys what is cheap against its own price of years ago and sells what is dear against it.",
        "paper",
        (
            _bars(
                "lookback",
                756,
                126,
                1260,
                "How long ago the price is compared (756 bars are three years)",
            ),
            _bars("average", 126, 2, 252, "Bars around that day over which the old price is averaged"),
            _number("threshold", 20.0, 0.0, 90.0, 1.0, "Gap to the old price that counts as cheap, or as dear", "%"),
        ),
        "average close around `lookback` bars ago is over threshold % above today's close",
        "average close around `lookback` bars ago is over threshold % below today's close",
        "W. De Bondt, R. Thaler, Does the Stock Market Overreact?, Journal of Finance 40 (1985); "
        "C. Asness, T. Moskowitz, L. H. Pedersen, Value and Momentum Everywhere, Journal of Finance 68 (2013)",
    ),
    RuleSpec(
        "MEAN_REVERSION",
        "Short-term reversal",
        "Buys after an unusually bad week and sells after an unusually good one.",
        "paper",
        (
            _bars("lookback", 5, 1, 60, "Bars of the return that may reverse (5 are a week)"),
            _bars("window", 60, 10, 250, "Such returns, the latest included, that say what is usual"),
            _number("threshold", 1.5, 0.5, 4.0, 0.1, "Distance from the usual return", "standard deviations"),
        ),
        "z-score of the last return < -threshold",
        "z-score of the last return > threshold",
        "B. Lehmann, Fads, Martingales, and Market Efficiency, Quarterly Journal of Economics 105 (1990); "
        "N. Jegadeesh, Evidence of Predictable Behavior of Security Returns, Journal of Finance 45 (1990); "
        "J. Poterba, L. Summers, Mean Reversion in Stock Prices, Journal of Financial Economics 22 (1988)",
    ),
    RuleSpec(
        "BREAKOUT",
        "Trading range break",
        "Buys when the close leaves its recent range upwards and sells when it leaves it downwards.",
        "paper",
        (
            _bars("lookback", 50, 2, 400, "Bars before this one that make the range"),
            _number("band", 0.0, 0.0, 10.0, 0.1, "How far beyond the range the close must be", "%"),
        ),
        "close > highest close of the bars before x (1 + band)",
        "close < lowest close of the bars before x (1 - band)",
        "W. Brock, J. Lakonishok, B. LeBaron, Simple Technical Trading Rules and the Stochastic Properties of "
        "Stock Returns, Journal of Finance 47 (1992); R. Donchian, Financial Analysts Journal 16 (1960)",
    ),
    RuleSpec(
        "COMPOSITE",
        "Vote of several rules",
        "Each member's stance is its latest signal, buy or sell; the members vote with their stances on every bar.",
        "composite",
        (
            ParamSpec(
                "mode",
                "choice",
                "majority",
                help="all: every member agrees; majority: more than half do; any: the latest change of stance decides",
                choices=("all", "any", "majority"),
            ),
            ParamSpec(
                "rules",
                "rules",
                (MappingProxyType({"rule_type": "RSI"}), MappingProxyType({"rule_type": "MACD"})),
                2,
                5,
                1,
                "The members, each with a rule_type and its params; no COMPOSITE among them",
                "rules",
            ),
        ),
        "the vote is buy",
        "the vote is sell",
        "L. Lam, C. Suen, Application of Majority Voting to Pattern Recognition, IEEE Transactions on Systems, Man, "
        "and Cybernetics A 27 (1997), for the vote",
    ),
)

RULES: Mapping[str, RuleSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
