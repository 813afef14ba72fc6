"""A run in a study, and runs joined end to end: returns with their times, and the sums over them."""

import json
import math
from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy import RowMapping

from adapters.metrics.curves import shares_held
from adapters.metrics.measured import DAY_S, Array, Measured, NoValue, average
from adapters.metrics.rates import AccountRates
from adapters.metrics.returns import cagr
from adapters.metrics.risk import kurtosis_of, skewness_of, spread
from adapters.metrics.sharpe_evidence import LEAST_RETURNS, MeasuredSharpe
from adapters.metrics.timing import Timing, joined, timing_over
from adapters.runs.stored_series import decode_equity, decode_trades
from adapters.studies.resampling import trade_steps
from contracts.values import Values, frozen


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


def run_data(row: Values | RowMapping, capital: float, market: StudyMarket) -> RunData:
    """Build a run from its stored metrics, equity and trades, and the market's prices."""
    times, equity = decode_equity(row["equity_curve_json"])
    trades = decode_trades(row["trades_json"])[0]
    path = np.concatenate(([capital], equity))
    # an account at 0 is ruined and never chosen
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = path[1:] / path[:-1] - 1.0
    first = int(np.searchsorted(market.times, times[0]))
    bars = slice(first, first + len(times))
    shares = shares_held(trades, len(times))
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
