"""A run in a study, and runs joined end to end: returns with their times, and the sums over them."""

import json
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from adapters.metrics.curves import AccountRates, shares_held
from adapters.metrics.measured import DAY_S, Measured
from adapters.metrics.moments import (
    LEAST_RETURNS,
    Array,
    MeasuredSharpe,
    NoValue,
    average,
    kurtosis_of,
    skewness_of,
    spread,
)
from adapters.metrics.returns import cagr
from adapters.metrics.timing import Timing, joined, timing_over
from adapters.runs.series import decode_equity, decode_trades
from adapters.studies.resampling import trade_steps
from contracts.values import Json, Row, Values, frozen


@frozen
class StudyMarket:
    """Prices that a study's runs read. times: (bars,) seconds since 1970; closes: of the asset and its benchmark."""

    times: Array
    closes: Array
    benchmark: Array | None = None
    rates: AccountRates = AccountRates()

    def growth_pct(self, times: Array, closes: Array) -> float:
        """Return of `closes` from the first to the last of these times, in percent; NoValue without prices at both."""
        first, last = map(float, closes[np.searchsorted(self.times, times[[0, -1]])])
        if math.isnan(first) or math.isnan(last):
            priced = self.times[np.isfinite(closes)]
            extent = f"prices from {_span(priced)}" if len(priced) else "no prices"
            raise NoValue(f"it has {extent}, and the comparison is from {_span(times)}")
        return (last / first - 1.0) * 100.0


def _span(times: Array) -> str:
    """Format the days of the first and the last time."""
    first, last = times[[0, -1]].view("M8[s]").astype("M8[D]").tolist()
    return f"{first} to {last}"


@frozen
class RunData:
    """Run: its metrics, each bar's time and simple return, and the profits of closed trades; equity is to the cent."""

    metrics: Values
    times: Array
    returns: Array
    profits: list[float]
    capital: float
    timing: Timing

    @property
    def is_sound(self) -> bool:
        """True when its account always had money."""
        return bool(np.isfinite(self.returns).all() and (self.returns > -1).all())

    @property
    def bars_per_year(self) -> float:
        """Number of bars by which the run is annualised."""
        return float(self.metrics["bars_per_year"] or 0)

    def sharpe(self) -> MeasuredSharpe:
        """Return its Sharpe ratio per bar; NoValue if it has none."""
        ratio, skew, tails = (
            self.metrics[name] for name in ("sharpe_ratio", "skewness", "kurtosis")
        )
        if ratio is None or skew is None or tails is None:
            raise NoValue("it has no Sharpe ratio")
        return MeasuredSharpe(ratio / self.bars_per_year**0.5, len(self.returns), skew, tails + 3)


def run_data(
    row: Row,
    capital: float,
    market: StudyMarket,
    shares: Array | None = None,
) -> RunData:
    """Build a run from its stored metrics, equity and trades, and the market's prices.

    shares: (bars,), of a rotation: its net position in units of its market, all eligible assets held equally.
    """
    times, equity = decode_equity(row["equity_curve_json"])
    trades = decode_trades(row["trades_json"])[0]
    path = np.concatenate(([capital], equity))
    # an account at 0 is ruined and never chosen
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = path[1:] / path[:-1] - 1.0
    first = int(np.searchsorted(market.times, times[0]))
    bars = slice(first, first + len(times))
    shares = shares_held(trades, len(times)) if shares is None else shares
    timing = timing_over(path, shares, market.closes[bars], times.view("M8[s]"), market.rates)
    profits = [trade["pnl_abs"] for trade in trades if not trade["is_open"]]
    return RunData(
        json.loads(row["metrics_json"])["values"], times, returns, profits, capital, timing
    )


def yearly_growth(runs: Iterable[RunData | None]) -> float:
    """Logarithmic growth per year of all runs over all their time; NoValue if one is missing or was ruined."""
    growths, years = list[float](), list[float]()
    for run in runs:
        if run is None or not run.is_sound:
            raise NoValue("a part is missing, or its account was emptied")
        first, last = run.times[[0, -1]] // DAY_S
        growths.append(math.fsum(map(math.log1p, run.returns.tolist())))
        years.append(float(last - first + 1) / 365.25)
    return math.fsum(growths) / math.fsum(years)


def measured_sharpe(returns: Array, bar_rate: float = 0.0) -> MeasuredSharpe:
    """Sharpe ratio of returns above the risk-free one per bar; NoValue for too few or constant returns."""
    if len(returns) < LEAST_RETURNS:
        raise NoValue(f"fewer than {LEAST_RETURNS} returns")
    per_bar = (average(returns) - bar_rate) / spread(returns)
    return MeasuredSharpe(per_bar, len(returns), skewness_of(returns), kurtosis_of(returns) + 3)


@frozen
class Stitched:
    """Runs joined end to end, each starting with the final equity of the one before."""

    times: Array
    returns: Array
    trade_steps: list[float]
    measured: Measured
    timing: Timing

    @property
    def return_pct(self) -> float:
        """Total return, in percent."""
        path = self.measured.path
        return float(path[-1] / path[0] - 1) * 100

    def amounts(self) -> dict[str, float]:
        """Return, CAGR and maximum drawdown, in percent; NoValue when it is too short for a yearly rate."""
        return {
            "total_return_pct": self.return_pct,
            "cagr": cagr(self.measured),
            "max_drawdown_pct": float(self.measured.drawdowns.max()) * 100,
        }


def stitched(parts: Sequence[RunData], risk_free_rate: float) -> Stitched:
    """Join runs, at least one and none ruined, in the order of time."""
    returns = np.concatenate([part.returns for part in parts])
    times = np.concatenate([part.times for part in parts])
    path = parts[0].capital * np.concatenate(([1.0], np.multiply.accumulate(1.0 + returns)))
    measured = Measured(
        path=path,
        close=path[1:],
        timestamps=np.concatenate((times[:1], times)).view("M8[s]"),
        risk_free_rate=risk_free_rate,
        periods_per_year=parts[0].bars_per_year,
    )
    steps = [step for part in parts for step in trade_steps(part.profits, part.capital)]
    return Stitched(times, returns, steps, measured, joined([part.timing for part in parts]))


BLOCKS = 16  # S of the paper, which gives 12,870 splits into halves
LEAST_BLOCK = 2  # bars; a shorter block has no spread
NUMBERS_AT_ONCE = 100_000  # numbers of blocks processed together, which fit into a core's cache
NOISE = 1e-12  # a variance below this share of the mean squared return is rounding
SUMS = tuple(f"trial_sum_{number}" for number in range(2 * BLOCKS))
OF_TRIAL = ("trial_bars", "trial_sharpe", "trial_timing", *SUMS)


@dataclass(frozen=True)
class Tried:
    """All trials on a training part; each array is limited to the trials with a value.

    sharpes, timing: Sharpe ratios per bar of the returns and of timing. sums: of `block_sums`, (trials, 2, blocks).
    """

    bars: int
    sharpes: list[float]
    timing: list[float]
    sums: Array


def trial(run: RunData | None) -> Array:
    """Return the numbers OF_TRIAL of a run, NaN where there is none: all, if the run failed (None) or overflowed."""
    numbers = np.full(len(OF_TRIAL), np.nan)
    if run and np.isfinite(run.returns).all():
        numbers[0] = len(run.returns)
        with suppress(NoValue):
            numbers[1] = run.sharpe().sharpe
        with suppress(NoValue):
            numbers[2] = measured_sharpe(run.timing.excess()).sharpe
        with suppress(NoValue):
            numbers[3:] = block_sums(run.returns).ravel()
    return numbers


def tried_of(trials: Array) -> Tried:
    """Split the numbers of trials, (combinations, OF_TRIAL), by kind; all are NaN of a failed one."""
    ran = trials[np.isfinite(trials[:, 0])]
    sharpes, timing = (column[np.isfinite(column)].tolist() for column in (ran[:, 1], ran[:, 2]))
    sums = ran[np.isfinite(ran[:, 3]), 3:].reshape(-1, 2, BLOCKS)
    return Tried(int(ran[-1, 0]) if len(ran) else 0, sharpes, timing, sums)


def block_sums(returns: Array, blocks: int = BLOCKS) -> Array:
    """(2, blocks): the sum of the returns, and of their squares, in each block of consecutive bars.

    A Sharpe ratio over some of the blocks follows from these sums, so returns need not be stored. Bars that do not fill
    equal blocks are left out at the beginning.
    """
    length = len(returns) // blocks
    if length < LEAST_BLOCK or len(returns) < LEAST_RETURNS:
        raise NoValue(f"fewer than {max(LEAST_BLOCK * blocks, LEAST_RETURNS)} returns")
    parts = returns[len(returns) - length * blocks :].reshape(blocks, length)
    return np.stack([np.add.accumulate(each, axis=1)[:, -1] for each in (parts, parts * parts)])


def overfitting(sums: Array, block_bars: int) -> Json:
    """Probability of backtest overfitting by CSCV, with its inputs. sums: (trials, 2, blocks) of `block_sums`.

    It is the share of splits in which the best in one half of the time is below the median in the other.
    Bailey, Borwein, López de Prado & Zhu (2015), The Probability of Backtest Overfitting, Journal of
    Computational Finance.

    Trials are compared by their Sharpe ratio; one without variation in a half has 0 there. Equal ones share a rank.
    NoValue for fewer than two trials that move at all.
    """
    moving = sums[(sums[:, 1] > 0).any(axis=1)]
    if len(moving) < 2:
        raise NoValue("fewer than two combinations with returns that vary")
    blocks = sums.shape[2]
    bars = block_bars * blocks // 2
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    first, second = np.split(halves, 2)
    ordered = np.ascontiguousarray(moving.transpose(2, 1, 0))  # (blocks, 2, trials)
    at_once = max(1, NUMBERS_AT_ONCE // ordered.size)
    below = 0
    for start in range(0, len(first), at_once):
        part = slice(start, start + at_once)
        # complements, in this order
        pair = [_sharpe(ordered[each[part]], bars) for each in (first, second[::-1])]
        for one, other in (pair, pair[::-1]):
            # a logit of 0 or less
            below += int((_relative_ranks(other, one.argmax(axis=1)) <= 0.5).sum())
    return {
        "probability": below / len(halves),
        "splits": len(halves),
        "blocks": blocks,
        "combinations": len(moving),
    }


def _sharpe(blocks: Array, bars: int) -> Array:
    """Sharpe ratio per bar of each trial over some blocks (halves, blocks, 2, trials); 0 where returns do not vary."""
    total, squares = np.add.accumulate(blocks, axis=1)[:, -1].transpose(1, 0, 2)
    mean = total / bars
    variance = (squares - total * mean) / (bars - 1)
    varies = variance > NOISE * squares / bars
    return np.where(varies, mean / np.sqrt(np.where(varies, variance, 1.0)), 0.0)


def _relative_ranks(values: Array, places: Array) -> Array:
    """Rank of the chosen value in each row, as a fraction from 0 to 1; equal values share the mean of their ranks."""
    chosen = np.take_along_axis(values, places[:, None], axis=1)
    lower, equal = (values < chosen).sum(axis=1), (values == chosen).sum(axis=1)
    ranks: Array = (lower + (equal + 1) / 2) / (values.shape[1] + 1)
    return ranks
