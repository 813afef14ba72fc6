"""What a formula can name: series and functions, in one table.

The checker, the evaluator, the editor's list, the API's description and docs/rules.md all read it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["number", "condition"]  # of what a formula has on each bar
ArgumentKind = Literal["series", "number", "bars", "value", "condition"]

WILDER_MEMORY = 14  # periods after which Wilder's smoothing keeps less than 1e-6 of its seed: (1 - 1/p)^(14 p) < e^-14
EMA_MEMORY = 7  # the same for an EMA, whose weight is 2 / (period + 1)
HIGH_LOW_CLOSE = ("High", "Low", "Close")
OHLC = ("Open", "High", "Low", "Close")


@dataclass(frozen=True, slots=True)
class Series:
    """A number on each bar that has a name: a column, or what `name` on the numpy side makes of `columns`."""

    name: str
    columns: tuple[str, ...]
    help: str


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument. A series changes from bar to bar, a number may; bars and value are the same on every bar.

    bars: a whole number of at least `least`. default: None where the argument must be given.
    """

    name: str
    kind: ArgumentKind
    default: float | None = None
    least: int = 2


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a formula.

    lookback: bars without a value before the first one, beyond those of its arguments, given its bars and values.
    fade: further bars until what began the smoothing is forgotten. columns: what it reads without being told.
    computed_by: its name on the numpy side; of several arrays from there it is the one at `output`.
    folded: the same for plain numbers, where the result is a plain number too.
    """

    name: str
    group: str
    arguments: tuple[Argument, ...]
    result: Kind
    lookback: Callable[..., int]
    help: str
    example: str  # a condition
    columns: tuple[str, ...] = ()
    computed_by: str = ""
    output: int | None = None
    fade: Callable[..., int] = lambda *_: 0
    folded: Callable[..., Any] | None = None

    @property
    def signature(self) -> str:
        """How it is written, such as rsi(x, n = 14)."""
        shown = [each.name + ("" if each.default is None else f" = {each.default:g}") for each in self.arguments]
        return f"{self.name}({', '.join(shown)})"

    @property
    def call(self) -> str:
        """A call that can be used as it is, such as rsi(close, 14)."""
        return f"{self.name}({', '.join(map(_argument_for_example, self.arguments))})"


def _argument_for_example(argument: Argument) -> str:
    if argument.kind == "condition":
        return "close < open" if argument.name == "b" else "close > open"
    if argument.kind in ("bars", "value"):
        return "20" if argument.default is None else f"{argument.default:g}"
    return "open" if argument.name == "b" else "close"


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


def _macd(name: str, output: int, what: str, example: str) -> Function:
    def fade(fast: int, slow: int, signal: int) -> int:
        return _ema_fade(slow) + _ema_fade(signal)

    return Function(
        name, "oscillators", MACD, "number", lambda fast, slow, signal: slow + signal - 2,
        f"{what} (Appel)", example, computed_by="macd", output=output, fade=fade,
    )  # fmt: skip


def _band(name: str, output: int, what: str, example: str) -> Function:
    return Function(
        name, "bands", BANDS, "number", _window, what, example, computed_by="bollinger_bands", output=output
    )


def _stochastic(name: str, output: int, what: str, example: str) -> Function:
    return Function(
        name, "oscillators", PLACE, "number", lambda n, smooth, signal: n + smooth + signal - 3,
        what, example, HIGH_LOW_CLOSE, "stochastic", output,
    )  # fmt: skip


def _directional(name: str, output: int, lookback: Callable[[int], int], turns: int, what: str) -> Function:
    return Function(
        name, "trend", (_bars("n", 14),), "number", lookback, what, f"{name}(14) > 25",
        HIGH_LOW_CLOSE, "adx", output, lambda n: turns * _wilder_fade(n),
    )  # fmt: skip


SERIES: Mapping[str, Series] = MappingProxyType(
    {
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
)

_TABLE = (
    Function(
        "sma", "averages", (X, _bars()), "number", _window, "mean of the last n values", "close > sma(close, 200)"
    ),
    Function(
        "ema", "averages", (X, _bars()), "number", _window, "exponential average of weight 2 / (n + 1)",
        "close > ema(close, 50)", fade=_ema_fade,
    ),
    Function(
        "wma", "averages", (X, _bars()), "number", _window, "average of the last n values with weights 1 to n, the "
        "latest counting most", "close > wma(close, 20)",
    ),
    Function(
        "vwap", "averages", (), "number", _none, "average price weighted by volume since the first bar",
        "close > vwap()", (*HIGH_LOW_CLOSE, "Volume"),
    ),
    Function(
        "rsi", "oscillators", (X, _bars("n", 14)), "number", _back, "Wilder's relative strength index, 0 to 100",
        "rsi(close, 14) < 30", fade=_wilder_fade,
    ),
    _macd("macd_line", 0, "EMA of fast bars less EMA of slow bars", "macd_line(close, 12, 26, 9) > 0"),
    _macd("macd_signal", 1, "EMA of the MACD line", "crosses_above(macd_line(close), macd_signal(close))"),
    _macd("macd_histogram", 2, "MACD line less its signal", "macd_histogram(close) > 0"),
    _stochastic("stochastic_k", 0, "%K: place of the close in the range of n bars, 0 to 100", "stochastic_k(14) < 20"),
    _stochastic("stochastic_d", 1, "%D: average of %K", "crosses_above(stochastic_k(), stochastic_d())"),
    Function(
        "roc", "oscillators", (X, _bars("n", 10, 1)), "number", _back, "change over n bars in percent",
        "roc(close, 126) > 5",
    ),
    _band("bollinger_upper", 0, "average plus width standard deviations", "close > bollinger_upper(close, 20, 2)"),
    _band("bollinger_middle", 1, "average of the bands", "close > bollinger_middle(close, 20)"),
    _band("bollinger_lower", 2, "average less width standard deviations", "close < bollinger_lower(close, 20, 2)"),
    Function(
        "highest", "bands", (X, _bars()), "number", _window, "largest of the last n values, this bar's included",
        "close > prev(highest(high, 20))",
    ),
    Function(
        "lowest", "bands", (X, _bars()), "number", _window, "smallest of the last n values, this bar's included",
        "close < prev(lowest(low, 10))",
    ),
    Function(
        "atr", "bands", (_bars("n", 14),), "number", _back, "Wilder's average true range",
        "close < highest(high, 22) - 3 * atr(22)", HIGH_LOW_CLOSE, fade=_wilder_fade,
    ),
    Function(
        "stdev", "bands", (X, _bars()), "number", _window, "population standard deviation of the last n values",
        "close < sma(close, 20) - 2 * stdev(close, 20)",
    ),
    _directional("adx", 0, lambda n: 2 * n - 1, 2, "Wilder's average directional index, 0 to 100"),
    _directional("plus_di", 1, _back, 1, "Wilder's +DI, 0 to 100"),
    _directional("minus_di", 2, _back, 1, "Wilder's -DI, 0 to 100"),
    Function(
        "obv", "trend", (), "number", _none, "on-balance volume since the first bar", "obv() > sma(obv(), 20)",
        ("Close", "Volume"),
    ),
    Function(
        "prev", "bars", (X, _bars("n", 1, 0)), "number", _back, "value n bars before", "close > prev(close, 5)"
    ),
    Function(
        "change", "bars", (X, _bars("n", 1, 1)), "number", _back, "value less that of n bars before",
        "change(close) > 0",
    ),
    Function(
        "sum", "bars", (X, _bars()), "number", _window, "sum of the last n values",
        "volume > 0.1 * sum(volume, 20)", computed_by="total",
    ),
    Function(
        "abs", "bars", (A,), "number", _none, "value without its sign", "abs(change(close)) > 2 * atr(14)", folded=abs
    ),
    Function(
        "min", "bars", (A, B), "number", _none, "the smaller of two", "close < min(open, prev(close))", folded=min
    ),
    Function(
        "max", "bars", (A, B), "number", _none, "the larger of two", "close > max(open, prev(close))", folded=max
    ),
    Function(
        "crosses_above", "conditions", (A, B), "condition", _one, "a is above b, and on the bar before it was not",
        "crosses_above(ema(close, 12), ema(close, 26))",
    ),
    Function(
        "crosses_below", "conditions", (A, B), "condition", _one, "a is below b, and on the bar before it was not",
        "crosses_below(rsi(close, 14), 70)",
    ),
    Function(
        "above_for", "conditions", (CONDITION, _bars("n", None, 1)), "condition", _window,
        "the condition has held on each of the last n bars", "above_for(close > sma(close, 50), 5)",
    ),
    Function(
        "becomes", "conditions", (CONDITION,), "condition", _one,
        "the condition holds, and on the bar before it did not", "becomes(rsi(close, 14) < 30)",
    ),
    Function(
        "latest", "conditions", (Argument("a", "condition"), Argument("b", "condition")), "condition", _none,
        "true since a held last, false since b did; a bar with both turns it",
        "latest(close > prev(highest(close, 50)), close < prev(lowest(close, 50)))",
    ),
    Function(
        "bars_since", "conditions", (CONDITION,), "number", _none,
        "bars since the condition last held, 0 on a bar where it does", "bars_since(month != prev(month)) < 3",
    ),
    Function(
        "count", "conditions", (CONDITION, _bars("n", None, 1)), "number", _window,
        "on how many of the last n bars the condition held", "count(close > prev(close), 10) >= 7",
    ),
)  # fmt: skip

FUNCTIONS: Mapping[str, Function] = MappingProxyType({function.name: function for function in _TABLE})
