"""Confidence intervals by resampling, and the p-value of permutations: the same bits for a seed on every CPU.

Sums and products run in the order of the bars, without BLAS; numpy's own sums group their terms by the CPU.
"""

import math
from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np

from adapters.metrics.measured import Measured
from adapters.metrics.moments import LEAST_RETURNS, Array, NoValue, average, total
from adapters.plans.ranking import Goal
from contracts.values import Json

LEVEL = 0.90  # level of the intervals: 5% of the samples are below, 5% above
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAN_POINTS = 120  # bars at which the fan of equity is stored
LEAST_TRADES = 10  # fewer have too few distinct orders
CELLS_AT_ONCE = 2_000_000  # bars times samples processed together: 16 MB for each array


def mean_block(returns: int) -> int:
    """Mean length of the bootstrap's blocks: the cube root of the number of returns, as in theory."""
    return max(1, round(math.cbrt(returns)))


def automatic_block(returns: Array) -> float:
    """Mean block of a stationary bootstrap that suits the returns' own autocorrelation; at least 1.

    Politis & White (2004), Automatic Block-Length Selection for the Dependent Bootstrap, Econometric Reviews 23, with
    the correction of Patton, Politis & White (2009), Econometric Reviews 28.
    """
    bars, centred = len(returns), returns - average(returns)
    beyond = max(5, math.ceil(math.sqrt(math.log10(bars))))  # lags in a row that must be small
    lags = min(math.ceil(math.sqrt(bars)) + beyond, bars - 1)
    covariances = [total(centred[lag:] * centred[: bars - lag]) / bars for lag in range(lags + 1)]
    small = 2 * math.sqrt(math.log10(bars) / bars) * covariances[0]
    is_small = [abs(each) < small for each in covariances[1:]]
    last = next((lag for lag in range(len(is_small)) if all(is_small[lag : lag + beyond])), lags)
    width = min(2 * max(last, 1), lags)
    # a kernel that is flat up to half of the width, then falls to 0; each lag counts for both signs
    weighted = [
        2 * min(1.0, 2 * (1 - lag / width)) * covariances[lag] for lag in range(1, width + 1)
    ]
    spectrum = covariances[0] + math.fsum(weighted)
    slope = math.fsum(lag * each for lag, each in enumerate(weighted, start=1))
    if not spectrum:
        return 1.0
    block = math.cbrt((slope / spectrum) ** 2 * bars)
    return max(1.0, min(block, 3 * math.sqrt(bars), bars / 3))


def stationary_indices(
    rng: np.random.Generator, length: int, samples: int, block: float
) -> Array:
    """Indexes (length, samples) of a stationary bootstrap: blocks of geometric length with this mean, wrapped around.

    Politis & Romano (1994), The Stationary Bootstrap, Journal of the American Statistical Association 89.
    """
    starts = rng.integers(0, length, (length, samples))
    begins = rng.random((length, samples)) < 1 / block
    begins[0] = True
    rows = np.arange(length)[:, None]
    since = np.maximum.accumulate(np.where(begins, rows, 0), axis=0)
    places: Array = (np.take_along_axis(starts, since, axis=0) + rows - since) % length
    return places


def bootstrap(
    returns: Array, years: float, bars_per_year: float, bar_rate: float, seed: int, samples: int
) -> Json:
    """Intervals of Sharpe ratio, CAGR and maximum drawdown, the last two in percent, and the parameters of the draws.

    returns: (bars,) simple. years: calendar time that they cover. bar_rate: the risk-free return of one bar, deducted
    in the Sharpe ratio. NoValue for fewer than LEAST_RETURNS, or constant ones.
    """
    _require_varied(returns)
    rng, block = np.random.default_rng(seed), mean_block(len(returns))
    at_once = max(1, CELLS_AT_ONCE // len(returns))
    parts = [
        _measured(
            returns[stationary_indices(rng, len(returns), min(at_once, samples - done), block)],
            years,
            bars_per_year,
            bar_rate,
        )
        for done in range(0, samples, at_once)
    ]
    sharpe, cagr, drawdown = np.concatenate(parts, axis=1)
    return {
        "seed": seed,
        "samples": samples,
        "mean_block": block,
        "level": LEVEL,
        "sharpe_ratio": interval(sharpe[np.isfinite(sharpe)]),
        "cagr": interval(cagr),
        "max_drawdown_pct": interval(drawdown),
    }


def _require_varied(returns: Array) -> None:
    if len(returns) < LEAST_RETURNS:
        raise NoValue(f"fewer than {LEAST_RETURNS} returns")
    if returns.min() == returns.max():
        raise NoValue("equity did not vary")


def luck_of_order(measured: Measured, dates: Sequence[str], seed: int, samples: int) -> Json:
    """Growth, drawdown and Sharpe ratio of the run's returns in other orders, and a fan of equity, at QUANTILES.

    dates: of the bars. Blocks have the automatic mean length, so that what the returns of neighbouring bars have in
    common mostly stays. NoValue for too few or constant returns, and for a ruined account.
    """
    path, returns = measured.path, measured.returns
    _require_varied(returns)
    bars = len(returns)
    rng, block = np.random.default_rng(seed), automatic_block(returns)
    places = np.unique(np.linspace(0, bars - 1, min(bars, FAN_POINTS)).round().astype(int))
    at_once = max(1, CELLS_AT_ONCE // bars)
    figures, fans = list[Array](), list[Array]()
    for done in range(0, samples, at_once):
        order = stationary_indices(rng, bars, min(at_once, samples - done), block)
        resampled = returns[order]
        rate = (measured.years, measured.periods_per_year, measured.bar_rate)
        figures.append(np.array(_measured(resampled, *rate)))
        fans.append(np.multiply.accumulate(1.0 + resampled, axis=0)[places])
    sharpe, growth, drawdown = np.concatenate(figures, axis=1)
    fan = np.sort(np.concatenate(fans, axis=1) * path[0], axis=1)
    return {
        "samples": samples,
        "mean_block": block,
        "quantiles": list(QUANTILES),
        "cagr": _quantiles(growth),
        "max_drawdown_pct": _quantiles(drawdown),
        "sharpe_ratio": _quantiles(sharpe[np.isfinite(sharpe)]),
        "loss_share": float((growth < 0).sum() / samples),
        "dates": [dates[place] for place in places.tolist()],
        "fan": [_quantiles(row) for row in fan],
        "equity": path[1:][places].tolist(),
    }


def _quantiles(values: Array) -> list[float]:
    """Return the values at QUANTILES, by nearest rank."""
    ordered = np.sort(values)
    return [float(ordered[round((len(ordered) - 1) * each)]) for each in QUANTILES]


def _measured(
    resampled: Array, years: float, bars_per_year: float, bar_rate: float
) -> tuple[Array, Array, Array]:
    """Sharpe ratio, CAGR and maximum drawdown of each column."""
    bars = len(resampled)
    mean = np.add.accumulate(resampled, axis=0)[-1] / bars
    centred = resampled - mean
    deviation = np.sqrt(np.add.accumulate(centred * centred, axis=0)[-1] / (bars - 1))
    # a sample of bars without a position has no Sharpe ratio
    with np.errstate(divide="ignore", invalid="ignore"):
        sharpe = (mean - bar_rate) / deviation * math.sqrt(bars_per_year)
    path = np.multiply.accumulate(1.0 + resampled, axis=0)
    growth = np.array([(math.pow(each, 1 / years) - 1) * 100 for each in path[-1].tolist()])
    return sharpe, growth, _drawdowns(path)


def _drawdowns(path: Array) -> Array:
    """Largest fall of each column from its running peak, which begins at 1, in percent."""
    peaks = np.maximum(np.maximum.accumulate(path, axis=0), 1.0)
    falls: Array = ((peaks - path) / peaks).max(axis=0) * 100.0
    return falls


def interval(values: Array) -> list[float]:
    """Return the lower and the upper end of the middle LEVEL of the values, by nearest rank."""
    ordered = np.sort(values)
    tail = round(len(ordered) * (1 - LEVEL) / 2)
    return [float(ordered[tail]), float(ordered[len(ordered) - 1 - tail])]


def trade_steps(profits: Sequence[float], capital: float) -> list[float]:
    """Ratio of the equity after each closed trade to that before; profits: money earned by each, in order.

    NoValue once equity was 0 or less.
    """
    equity = list(accumulate(profits, initial=capital))
    if min(equity) <= 0:
        raise NoValue("equity fell to zero or below")
    return [after / before for before, after in pairwise(equity)]


def shuffled_trades(steps: Sequence[float], seed: int, samples: int) -> Json:
    """Maximum drawdown, in percent, of the same trades in random orders, measured at the ends of trades.

    steps: of `trade_steps`, so that each order ends with the same equity. NoValue for fewer than LEAST_TRADES.
    """
    if len(steps) < LEAST_TRADES:
        raise NoValue(f"fewer than {LEAST_TRADES} closed trades")
    rng, in_order = np.random.default_rng(seed), np.asarray(steps, float)
    orders = rng.permuted(np.tile(in_order, (samples, 1)), axis=1).T
    falls = _drawdowns(np.multiply.accumulate(orders, axis=0))
    observed = float(_drawdowns(np.multiply.accumulate(in_order[:, None], axis=0))[0])
    return {
        "seed": seed,
        "samples": samples,
        "level": LEVEL,
        "trades": len(steps),
        "observed_pct": observed,
        "median_pct": float(np.sort(falls)[samples // 2]),
        "max_drawdown_pct": interval(falls),
        "share_worse": float((falls > observed * (1 + 1e-12)).sum() / samples),
    }


def permuted(observed: float | None, bests: Array, goal: Goal, seed: int) -> Json:
    """Compare the best of a search in the real bars with its bests in the same bars in random order.

    observed: the real best; None if no combination was ranked. bests: of each permutation; infinitely bad, null in the
    answer, if none was ranked, and NaN if its Job failed. In the answer, above: permutations whose best is at least as
    good. p_value: the probability of such a best without any pattern; the real order counts as one of all, so it is
    never 0. Davison & Hinkley (1997), Bootstrap Methods and their Application, section 4.2.
    """
    sign, above = 1 if goal == "max" else -1, len(bests)
    if observed is not None:
        above = int((bests * sign >= observed * sign).sum())
    return {
        "permutations": len(bests),
        "failed": int(np.isnan(bests).sum()),
        "observed": observed,
        "above": above,
        "p_value": (1 + above) / (1 + len(bests)),
        "seed": seed,
        "bests": [value if np.isfinite(value) else None for value in bests.tolist()],
    }
