"""A completed run with the bars that it traded, for pages, tables and charts."""

import json
from collections.abc import Callable, Mapping

import numpy as np
from sqlalchemy import RowMapping

from adapters.metrics.curves import shares_held
from adapters.metrics.returns import rolling_sharpe
from adapters.prices.bars import PERIODS_PER_YEAR, Column, PriceBars, buy_and_hold
from adapters.runs.series import RunSeries, run_series
from contracts.run_request import RunRequest
from contracts.timeframes import Timeframe
from contracts.values import frozen

# by a timeframe's unit: one week, two months, …
ROLLING_YEARS = {"m": 5 / 252, "h": 1 / 6, "d": 1 / 2, "w": 2}
BarSource = Callable[
    [str], PriceBars
]  # all bars of a data_hash; UnknownTicker where there are none


@frozen
class RunBars:
    """A run, the bars that it traded, and columns of one value per bar, NaN where there is none.

    equity. holding: of buying and holding. position: shares after the bar's fills, negative when short. rolling_sharpe:
    of the last `rolling_bars`, above the risk-free rate. benchmark_equity: of a run with a benchmark. trailing_stop:
    of a run with a trailing stop, the level during the bar, NaN without a position.
    """

    run: RunSeries
    bars: PriceBars
    columns: Mapping[str, Column]


def run_bars(row: RowMapping, prices: BarSource) -> RunBars:
    """Decode a completed run's row with its bars; Conflict where its series were deleted."""
    run, bars, metrics = (
        run_series(row),
        traded_bars(row, prices),
        json.loads(row["metrics_json"])["values"],
    )
    request = RunRequest.from_json(run.request)
    closes = bars.columns["Close"]
    kept = request.initial_capital * (1 + (metrics.get("buy_hold_return_pct") or 0.0) / 100)
    per_year = metrics.get("bars_per_year") or PERIODS_PER_YEAR[request.timeframe]
    columns = {
        "equity": run.equity,
        "holding": kept * closes / closes[-1],
        "position": shares_held(run.trades, len(bars)),
        "rolling_sharpe": rolling_sharpe(
            run.path, rolling_bars(request.timeframe), per_year, request.risk_free_rate
        ),
    }
    if request.benchmark:
        columns["benchmark_equity"] = benchmark_equity(run, prices, request.initial_capital)
    if request.trailing_stop_pct:
        columns["trailing_stop"] = _trailing_stop(run, closes, request.trailing_stop_pct)
    return RunBars(run, bars, columns)


def traded_bars(row: RowMapping, prices: BarSource) -> PriceBars:
    """Return the bars that a run traded."""
    request = RunRequest.from_json(json.loads(row["request_json"]))
    return prices(row["data_hash"]).between(request.start_date, request.end_date)


def rolling_bars(timeframe: Timeframe) -> int:
    """Return the window of the rolling Sharpe ratio in bars: 126 daily ones of New York, 390 of five minutes."""
    return round(PERIODS_PER_YEAR[timeframe] * ROLLING_YEARS[timeframe[-1]])


def benchmark_equity(run: RunSeries, prices: BarSource, capital: float) -> Column:
    """Return the value at each bar of the capital held in the run's benchmark."""
    return buy_and_hold(prices(run.request["benchmark_hash"]), run.times, capital)


def _trailing_stop(run: RunSeries, closes: Column, percent: float) -> Column:
    """Return the engine's stop level of each bar: `percent` behind the best of entry price and earlier closes."""
    levels = np.full(len(closes), np.nan)
    for trade in run.trades:
        best, factor = (
            (np.maximum, 1 - percent / 100)
            if trade["side"] == "BUY"
            else (np.minimum, 1 + percent / 100)
        )
        during = slice(trade["entry_bar"], trade["exit_bar"] + 1)
        closes_before = np.concatenate(([trade["entry_price"]], closes[during][:-1]))
        # where one position was left and the next one entered on the same bar, it is the first one's
        levels[during] = np.where(
            np.isnan(levels[during]), best.accumulate(closes_before) * factor, levels[during]
        )
    return levels
