"""BarSeries and functions of formulas, in one table.

The checker, the evaluator, the editor's list, the API's description and docs/rules.md are derived from it.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from rules.formula.graph import BarSeries, Function, FunctionArgument

# periods after which Wilder's smoothing keeps less than 1e-6 of its seed: (1 - 1/p)^(14 p) < e^-14
WILDER_MEMORY = 14
EMA_MEMORY = 7  # the same for an EMA, whose weight is 2 / (period + 1)
HIGH_LOW_CLOSE = ("High", "Low", "Close")
OHLC = ("Open", "High", "Low", "Close")
LOCAL = ("Local",)  # time of the exchange's clock


def _bars(default: int | None = None, name: str = "n", least: int = 2) -> FunctionArgument:
    return FunctionArgument(
        name, "bars", "20" if default is None else str(default), default, least
    )


def _one(*_: float) -> int:
    return 1


def _window(n: int, *_: float) -> int:
    return n - 1


def _back(n: int) -> int:
    return n


def _ema_fade(n: int) -> int:
    return EMA_MEMORY * (n + 1)


def _wilder_fade(n: int) -> int:
    return WILDER_MEMORY * n


X = FunctionArgument("x", "series", "close")
ANY = FunctionArgument("x", "any", "close")
A, B = FunctionArgument("a", "number", "close"), FunctionArgument("b", "number", "open")
CONDITION = FunctionArgument("condition", "condition", "close > open")
WINDOW = (X, _bars())
SMOOTHED = (_bars(14),)
COUNTED = (CONDITION, _bars(least=1))
MACD = (X, _bars(12, "fast"), _bars(26, "slow", 3), _bars(9, "signal"))
BANDS = (X, _bars(20), FunctionArgument("width", "value", "2", 2.0))
PLACE = (*SMOOTHED, _bars(3, "smooth"), _bars(3, "signal"))


def _each_of(together: Function, *named: tuple[str, str, str]) -> list[Function]:
    """Return functions, by name, help and example, for the arrays that are computed together, one each."""
    return [
        replace(together, name=name, help=help_, example=example, computed_by=together.name, output=output)
        for output, (name, help_, example) in enumerate(named)
    ]  # fmt: skip


def _directional(
    name: str, output: int, lookback: Callable[[int], int], times_smoothed: int, help_: str
) -> Function:
    return Function(
        name, SMOOTHED, help_, f"{name}(14) > 25", lookback, lambda n: times_smoothed * _wilder_fade(n), HIGH_LOW_CLOSE,
        computed_by="adx", output=output,
    )  # fmt: skip


SERIES: Mapping[str, BarSeries] = {
    each.name: each
    for each in (
        BarSeries("open", ("Open",), "the bar's first price"),
        BarSeries("high", ("High",), "the bar's highest price"),
        BarSeries("low", ("Low",), "the bar's lowest price"),
        BarSeries("close", ("Close",), "the bar's last price"),
        BarSeries("volume", ("Volume",), "shares traded in the bar"),
        BarSeries("hl2", ("High", "Low"), "(high + low) / 2"),
        BarSeries("hlc3", HIGH_LOW_CLOSE, "(high + low + close) / 3"),
        BarSeries("ohlc4", OHLC, "(open + high + low + close) / 4"),
        BarSeries("day_of_week", LOCAL, "1 is Monday, 5 is Friday, by the exchange's date"),
        BarSeries("day_of_month", LOCAL, "1 to 31, by the exchange's date"),
        BarSeries("month", LOCAL, "1 to 12, by the exchange's date"),
        BarSeries(
            "minute_of_day",
            LOCAL,
            "minutes from midnight to the bar's start, by the exchange's clock",
        ),
        BarSeries("bars_today", LOCAL, "bars of the session so far, this one included"),
        BarSeries("session_open", (*LOCAL, "Open"), "first price of the session"),
    )
}

_TABLE: dict[str, tuple[Function, ...]] = {
    "averages": (
        Function("sma", WINDOW, "mean of the last n values", "close > sma(close, 200)", _window),
        Function(
            "ema", WINDOW, "exponential average of weight 2 / (n + 1)", "close > ema(close, 50)", _window, _ema_fade,
        ),
        Function(
            "wma", WINDOW, "average of the last n values with weights 1 to n, the latest counting most",
            "close > wma(close, 20)", _window,
        ),
        Function(
            "vwap", (), "average price weighted by volume since the first bar", "close > vwap()",
            columns=(*HIGH_LOW_CLOSE, "Volume"),
        ),
    ),
    "oscillators": (
        Function(
            "rsi", (X, *SMOOTHED), "Wilder's relative strength index, 0 to 100", "rsi(close, 14) < 30",
            _back, _wilder_fade,
        ),
        *_each_of(
            Function(
                "macd", MACD, "", "", lambda fast, slow, signal: slow + signal - 2,
                lambda fast, slow, signal: _ema_fade(slow) + _ema_fade(signal),
            ),
            ("macd_line", "EMA of fast bars less EMA of slow bars (Appel)", "macd_line(close, 12, 26, 9) > 0"),
            ("macd_signal", "EMA of the MACD line (Appel)", "crosses_above(macd_line(close), macd_signal(close))"),
            ("macd_histogram", "MACD line less its signal (Appel)", "macd_histogram(close) > 0"),
        ),
        *_each_of(
            Function(
                "stochastic", PLACE, "", "", lambda n, smooth, signal: n + smooth + signal - 3, columns=HIGH_LOW_CLOSE,
            ),
            ("stochastic_k", "%K: place of the close in the range of n bars, 0 to 100", "stochastic_k(14) < 20"),
            ("stochastic_d", "%D: average of %K", "crosses_above(stochastic_k(), stochastic_d())"),
        ),
        Function("roc", (X, _bars(10, least=1)), "change over n bars in percent", "roc(close, 126) > 5", _back),
    ),
    "bands": (
        *_each_of(
            Function("bollinger_bands", BANDS, "", "", _window),
            ("bollinger_upper", "average plus width standard deviations", "close > bollinger_upper(close, 20, 2)"),
            ("bollinger_middle", "average of the bands", "close > bollinger_middle(close, 20)"),
            ("bollinger_lower", "average less width standard deviations", "close < bollinger_lower(close, 20, 2)"),
        ),
        Function(
            "highest", WINDOW, "largest of the last n values, this bar's included", "close > prev(highest(high, 20))",
            _window,
        ),
        Function(
            "lowest", WINDOW, "smallest of the last n values, this bar's included", "close < prev(lowest(low, 10))",
            _window,
        ),
        Function(
            "atr", SMOOTHED, "Wilder's average true range", "close < highest(high, 22) - 3 * atr(22)",
            _back, _wilder_fade, HIGH_LOW_CLOSE,
        ),
        Function(
            "stdev", WINDOW, "population standard deviation of the last n values",
            "close < sma(close, 20) - 2 * stdev(close, 20)", _window,
        ),
    ),
    "statistics": (
        Function(
            "zscore", WINDOW, "distance from the mean of the last n values, in their standard deviations",
            "zscore(close, 20) < -2", _window,
        ),
        Function(
            "percentile_rank", WINDOW, "percent of the last n values, this one included, that are not above it",
            "percentile_rank(close, 100) > 90", _window,
        ),
        Function(
            "correlation", (X, replace(X, name="y", example="volume"), _bars()),
            "Pearson's correlation of the last n values of both, -1 to 1", "correlation(close, volume, 20) > 0",
            _window,
        ),
        Function(
            "slope", WINDOW, "slope of the least-squares line through the last n values, per bar",
            "slope(close, 20) > 0", _window,
        ),
    ),
    "trend": (
        _directional("adx", 0, lambda n: 2 * n - 1, 2, "Wilder's average directional index, 0 to 100"),
        _directional("plus_di", 1, _back, 1, "Wilder's +DI, 0 to 100"),
        _directional("minus_di", 2, _back, 1, "Wilder's -DI, 0 to 100"),
        Function(
            "obv", (), "on-balance volume since the first bar", "obv() > sma(obv(), 20)", columns=("Close", "Volume"),
        ),
    ),
    "bars": (
        Function("prev", (X, _bars(1, least=0)), "value n bars before", "close > prev(close, 5)", _back),
        Function("change", (X, _bars(1, least=1)), "value less that of n bars before", "change(close) > 0", _back),
        Function(
            "sum", WINDOW, "sum of the last n values", "volume > 0.1 * sum(volume, 20)", _window, computed_by="total",
        ),
        Function("abs", (A,), "value without its sign", "abs(change(close)) > 2 * atr(14)", folded=abs),
        Function("min", (A, B), "the smaller of two", "close < min(open, prev(close))", folded=min),
        Function("max", (A, B), "the larger of two", "close > max(open, prev(close))", folded=max),
    ),
    "conditions": (
        Function(
            "crosses_above", (A, B), "a is above b, and on the bar before it was not",
            "crosses_above(ema(close, 12), ema(close, 26))", _one, result="condition",
        ),
        Function(
            "crosses_below", (A, B), "a is below b, and on the bar before it was not",
            "crosses_below(rsi(close, 14), 70)", _one, result="condition",
        ),
        Function(
            "above_for", COUNTED, "the condition has held on each of the last n bars",
            "above_for(close > sma(close, 50), 5)", _window, result="condition",
        ),
        Function(
            "becomes", (CONDITION,), "the condition holds, and on the bar before it did not",
            "becomes(rsi(close, 14) < 30)", _one, result="condition",
        ),
        Function(
            "latest", (replace(CONDITION, name="a"), FunctionArgument("b", "condition", "close < open")),
            "true since a held last, false since b did; a bar with both turns it",
            "latest(close > prev(highest(close, 50)), close < prev(lowest(close, 50)))", result="condition",
        ),
        Function(
            "bars_since", (CONDITION,), "bars since the condition last held, 0 on a bar where it does",
            "bars_since(month != prev(month)) < 3",
        ),
        Function(
            "count", COUNTED, "on how many of the last n bars the condition held",
            "count(close > prev(close), 10) >= 7", _window,
        ),
    ),
    "sessions": (
        Function(
            "today", (FunctionArgument("f", "reducer", "highest"), replace(X, example="high"), _bars(0, least=0)),
            "highest, lowest or sum of x since the session began; with n, of its first n bars",
            "close > 1.01 * today(lowest, low)", columns=LOCAL,
        ),
        Function(
            "vwap_today", (), "average price of the session so far, weighted by volume", "close > vwap_today()",
            columns=(*LOCAL, *HIGH_LOW_CLOSE, "Volume"),
        ),
    ),
    "other series": (
        Function(
            "on", (FunctionArgument("timeframe", "timeframe", '"1w"'), ANY),
            "x on the bars of a coarser timeframe: the value of the last one that has closed",
            'on("1w", sma(close, 20)) < close',
        ),
        Function(
            "of", (FunctionArgument("ticker", "ticker", '"^GSPC"'), ANY, FunctionArgument("days", "value", "7", 7.0)),
            "x of another ticker: its last value at this bar's close, unless it is more days old",
            'of("^GSPC", close > sma(close, 200))',
        ),
    ),
}  # fmt: skip

FUNCTIONS: Mapping[str, Function] = {
    each.name: replace(each, group=group) for group, functions in _TABLE.items() for each in functions
}  # fmt: skip
