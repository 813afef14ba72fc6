"""Input of the metrics: a run in numbers, and the sums that they share."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from adapters.metrics.curves import drawdowns, falls, shares_held
from adapters.metrics.rates import AccountRates
from contracts.values import Values

if TYPE_CHECKING:
    from adapters.metrics.timing import Timing

Array = np.ndarray[Any, np.dtype[Any]]

DAY_S = 86_400
DAYS_PER_YEAR = 365.25
LEAST_PAIRS = 30  # returns of run and benchmark; with fewer their relation is chance
TOO_FEW_BARS = "fewer than two returns"
RUINED = "equity fell to zero or below"
STEADY = "equity did not vary"
NO_CLOSED_TRADES = "no closed trades"
SAME_SHARE = "it held the same share all the time"


class NoValue(Exception):
    """Metric that does not exist for this run; the text gives the reason."""


class CommonReturns(NamedTuple):
    """Simple returns of a run and of its benchmark between bars that both have; per_year: their number per year."""

    run: Array
    benchmark: Array
    per_year: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Run in numbers. Sums are taken in the order of the bars, so that they are the same on every CPU.

    core: the engine's own metrics by name. path: (bars + 1,) float64, the initial capital and then each bar's equity.
    close: (bars,) float64. timestamps: (bars + 1,) datetime64 of the path, the capital's being the first bar's. trades:
    fields of the engine's trades by name, with excursions, in order. fee_rate: fraction of traded value.
    slippage_bps: basis points against each trade. risk_free_rate: fraction per year.
    periods_per_year: bars in a year. interest, borrow_fees: money, earned on idle cash and paid for shorts. benchmark:
    (bars,) float64, closes that the run is compared with, NaN where there is no bar; None for the run's own prices.
    shares: (bars,) signed, of `close`, after each bar's fills; None if they follow from trades that do not overlap.
    positions, gross: (bars,), the number of positions open after each bar's fills and the sum of their unsigned values;
    None where at most one position is open.
    """

    path: Array
    close: Array
    timestamps: Array
    periods_per_year: float
    core: Mapping[str, float | int | None] = field(default_factory=dict)
    trades: Sequence[Values] = ()
    fee_rate: float = 0.0
    slippage_bps: float = 0.0
    risk_free_rate: float = 0.0
    rates: AccountRates = AccountRates()
    rejected_orders: int = 0
    shares: Array | None = None
    positions: Array | None = None
    gross: Array | None = None
    interest: float = 0.0
    borrow_fees: float = 0.0
    benchmark: Array | None = None

    @cached_property
    def holding(self) -> "Measured":
        """Buying and holding with the same capital and costs, as a run."""
        equity = self.path[0] / self.price_paid * self.close
        return replace(self, path=np.concatenate((self.path[:1], equity)), trades=())

    @property
    def price_paid(self) -> float:
        """Cost of a share bought at the first close, fee and slippage included."""
        return float(self.close[0]) * (1.0 + self.slippage_bps / 10_000.0) * (1.0 + self.fee_rate)

    @cached_property
    def position_shares(self) -> Array:
        """(bars,) shares after each bar's fills."""
        return shares_held(self.trades, self.bars) if self.shares is None else self.shares

    @cached_property
    def timing(self) -> "Timing":
        """Timing of the run; NoValue for a ruined run, and for a single bar."""
        from adapters.metrics.timing import timing_over  # that module imports this one

        if self.is_ruined or self.bars < 2:
            raise NoValue(RUINED if self.is_ruined else TOO_FEW_BARS)
        return timing_over(
            self.path, self.position_shares, self.close, self.timestamps[1:], self.rates
        )

    @cached_property
    def timed(self) -> Array:
        """(bars - 1,) returns above holding the same share all the time; NoValue where there are none."""
        return self.timing.excess()

    def core_value(self, name: str) -> float:
        """A metric of the engine's own; NoValue where the engine has none."""
        value = self.core[name]
        if value is None:
            raise NoValue(RUINED if self.is_ruined else STEADY)
        return value

    @property
    def is_ruined(self) -> bool:
        """True once equity was 0 or less, after which ratios and rates are meaningless."""
        return bool(self.path.min() <= 0)

    @property
    def years(self) -> float:
        """Calendar time from the first bar to the last."""
        return self.days_between(1, self.bars) / DAYS_PER_YEAR

    def days_between(self, start: int, end: int) -> float:
        """Calendar days between two positions in the path."""
        return float(self.seconds[end] - self.seconds[start]) / DAY_S

    @cached_property
    def seconds(self) -> Array:
        """Seconds since 1970 of each point of the path."""
        return self.timestamps.astype("M8[s]").astype("i8")

    @property
    def bars(self) -> int:
        """Number of traded bars."""
        return len(self.path) - 1

    @cached_property
    def returns(self) -> Array:
        """Simple return of each bar, the first one from the initial capital; NoValue once equity was 0 or less."""
        if self.is_ruined:
            raise NoValue(RUINED)
        return simple_returns(self.path)

    @property
    def excess_returns(self) -> Array:
        """Return of each bar in excess of the risk-free one."""
        return self.returns - self.bar_rate

    @property
    def bar_rate(self) -> float:
        """The risk-free return of one bar."""
        return bar_rate(self.risk_free_rate, self.periods_per_year)

    @cached_property
    def common_returns(self) -> CommonReturns:
        """Returns from each close of a bar that run and benchmark have to the next such close.

        NoValue for fewer than LEAST_PAIRS of them, where the benchmark did not vary, and once equity was 0 or less.
        """
        closes = self.close if self.benchmark is None else self.benchmark
        bars = np.flatnonzero(np.isfinite(closes))
        if len(bars) <= LEAST_PAIRS:
            raise NoValue(f"fewer than {LEAST_PAIRS} returns in common with the benchmark")
        benchmark = simple_returns(closes[bars])
        if benchmark.min() == benchmark.max():
            raise NoValue("the benchmark did not vary")
        if self.is_ruined:
            raise NoValue(RUINED)
        share = len(benchmark) / float(bars[-1] - bars[0])
        return CommonReturns(
            simple_returns(self.path[1:][bars]), benchmark, self.periods_per_year * share
        )

    @cached_property
    def ordered_returns(self) -> Array:
        """The returns, lowest first."""
        return np.sort(self.returns)

    @cached_property
    def drawdowns(self) -> Array:
        """Fall of each point of the path from its running peak, as a fraction of the peak."""
        return drawdowns(self.path)

    @cached_property
    def falls(self) -> list[list[int]]:
        """Positions in the path of the peak before each drawdown and of its recovery, or the last."""
        return falls(self.path)

    @property
    def bars_held(self) -> int:
        """Bars at whose close any position is open."""
        return int(
            np.count_nonzero(self.position_shares if self.positions is None else self.positions)
        )

    @property
    def gross_value(self) -> Array:
        """(bars,) value of all positions at each close, shorts counted by their size."""
        return np.abs(self.position_shares * self.close) if self.gross is None else self.gross

    @cached_property
    def closed(self) -> list[Values]:
        """Closed trades; NoValue when there are none."""
        closed = [trade for trade in self.trades if not trade["is_open"]]
        if not closed:
            raise NoValue(NO_CLOSED_TRADES)
        return closed

    @cached_property
    def profits(self) -> list[float]:
        """Money earned by each closed trade, fees included; NoValue when there are none."""
        return [float(trade["pnl_abs"]) for trade in self.closed]


def simple_returns(values: Array) -> Array:
    """(values - 1,) change of each value from the one before, as a fraction of that."""
    returns: Array = values[1:] / values[:-1] - 1.0
    return returns


def bar_rate(yearly_rate: float, periods_per_year: float) -> float:
    """The return of one bar that compounds to a yearly rate; both are fractions."""
    rate: float = (1.0 + yearly_rate) ** (1.0 / periods_per_year) - 1.0
    return rate


def total(values: Array) -> float:
    """Sum of an array in its order; numpy's own sum depends on the CPU."""
    return float(values.cumsum()[-1])


def average(values: Array) -> float:
    """Arithmetic mean of an array, summed in its order."""
    return total(values) / len(values)


def centred(values: Array) -> Array:
    """Differences of an array from its mean."""
    return values - average(values)


def deviation(values: Array) -> float:
    """Standard deviation (ddof 1) of an array; NoValue for fewer than two values."""
    if len(values) < 2:
        raise NoValue(TOO_FEW_BARS)
    distances = centred(values)
    return math.sqrt(total(distances * distances) / (len(values) - 1))


def variance(values: Sequence[float]) -> float:
    """Variance (ddof 1) of at least two values, the same on every CPU."""
    mean = fmean(values)
    return math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
