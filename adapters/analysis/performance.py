"""The metrics that are derived from a run's equity and trades; `adapters.results.metrics` states each in words.

Returns are simple, r1 = E1 / E0 - 1 and so on with E0 the initial capital, risk-free rate 0. A metric that does not
exist for a run is None and has a reason in the notes; NaN and infinity never leave. Sums run in the order of the bars.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

ROUNDING_NOISE = 1e-15  # standard deviation of returns; E1/E0 - 1 near 0 is itself only exact to about 2e-16
TOO_FEW_BARS = "fewer than two returns"
RUINED = "equity fell to zero or below"
STEADY = "equity did not vary"
NO_CLOSED_TRADES = "no closed trades"


@dataclass(frozen=True, slots=True)
class Performance:
    """All metrics of a run by name, and for each one without a value the reason."""

    metrics: dict[str, float | int | None]
    notes: dict[str, str]


class NoValue(Exception):
    """This metric does not exist for this run; the text says why."""


def performance(
    core: Mapping[str, float | int | None],
    equity: Array,
    close: Array,
    timestamps: Array,
    trades: Sequence[Mapping[str, Any]],
    *,
    initial_capital: float,
    fee_rate: float,
    periods_per_year: float,
    rejected_orders: int = 0,
) -> Performance:
    """Core and derived metrics of one run, and the reasons for those without a value.

    core: the engine's own four metrics by name. equity, close: (bars,) float64 of the traded bars. timestamps: (bars,)
    datetime64. trades: fields of the engine's trades by name, in order.
    """
    path = np.concatenate(([initial_capital], equity))
    closed = [trade for trade in trades if not trade["is_open"]]
    profits = [float(trade["pnl_abs"]) for trade in closed]
    formulas: dict[str, Callable[[], float]] = {
        "cagr": lambda: cagr(path, periods_per_year),
        "volatility": lambda: volatility(path, periods_per_year),
        "sortino_ratio": lambda: sortino_ratio(path, periods_per_year),
        "calmar_ratio": lambda: calmar_ratio(path, periods_per_year),
        "max_drawdown_bars": lambda: drawdown_span(path)[1] - drawdown_span(path)[0],
        "max_drawdown_days": lambda: drawdown_days(path, timestamps),
        "buy_hold_return_pct": lambda: buy_hold_return_pct(close, fee_rate),
        "exposure_pct": lambda: exposure_pct(trades, len(equity)),
        "open_trades": lambda: len(trades) - len(closed),
        "win_rate": lambda: win_rate(profits),
        "avg_trade_return": lambda: mean([float(trade["pnl_pct"]) for trade in closed]),
        "profit_factor": lambda: profit_factor(profits),
        "expectancy": lambda: mean(profits),
        "sqn": lambda: sqn(profits),
        "final_equity": lambda: float(equity[-1]),
        "rejected_orders": lambda: rejected_orders,
    }
    metrics: dict[str, float | int | None] = dict(core)
    notes = {name: _why_no_core_value(path) for name, value in core.items() if value is None}
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as a reason, not as a warning
        for name, formula in formulas.items():
            try:
                metrics[name] = _finite(formula)
            except NoValue as reason:
                metrics[name], notes[name] = None, str(reason)
    return Performance(metrics, notes)


def cagr(path: Array, periods_per_year: float) -> float:
    """Yearly growth in percent: (E_n / E_0) ^ (periods_per_year / n) - 1. path: (bars + 1,), initial capital first."""
    if path[-1] <= 0:
        raise NoValue(RUINED)
    growth = float(path[-1] / path[0])
    return float(growth ** (periods_per_year / (len(path) - 1)) - 1.0) * 100.0


def volatility(path: Array, periods_per_year: float) -> float:
    """Standard deviation (ddof 1) of the returns times sqrt(periods_per_year), in percent."""
    return _deviation(_returns(path)) * math.sqrt(periods_per_year) * 100.0


def sortino_ratio(path: Array, periods_per_year: float) -> float:
    """Mean return over downside deviation, annualised; the target is 0 and the deviation is over all bars.

    mean * P / (sqrt(sum(min(r, 0)^2) / n) * sqrt(P)). Sortino & Price (1994), Journal of Investing 3(3).
    """
    returns = _returns(path)
    losses = np.minimum(returns, 0.0)
    downside = math.sqrt(_sum(losses * losses) / len(returns))
    if downside <= ROUNDING_NOISE:
        raise NoValue("no bar with a loss")
    return _sum(returns) / len(returns) / downside * math.sqrt(periods_per_year)


def calmar_ratio(path: Array, periods_per_year: float) -> float:
    """Yearly growth over maximum drawdown, both in percent. Young (1991), Futures 20(1)."""
    drawdown_pct = float(_drawdowns(path).max()) * 100.0
    if drawdown_pct == 0.0:
        raise NoValue("no drawdown")
    return cagr(path, periods_per_year) / drawdown_pct


def drawdown_span(path: Array) -> tuple[int, int]:
    """Positions in `path` of the peak before the maximum drawdown and of its recovery (or the last); equal if none.

    The peak is the last one before the fall; the recovery the first equity at or above it.
    """
    drawdowns = _drawdowns(path)
    bottom = int(drawdowns.argmax())
    if drawdowns[bottom] == 0.0:
        return 0, 0
    height = path[: bottom + 1].max()
    peak = int(np.flatnonzero(path[: bottom + 1] == height)[-1])
    recovered = np.flatnonzero(path[bottom:] >= height)
    return peak, bottom + int(recovered[0]) if len(recovered) else len(path) - 1


def drawdown_days(path: Array, timestamps: Array) -> float:
    """Calendar days of `drawdown_span`; the initial capital counts from the first bar's timestamp."""
    peak, end = drawdown_span(path)
    days = np.concatenate((timestamps[:1], timestamps)).astype("M8[s]")
    return float((days[end] - days[peak]) / np.timedelta64(86_400, "s"))


def buy_hold_return_pct(close: Array, fee_rate: float) -> float:
    """All capital bought at the first close with its fee, marked to the last close (no exit fee), in percent."""
    return (float(close[-1]) / (float(close[0]) * (1.0 + fee_rate)) - 1.0) * 100.0


def exposure_pct(trades: Sequence[Mapping[str, Any]], bars: int) -> float:
    """Share of the bars at whose close a position is held, in percent. Trades do not overlap."""
    held = sum((bars if trade["is_open"] else trade["exit_bar"]) - trade["entry_bar"] for trade in trades)
    return float(held) / bars * 100.0


def win_rate(profits: Sequence[float]) -> float:
    """Share of closed trades with a profit after fees, in percent."""
    if not profits:
        raise NoValue(NO_CLOSED_TRADES)
    return sum(profit > 0 for profit in profits) / len(profits) * 100.0


def profit_factor(profits: Sequence[float]) -> float:
    """Money won over money lost, closed trades."""
    if not profits:
        raise NoValue(NO_CLOSED_TRADES)
    lost = -math.fsum(profit for profit in profits if profit < 0)
    if lost == 0.0:
        raise NoValue("no losing trades")
    return math.fsum(profit for profit in profits if profit > 0) / lost


def sqn(profits: Sequence[float]) -> float:
    """sqrt(N) * mean / standard deviation (ddof 1) of the closed trades' profits: Tharp's System Quality Number."""
    if len(profits) < 2:
        raise NoValue("fewer than two closed trades")
    average = mean(profits)
    deviation = math.sqrt(math.fsum((profit - average) ** 2 for profit in profits) / (len(profits) - 1))
    if deviation <= 1e-12 * abs(average):
        raise NoValue("all trades earned the same")
    return math.sqrt(len(profits)) * average / deviation


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean over closed trades."""
    if not values:
        raise NoValue(NO_CLOSED_TRADES)
    return math.fsum(values) / len(values)


def _returns(path: Array) -> Array:
    if path.min() <= 0:
        raise NoValue(RUINED)
    return path[1:] / path[:-1] - 1.0


def _deviation(returns: Array) -> float:
    if len(returns) < 2:
        raise NoValue(TOO_FEW_BARS)
    centred = returns - _sum(returns) / len(returns)
    return math.sqrt(_sum(centred * centred) / (len(returns) - 1))


def _sum(values: Array) -> float:
    return float(np.add.accumulate(values)[-1])


def _drawdowns(path: Array) -> Array:
    peaks = np.maximum.accumulate(path)
    return np.asarray((peaks - path) / peaks)


def _why_no_core_value(path: Array) -> str:
    return RUINED if path.min() <= 0 else STEADY


def _finite(formula: Callable[[], float]) -> float:
    try:
        value = formula()
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise NoValue("too large for a number")
    return value
