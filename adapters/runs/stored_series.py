"""Encoding of a run's series as compact JSON.

A 3,270-bar run takes about 25 KB: steps between bars instead of dates, differences instead of values. Prices of trades
keep 15 significant digits, which is all that a stored price has, their other numbers 10, equity the decimals of money.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from itertools import accumulate
from math import inf
from operator import sub
from typing import Any

import numpy as np

from adapters.money import money_decimals
from adapters.prices.bars import DAY_S, MOST_DIGITS, Column, Whole, bar_dates
from contracts.errors import Conflict
from contracts.run_request import Timeframe
from contracts.values import Json, Values

PRUNED = "Equity, trades and signals were deleted after the time that they are kept; reproduce the run to see them."

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
