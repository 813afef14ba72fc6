"""What a formula can name: series and functions, in one table.

The checker, the evaluator, the editor's list, the API's description and docs/rules.md all read it.
"""

from collections.abc import Callable, Mapping

from rules.formula.signature import Argument, Function, Series

# periods after which Wilder's smoothing keeps less than 1e-6 of its seed: (1 - 1/p)^(14 p) < e^-14
WILDER_MEMORY = 14
EMA_MEMORY = 7  # the same for an EMA, whose weight is 2 / (period + 1)
HIGH_LOW_CLOSE = ("High", "Low", "Close")
OHLC = ("Open", "High", "Low", "Close")


def _bars(name: str = "n", default: int | None = None, least: int = 2) -> Argument:
    return Argument(name, "bars", default, least)


def _none(*_: float) -> int:
    return 0


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


X = Argument("x", "series")
A, B = Argument("a", "number"), Argument("b", "number")
CONDITION = Argument("condition", "condition")
MACD = (X, _bars("fast", 12), _bars("slow", 26, 3), _bars("signal", 9))
BANDS = (X, _bars("n", 20), Argument("width", "value", 2.0))
PLACE = (_bars("n", 14), _bars("smooth", 3), _bars("signal", 3))


def _each_of(
    computed_by: str,
    group: str,
    arguments: tuple[Argument, ...],
    lookback: Callable[..., int],
    *named: tuple[str, str, str],  # name, help, example
    columns: tuple[str, ...] = (),
    fade: Callable[..., int] = _none,
) -> list[Function]:
    """The functions that give one array each of those that are computed together."""
    return [
        Function(
            name,
            group,
            arguments,
            lookback,
            what,
            example,
            "number",
            columns,
            computed_by,
            output,
            fade,
        )
        for output, (name, what, example) in enumerate(named)
    ]


def _directional(
    name: str, output: int, lookback: Callable[[int], int], turns: int, what: str
) -> Function:
    return Function(
        name, "trend", (_bars("n", 14),), lookback, what, f"{name}(14) > 25",
        "number", HIGH_LOW_CLOSE, "adx", output, lambda n: turns * _wilder_fade(n),
    )  # fmt: skip


SERIES: Mapping[str, Series] = {
    each.name: each
    for each in (
        Series("open", ("Open",), "the bar's first price"),
        Series("high", ("High",), "the bar's highest price"),
        Series("low", ("Low",), "the bar's lowest price"),
        Series("close", ("Close",), "the bar's last price"),
        Series("volume", ("Volume",), "shares traded in the bar"),
        Series("hl2", ("High", "Low"), "(high + low) / 2"),
        Series("hlc3", HIGH_LOW_CLOSE, "(high + low + close) / 3"),
        Series("ohlc4", OHLC, "(open + high + low + close) / 4"),
        Series("day_of_week", ("Time",), "1 is Monday, 5 is Friday (UTC)"),
        Series("day_of_month", ("Time",), "1 to 31 (UTC)"),
        Series("month", ("Time",), "1 to 12 (UTC)"),
    )
}

_TABLE = (
    Function("sma", "averages", (X, _bars()), _window, "mean of the last n values", "close > sma(close, 200)"),
    Function(
        "ema", "averages", (X, _bars()), _window, "exponential average of weight 2 / (n + 1)",
        "close > ema(close, 50)", fade=_ema_fade,
    ),
    Function(
        "wma", "averages", (X, _bars()), _window, "average of the last n values with weights 1 to n, the "
        "latest counting most", "close > wma(close, 20)",
    ),
    Function(
        "vwap", "averages", (), _none, "average price weighted by volume since the first bar",
        "close > vwap()", columns=(*HIGH_LOW_CLOSE, "Volume"),
    ),
    Function(
        "rsi", "oscillators", (X, _bars("n", 14)), _back, "Wilder's relative strength index, 0 to 100",
        "rsi(close, 14) < 30", fade=_wilder_fade,
    ),
    *_each_of(
        "macd", "oscillators", MACD, lambda fast, slow, signal: slow + signal - 2,
        ("macd_line", "EMA of fast bars less EMA of slow bars (Appel)", "macd_line(close, 12, 26, 9) > 0"),
        ("macd_signal", "EMA of the MACD line (Appel)", "crosses_above(macd_line(close), macd_signal(close))"),
        ("macd_histogram", "MACD line less its signal (Appel)", "macd_histogram(close) > 0"),
        fade=lambda fast, slow, signal: _ema_fade(slow) + _ema_fade(signal),
    ),
    *_each_of(
        "stochastic", "oscillators", PLACE, lambda n, smooth, signal: n + smooth + signal - 3,
        ("stochastic_k", "%K: place of the close in the range of n bars, 0 to 100", "stochastic_k(14) < 20"),
        ("stochastic_d", "%D: average of %K", "crosses_above(stochastic_k(), stochastic_d())"),
        columns=HIGH_LOW_CLOSE,
    ),
    Function(
        "roc", "oscillators", (X, _bars("n", 10, 1)), _back, "change over n bars in percent",
        "roc(close, 126) > 5",
    ),
    *_each_of(
        "bollinger_bands", "bands", BANDS, _window,
        ("bollinger_upper", "average plus width standard deviations", "close > bollinger_upper(close, 20, 2)"),
        ("bollinger_middle", "average of the bands", "close > bollinger_middle(close, 20)"),
        ("bollinger_lower", "average less width standard deviations", "close < bollinger_lower(close, 20, 2)"),
    ),
    Function(
        "highest", "bands", (X, _bars()), _window, "largest of the last n values, this bar's included",
        "close > prev(highest(high, 20))",
    ),
    Function(
        "lowest", "bands", (X, _bars()), _window, "smallest of the last n values, this bar's included",
        "close < prev(lowest(low, 10))",
    ),
    Function(
        "atr", "bands", (_bars("n", 14),), _back, "Wilder's average true range",
        "close < highest(high, 22) - 3 * atr(22)", columns=HIGH_LOW_CLOSE, fade=_wilder_fade,
    ),
    Function(
        "stdev", "bands", (X, _bars()), _window, "population standard deviation of the last n values",
        "close < sma(close, 20) - 2 * stdev(close, 20)",
    ),
    _directional("adx", 0, lambda n: 2 * n - 1, 2, "Wilder's average directional index, 0 to 100"),
    _directional("plus_di", 1, _back, 1, "Wilder's +DI, 0 to 100"),
    _directional("minus_di", 2, _back, 1, "Wilder's -DI, 0 to 100"),
    Function(
        "obv", "trend", (), _none, "on-balance volume since the first bar", "obv() > sma(obv(), 20)",
        columns=("Close", "Volume"),
    ),
    Function("prev", "bars", (X, _bars("n", 1, 0)), _back, "value n bars before", "close > prev(close, 5)"),
    Function(
        "change", "bars", (X, _bars("n", 1, 1)), _back, "value less that of n bars before",
        "change(close) > 0",
    ),
    Function(
        "sum", "bars", (X, _bars()), _window, "sum of the last n values",
        "volume > 0.1 * sum(volume, 20)", computed_by="total",
    ),
    Function("abs", "bars", (A,), _none, "value without its sign", "abs(change(close)) > 2 * atr(14)", folded=abs),
    Function("min", "bars", (A, B), _none, "the smaller of two", "close < min(open, prev(close))", folded=min),
    Function("max", "bars", (A, B), _none, "the larger of two", "close > max(open, prev(close))", folded=max),
    Function(
        "crosses_above", "conditions", (A, B), _one, "a is above b, and on the bar before it was not",
        "crosses_above(ema(close, 12), ema(close, 26))", result="condition",
    ),
    Function(
        "crosses_below", "conditions", (A, B), _one, "a is below b, and on the bar before it was not",
        "crosses_below(rsi(close, 14), 70)", result="condition",
    ),
    Function(
        "above_for", "conditions", (CONDITION, _bars("n", None, 1)), _window,
        "the condition has held on each of the last n bars", "above_for(close > sma(close, 50), 5)", result="condition",
    ),
    Function(
        "becomes", "conditions", (CONDITION,), _one,
        "the condition holds, and on the bar before it did not", "becomes(rsi(close, 14) < 30)", result="condition",
    ),
    Function(
        "latest", "conditions", (Argument("a", "condition"), Argument("b", "condition")), _none,
        "true since a held last, false since b did; a bar with both turns it",
        "latest(close > prev(highest(close, 50)), close < prev(lowest(close, 50)))", result="condition",
    ),
    Function(
        "bars_since", "conditions", (CONDITION,), _none,
        "bars since the condition last held, 0 on a bar where it does", "bars_since(month != prev(month)) < 3",
    ),
    Function(
        "count", "conditions", (CONDITION, _bars("n", None, 1)), _window,
        "on how many of the last n bars the condition held", "count(close > prev(close), 10) >= 7",
    ),
)  # fmt: skip

FUNCTIONS: Mapping[str, Function] = {function.name: function for function in _TABLE}
