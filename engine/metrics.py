"""The four numbers that the engine itself reports; everything else is derived from its output outside this package.

Sums are running sums (`np.add.accumulate`): their order is fixed by definition, while `np.sum` is free to group its
terms differently on another CPU, and the result of a run must be the same bit for bit everywhere.
"""

import math
from dataclasses import dataclass

import numpy as np

ROUNDING_NOISE = 1e-15  # standard deviation of returns; E1/E0 - 1 near 0 is itself only exact to about 2e-16


@dataclass(frozen=True, slots=True)
class PerformanceMetrics:
    """What one run earned and risked; None where the number does not exist.

    total_return_pct: (final equity / initial capital - 1) * 100.
    sharpe_ratio: annualised, risk-free rate 0; None when equity touched 0 or its returns do not vary.
    max_drawdown_pct: largest fall from a running peak in percent of that peak, >= 0; the initial capital is a peak.
    num_trades: trades opened, the one still open at the end included.
    """

    total_return_pct: float | None
    sharpe_ratio: float | None
    max_drawdown_pct: float | None
    num_trades: int


def measure(path: np.ndarray, periods_per_year: float, num_trades: int) -> PerformanceMetrics:
    """The metrics of an equity path (bars + 1,): the initial capital first, then the equity of each bar."""
    scratch = np.empty((2, len(path)))  # shared by all metrics, since a fresh array costs more than the sums in it
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows ends as None, not as a warning
        drawdown_pct = max_drawdown_pct(path, scratch)
        return PerformanceMetrics(
            total_return_pct=_finite_or_none((path.item(-1) / path.item(0) - 1.0) * 100.0),
            sharpe_ratio=sharpe_ratio(path, periods_per_year, scratch) if drawdown_pct < 100.0 else None,
            max_drawdown_pct=_finite_or_none(drawdown_pct),
            num_trades=num_trades,
        )


def max_drawdown_pct(path: np.ndarray, scratch: np.ndarray) -> float:
    """Largest fall from a running peak, in percent of the peak, >= 0; 100 or more once equity reached 0 or less."""
    peak, fall = scratch
    np.maximum.accumulate(path, out=peak)
    np.subtract(peak, path, out=fall)
    np.divide(fall, peak, out=fall)
    return float(fall.max()) * 100.0


def sharpe_ratio(path: np.ndarray, periods_per_year: float, scratch: np.ndarray) -> float | None:
    """Mean over standard deviation (ddof 1) of the simple returns, times sqrt(periods_per_year); risk-free rate 0.

    None for fewer than two returns, or when they vary by no more than rounding. Every value of `path` must be > 0.
    Sharpe, W. F. (1994), The Sharpe Ratio, Journal of Portfolio Management 21(1).
    """
    count = len(path) - 1
    if count < 2:
        return None
    returns, sums = scratch[0, 1:], scratch[1, 1:]
    np.divide(path[1:], path[:-1], out=returns)
    returns -= 1.0
    mean = np.add.accumulate(returns, out=sums).item(-1) / count
    returns -= mean
    np.multiply(returns, returns, out=returns)
    deviation = math.sqrt(np.add.accumulate(returns, out=sums).item(-1) / (count - 1))
    if not deviation > ROUNDING_NOISE:
        return None
    return _finite_or_none(mean / deviation * math.sqrt(periods_per_year))


def _finite_or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
