"""A completed run beside the bars that it traded: what its pages, tables and pictures show."""

import json
from collections.abc import Callable, Mapping

import numpy as np
from sqlalchemy import RowMapping

from adapters.metrics.curves import shares_held
from adapters.metrics.returns import rolling_sharpe
from adapters.prices.bar_times import PERIODS_PER_YEAR
from adapters.prices.bars import Bars, Column, held
from adapters.runs.series import RunSeries, run_series
from contracts.run_request import RunRequest
from contracts.timeframes import Timeframe
from contracts.values import frozen

# by a timeframe's unit: one week, two months, …
ROLLING_YEARS = {"m": 5 / 252, "h": 1 / 6, "d": 1 / 2, "w": 2}
BarSource = Callable[[str], Bars]  # all bars of a data_hash; UnknownTicker where there are none


@frozen
class RunBars:
    """A run, the bars that it traded, and columns of one value per bar, NaN where there is none.

    equity. holding: of buying and holding. position: shares after the bar's fills, negative when short. rolling_sharpe:
    of the last `rolling_bars`, above the risk-free rate. benchmark_equity: of a run with a benchmark. trailing_stop:
    of a run that asked for one, the level during the bar, NaN without a position.
    """

    run: RunSeries
    bars: Bars
    columns: Mapping[str, Column]


def run_bars(row: RowMapping, prices: BarSource) -> RunBars:
    """A completed run's row, decoded; Conflict where its series were deleted."""
    run, bars, metrics = (
        run_series(row),
        traded_bars(row, prices),
        json.loads(row["metrics_json"])["values"],
    )
    asked = RunRequest.from_json(run.request)
    closes = bars.columns["Close"]
    kept = asked.initial_capital * (1 + (metrics.get("buy_hold_return_pct") or 0.0) / 100)
    per_year = metrics.get("bars_per_year") or PERIODS_PER_YEAR[asked.timeframe]
    columns = {
        "equity": run.equity,
        "holding": kept * closes / closes[-1],
        "position": shares_held(run.trades, len(bars)),
        "rolling_sharpe": rolling_sharpe(
            run.path, rolling_bars(asked.timeframe), per_year, asked.risk_free_rate
        ),
    }
    if asked.benchmark:
        columns["benchmark_equity"] = benchmark_equity(run, prices, asked.initial_capital)
    if asked.trailing_stop_pct:
        columns["trailing_stop"] = _trailing_stop(run, closes, asked.trailing_stop_pct)
    return RunBars(run, bars, columns)


def traded_bars(row: RowMapping, prices: BarSource) -> Bars:
    """The bars that a run traded."""
    asked = RunRequest.from_json(json.loads(row["request_json"]))
    return prices(row["data_hash"]).between(asked.start_date, asked.end_date)


def rolling_bars(timeframe: Timeframe) -> int:
    """How many bars the rolling Sharpe ratio looks back on: 126 daily ones of New York, 390 of five minutes."""
    return round(PERIODS_PER_YEAR[timeframe] * ROLLING_YEARS[timeframe[-1]])


def benchmark_equity(run: RunSeries, prices: BarSource, capital: float) -> Column:
    """Money at each bar of holding the benchmark that a run asked for."""
    return held(prices(run.request["benchmark_hash"]), run.times, capital)


def _trailing_stop(run: RunSeries, closes: Column, percent: float) -> Column:
    """The engine's level of each bar: `percent` behind the best of the entry price and the closes before the bar."""
    levels = np.full(len(closes), np.nan)
    for trade in run.trades:
        best, factor = (
            (np.maximum, 1 - percent / 100)
            if trade["side"] == "BUY"
            else (np.minimum, 1 + percent / 100)
        )
        during = slice(trade["entry_bar"], trade["exit_bar"] + 1)
        known = np.concatenate(([trade["entry_price"]], closes[during][:-1]))
        # where one position was left and the next one entered on the same bar, it is the first one's
        levels[during] = np.where(
            np.isnan(levels[during]), best.accumulate(known) * factor, levels[during]
        )
    return levels
