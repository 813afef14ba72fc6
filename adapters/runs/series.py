"""Series of a run: their encoding as compact JSON, and the columns by bar that pages, charts and tables show.

A 3,270-bar run takes about 25 KB: steps between bars instead of dates, differences instead of values. Prices of trades
keep 15 significant digits, which is all that a stored price has, their other numbers 10, equity the decimals of money.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import inf
from operator import sub
from typing import Any

import numpy as np

from adapters.metrics.curves import AccountRates, cash_curve, close_times, drawdowns, shares_held
from adapters.metrics.returns import rolling_sharpe
from adapters.money import money_decimals
from adapters.prices.bars import (
    DAY_S,
    MOST_DIGITS,
    PERIODS_PER_YEAR,
    Column,
    PriceBars,
    Whole,
    bar_dates,
    buy_and_hold,
)
from contracts.errors import Conflict
from contracts.run_request import RunRequest, Timeframe
from contracts.status import Kind
from contracts.values import Json, Row, Values, frozen, picked

PRUNED = "Equity, trades and signals were deleted automatically; reproduce the run to see them."
RESERVED = "The bars of this run are reserved, so they are neither charted nor explained."

TRADE_COLUMNS = (
    "side",
    "size",
    "entry_bar",
    "entry_price",
    "entry_fees",
    "entry_at",
    "exit_bar",
    "exit_price",
    "exit_fees",
    "exit_at",
    "pnl_abs",
    "pnl_pct",
    "exit_reason",
    "is_open",
    "mae_pct",
    "mfe_pct",
)

DIGITS = 10  # significant ones, as results are stored and hashed
TRADE_DIGITS = [MOST_DIGITS if column.endswith("_price") else DIGITS for column in TRADE_COLUMNS]


def encode_equity(
    times: Whole, equity: Sequence[float] | Column, timeframe: Timeframe, capital: float = inf
) -> str:
    """Encode times (seconds since 1970) and equity of all traded bars as JSON, exact to the decimals of money.

    capital: initial, where it may be below the largest equity.
    """
    steps = np.diff(times)
    unit_s = DAY_S if timeframe == "1d" else int(np.gcd.reduce(steps)) or 1
    largest = float(np.abs(equity).max())
    decimals = money_decimals(min(largest, capital))
    values = list(map(int, np.rint(np.multiply(equity, float(10**decimals))).tolist()))
    return _compact(
        {
            "start": bar_dates(times[:1], timeframe)[0],
            "unit_s": unit_s,
            "steps": _digits(steps // unit_s),
            "decimals": decimals,
            "equity": [values[0], *map(sub, values[1:], values)],
        }
    )


def _stored(text: str | None) -> Any:
    """Parse a column; Conflict where it was cleared."""
    if text is None:
        raise Conflict(PRUNED)
    return json.loads(text)


def decode_equity(text: str | None) -> tuple[Whole, Column]:
    """Decode the times and the equity that `encode_equity` wrote."""
    stored = _stored(text)
    start = np.datetime64(stored["start"].removesuffix("Z"), "s").astype(np.int64)
    steps = np.cumsum([0, *map(int, stored["steps"])])
    equity = np.array([*accumulate(stored["equity"])], float) / 10.0 ** stored["decimals"]
    return start + steps * stored["unit_s"], equity


def _digits(steps: Whole) -> str | list[int]:
    """Steps of one digit as one text, half as long as a list of them; a series with longer gaps stays a list."""
    every: list[int] = steps.tolist()
    return "".join(map(str, every)) if (steps < 10).all() else every


def encode_trades(
    trades: Iterable[Values],
    rejected: Sequence[Values],
    notes: Sequence[str],
) -> str:
    """Trades as rows of TRADE_COLUMNS, rejected orders, and what a reader should know, in sentences."""
    rows = [
        [*map(short, (trade[column] for column in TRADE_COLUMNS), TRADE_DIGITS)]
        for trade in trades
    ]
    return _compact(
        {"columns": TRADE_COLUMNS, "rows": rows, "rejected": list(rejected), "notes": list(notes)}
    )


def decode_trades(
    text: str | None,
) -> tuple[list[Json], list[Json], list[str]]:
    """Decode the trades, rejected orders and notes that `encode_trades` wrote."""
    stored = _stored(text)
    trades = [
        dict(zip(stored["columns"], row, strict=True), trade_no=number)
        for number, row in enumerate(stored["rows"])
    ]
    clipped = stored.get("clipped")  # the only note of older runs
    return trades, stored["rejected"], stored.get("notes", [clipped] if clipped else [])


def encode_signals(signals: Sequence[int] | Whole) -> str:
    """Signals as spans [first bar, ±1, bars] of equal ones on consecutive bars; their prices are the bars' closes."""
    every = np.asarray(signals, np.int64)
    starts = np.flatnonzero(np.diff(every, prepend=0))
    bars = np.diff(starts, append=len(every))
    spans = np.column_stack((starts, every[starts], bars))
    return _compact(spans[spans[:, 1] != 0].tolist())


def decode_signals(text: str | None) -> list[tuple[int, int, float | None]]:
    """(bar, ±1, price) of each signal; only those of older runs have the price themselves, as it was shown then."""
    return [
        (first + position, signal, price)
        for first, signal, *rest in _stored(text)
        for position, price in enumerate(_prices(*rest))
    ]


def _prices(bars_or_decimals: int, *steps: int) -> list[float] | list[None]:
    """Of a span: none for each of its bars, or those of an older run, from their steps in the last decimal."""
    return [price / 10**bars_or_decimals for price in accumulate(steps)] or [
        None
    ] * bars_or_decimals


def significant(value: float, digits: int = DIGITS) -> float:
    """Round to so many significant digits."""
    return float(f"{value:.{digits}g}")


def short(value: Any, digits: int = DIGITS) -> Any:
    """A number at so many significant digits, a whole one without a point; anything else as it is."""
    if isinstance(value, float):
        number = significant(value, digits)
        return int(number) if number.is_integer() else number
    return value


def _compact(values: Any) -> str:
    return json.dumps(values, separators=(",", ":"), allow_nan=False)


def packed_json(values: Json) -> bytes:
    """Compress values as compact JSON."""
    return zlib.compress(_compact(values).encode())


def unpacked_json(packed: bytes) -> Json:
    """Decompress what `packed_json` wrote."""
    values: Json = json.loads(zlib.decompress(packed))
    return values


DEPTH_DECIMALS = 6  # of drawdowns, in percent


@dataclass(frozen=True)
class RunSeries:
    """Times, seconds since 1970, and equity of the traded bars; trades and rejected orders with numbers of bars."""

    request: Values
    times: Whole
    equity: Column
    trades: Sequence[Values]
    rejected: Sequence[Values]
    notes: Sequence[str]

    @property
    def timeframe(self) -> Timeframe:
        """Return the timeframe of its bars."""
        timeframe: Timeframe = self.request["timeframe"]
        return timeframe

    @property
    def capital(self) -> float:
        """Return the initial capital."""
        return float(self.request["initial_capital"])

    @property
    def money_decimals(self) -> int:
        """Return the decimals of its profits, fees, cash and position."""
        return money_decimals(self.capital)

    @cached_property
    def path(self) -> Column:
        """(bars + 1,) the initial capital, then the equity of each bar."""
        return np.concatenate(([self.capital], self.equity))

    @cached_property
    def dates(self) -> list[str]:
        """Return the date of each bar's close."""
        return bar_dates(close_times(self.times, self.timeframe), self.timeframe)

    @cached_property
    def cash(self) -> Column:
        """(bars,) cash after each bar's fills."""
        rates = AccountRates(
            **picked(self.request, ("borrow_rate", "cash_rate"))
        )  # not in older ones
        return cash_curve(self.times, self.equity, self.trades, self.capital, rates)

    @cached_property
    def drawdown_pct(self) -> Column:
        """(bars,) percent below the highest equity so far, the initial capital included."""
        return np.round(drawdowns(self.path)[1:] * 100, DEPTH_DECIMALS)


def run_series(row: Row) -> RunSeries:
    """Decode the series of a completed run's row; Conflict where they were deleted."""
    times, equity = decode_equity(row["equity_curve_json"])
    return RunSeries(
        json.loads(row["request_json"]), times, equity, *decode_trades(row["trades_json"])
    )


def series_of(row: Row) -> RunSeries | None:
    """Decode the series of any Job's row; None if it is no run, has not completed, or its series were deleted."""
    is_there = row["kind"] == Kind.RUN and row["equity_curve_json"] is not None
    return run_series(row) if is_there else None


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


def run_bars(row: Row, prices: BarSource) -> RunBars:
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


def traded_bars(row: Row, prices: BarSource) -> PriceBars:
    """Return the bars that a run traded; Conflict where they are reserved."""
    request = RunRequest.from_json(json.loads(row["request_json"]))
    bars = prices(row["data_hash"]).between(request.start_date, request.end_date)
    if not len(bars):  # a run of an opened study
        raise Conflict(RESERVED)
    return bars


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
