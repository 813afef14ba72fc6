"""Input of the metrics, a run in numbers, and the declaration of a metric: its texts and its function."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Literal, NamedTuple

import numpy as np

from adapters.metrics.curves import AccountRates, drawdowns, falls, shares_held
from adapters.metrics.moments import (
    LEAST_PAIRS,
    NO_CLOSED_TRADES,
    RUINED,
    STEADY,
    TOO_FEW_BARS,
    Array,
    NoValue,
    bar_rate,
    simple_returns,
)
from adapters.metrics.timing import Timing, timing_over
from contracts.values import Values

DAY_S = 86_400
DAYS_PER_YEAR = 365.25


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
    def timing(self) -> Timing:
        """Timing of the run; NoValue for a ruined run, and for a single bar."""
        if self.is_ruined or self.bars < 2:
            raise NoValue(RUINED if self.is_ruined else TOO_FEW_BARS)
        return timing_over(
            self.path, self.position_shares, self.close, self.timestamps[1:], self.rates
        )

    @cached_property
    def timed(self) -> Array:
        """(bars - 1,) returns above those of a constant position; NoValue where there are none."""
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


Unit = Literal["percent", "ratio", "money", "days", "bars", "count"]
Compute = Callable[[Measured], float]

# in display order
SECTIONS = ("Return", "Risk", "Drawdown", "Timing", "Benchmark", "Trades", "Costs")
DECLARED: list["Metric"] = []


@dataclass(slots=True, eq=False)
class Metric:
    """Metric of a run: the decorator of the function that computes it, whose name and docstring it takes.

    compute: the function; NoValue with a reason where the metric does not exist. better: the preferable direction, high
    or low; None if there is none. signed: a gain or a loss, displayed with its sign. headline: short name, in addresses
    and indexes, of a metric with a column of its own, by which runs are listed, filtered and sorted. holding: name of
    the metric that is the same number for buying and holding, displayed with it. plain: explanation in a few words, of
    the few metrics that are displayed first. source: origin of the definition.

    The function's docstring has the meaning in a sentence, and the formula in a second paragraph where it needs one.
    """

    section: str
    title: str
    unit: Unit
    better: Literal["high", "low"] | None = None
    signed: bool = False
    headline: str | None = None
    holding: str | None = None
    plain: str | None = None
    source: str | None = None
    compute: Compute = field(init=False)

    def __call__(self, compute: Compute) -> Compute:
        """Declare the metric; within a section metrics are displayed in the order of their functions."""
        self.compute = compute
        DECLARED.append(self)
        return compute

    @property
    def name(self) -> str:
        """Name of the metric in results."""
        return self.compute.__name__

    @property
    def meaning(self) -> str:
        """Plain explanation in a sentence, for pages and documents."""
        return self._paragraphs[0]

    @property
    def formula(self) -> str:
        """Exact definition; the same as the meaning where a sentence says it all."""
        return self._paragraphs[-1]

    @property
    def _paragraphs(self) -> list[str]:
        return [" ".join(each.split()) for each in str(self.compute.__doc__).split("\n\n")]


# a metric of one section each
RETURN, RISK, DRAWDOWN, TIMING, BENCHMARK, TRADES, COSTS = (
    partial(Metric, section) for section in SECTIONS
)
