"""Prices that a rule reads, validated once, with a memo of indicators and array functions; and other bars on theirs."""

from collections.abc import Callable, Hashable, Mapping
from copy import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from rules import arrays, indicators
from rules.arrays import Array, Column
from rules.formula.limits import LENGTHS_S
from rules.rolling import running

if TYPE_CHECKING:
    from rules.formula.graph import Frame

OHLCV = frozenset({"Open", "High", "Low", "Close", "Volume"})
TIME = "Time"  # a column of datetime64, UTC: the date of a bar, or its start
LOCAL = "Local"  # the same by the exchange's clock, computed
DAY_S = 86_400.0
CLOSE_S = (
    57_600.0  # 16:00 by the exchange's clock: a daily bar counts as closed; in UTC at midnight
)
USUAL_ZONE = "America/New_York"  # of daily bars without one
HALF_HOUR_S = 1_800  # no clock changes within one
MEMO_BYTES = 256 * 2**20  # of indicators in the memo, counted as one array each


class Prices:
    """OHLCV columns as float64 arrays, oldest bar first, a memo of their indicators, and array functions.

    The memo makes a grid over parameters fast: 1,000 pairs of averages need about 60 of them. Do not write into the
    returned arrays, which are shared; columns are read-only, since orders fill at them. The functions of rules.arrays
    are methods here, so that the module of a rule need not import numpy and can be loaded for its catalog entry alone.

    Columns with other names may have NaN on bars without a value. timeframe: of the bars; zone: the exchange's, an IANA
    name, for the dates of bars within a day and for the order in which daily bars of two exchanges close. others: the
    prices of other tickers, of the same timeframe. `at` returns other bars, and `seen_outside` what is known of theirs
    at the close of each of these.
    """

    levels = staticmethod(arrays.levels)
    crossings = staticmethod(arrays.crossings)
    carry_forward = staticmethod(arrays.carry_forward)
    changes = staticmethod(arrays.changes)
    reversals = staticmethod(arrays.reversals)
    directions = staticmethod(arrays.directions)
    shift = staticmethod(arrays.shift)

    def __init__(
        self,
        data: Mapping[str, Column],
        timeframe: str = "1d",
        zone: str = "",
        others: "Mapping[str, Prices] | None" = None,
    ) -> None:
        self._data = data
        self.timeframe, self.zone, self.others = timeframe, zone, others or {}
        self._columns: dict[str, Array] = {}
        self._indicators: dict[Hashable, Any] = {}
        self._inner: dict[tuple[Any, ...], Prices] = {}
        self._places: Any = None  # of other bars: the one that each bar outside sees, or -1

    def __getitem__(self, name: str) -> Array:
        """Return the column `name`, read-only; ValueError if it is missing, not numeric, or of another length."""
        column = self._columns.get(name)
        if column is None:
            column = self._local() if name == LOCAL else _checked(name, self._read(name))
            if self.bars not in (None, column.size):
                first = next(iter(self._columns))
                raise ValueError(
                    f"{name} has {column.size} bars and {first} {self.bars}; must have one length"
                )
            self._columns[name] = column = column.view()
            column.flags.writeable = False
        return column

    def _read(self, name: str) -> Column:
        return _column(self._data, name)

    @property
    def bars(self) -> int | None:
        """Number of bars of the columns; None before the first of them is read."""
        return next((column.size for column in self._columns.values()), None)

    @property
    def further(self) -> list[str]:
        """Names of the columns in addition to prices, volume and time."""
        return [name for name in self._data if name not in (*OHLCV, TIME)]

    def indicator(
        self, name: str | Callable[..., Any], columns: tuple[str, ...], *params: Hashable
    ) -> Any:
        """Compute the function `name` of rules.indicators, or one of your own, from the columns and params.

        It is computed once for these prices, unless the memo was full.
        """
        key = (name, columns, params)
        if key not in self._indicators:
            compute = getattr(indicators, name) if isinstance(name, str) else name
            read = [self[column] for column in columns]
            while self._indicators and len(self._indicators) >= MEMO_BYTES // (
                8 * max(1, read[0].size)
            ):
                del self._indicators[next(iter(self._indicators))]  # the oldest
            self._indicators[key] = compute(*read, *params)
        return self._indicators[key]

    def at(self, frame: "Frame") -> "Prices":
        """Return the bars of a frame, these for (); ValueError for a ticker or a timeframe that they do not have."""
        if not frame:
            return self
        if frame[0] not in self._inner:
            op, name, *age = frame[0]
            inner = self._of(name, *age) if op == "of" else Coarser(self, name)
            self._inner[frame[0]] = inner
        return self._inner[frame[0]].at(frame[1:])

    def seen_outside(self, values: Any) -> Any:
        """Return the values of these bars on the bars that they are read from, unknown where none is known there."""
        unknown = 0 if values.dtype == np.int8 else np.nan
        if not values.size:
            return np.full(self._places.size, unknown, values.dtype)
        return np.where(self._places >= 0, values[self._places], values.dtype.type(unknown))

    def seen_from(self, frame: "Frame", values: Any) -> Any:
        """Return values on the bars of a frame as they are known on these."""
        for end in range(len(frame), 0, -1):
            values = self.at(frame[:end]).seen_outside(values)
        return values

    @property
    def series(self) -> "Prices":
        """The bars that these are put together from: themselves."""
        return self

    @cached_property
    def ends(self) -> Any:
        """(bars,) the last bar of `series` in each of these, so far."""
        return np.arange(self[TIME].size)

    def _of(self, ticker: str, days: float) -> "Prices":
        """Return another ticker's bars, seen from these: the last one that has closed, unless it is `days` old."""
        if ticker not in self.others:
            raise ValueError(f"the prices of {ticker} are not given, which the rule reads")
        series, other = self.series, copy(self.others[ticker])
        places = np.searchsorted(other.closes, series.closes, side="right") - 1
        if other.closes.size:
            is_old = series[TIME] - other[TIME][places] > days * DAY_S
            places = np.where((places >= 0) & is_old, -1, places)
        other._places, other.others, other._inner = places[self.ends], self.others, {}
        return other

    @cached_property
    def closes(self) -> Array:
        """(bars,) seconds since 1970 at which bars have closed, compared with others of the same timeframe."""
        times, length_s = self[TIME], LENGTHS_S[self.timeframe]
        if length_s < DAY_S:
            return times + length_s
        zone = self.zone or USUAL_ZONE
        days = 4 * DAY_S if self.timeframe == "1w" else 0.0
        utc = zone in ("UTC", "Etc/UTC")
        end = times + (length_s if utc else days + CLOSE_S)
        return end - (_clock(end, zone) - end)

    def _local(self) -> Array:
        """Return the times by the exchange's clock; days have no time."""
        times = self[TIME]
        is_daily = LENGTHS_S[self.timeframe] >= DAY_S or not self.zone
        return times if is_daily else _clock(times, self.zone)

    def periods(self, timeframe: str) -> tuple[Any, Any]:
        """Return in which period of a coarser timeframe each bar is, and on which bars it closes."""
        length_s = LENGTHS_S[self.timeframe]
        if LENGTHS_S[timeframe] <= length_s:
            raise ValueError(f"{timeframe} is not coarser than the {self.timeframe} bars")
        following = self[TIME] + length_s
        if length_s < DAY_S and self.zone:
            following = _clock(following, self.zone)
        now, then = (_period(times, timeframe) for times in (self[LOCAL], following))
        closes = now != then
        begins = np.ones(now.size, dtype=bool)
        begins[1:] = (now[1:] != now[:-1]) | closes[:-1]
        return begins, closes


class Coarser(Prices):
    """Bars of a coarser timeframe, put together from others of one series; the last may still be forming.

    Days, weeks and months are those of the exchange's dates, hours those of its clock. A bar has closed once no further
    bar can be in its period.
    """

    def __init__(self, outer: Prices, timeframe: str) -> None:
        super().__init__({}, timeframe, outer.zone, outer.others)
        self._series = outer.series
        self._begins, closes = self._series.periods(timeframe)
        self._first = np.flatnonzero(self._begins)
        places = np.cumsum(self._begins) - np.where(closes, 1, 2)
        self._places = places[outer.ends]

    @property
    def series(self) -> Prices:
        """The bars that these are put together from."""
        return self._series

    @cached_property
    def ends(self) -> Any:
        """(bars,) the last bar of `series` in each of these, so far."""
        return np.append(self._first[1:], self._begins.size)[: self._first.size] - 1

    def _read(self, name: str) -> Column:
        column = self._series[name]
        if name in ("Open", TIME):
            return column[self._first]
        if name in _REDUCED:
            return running(_REDUCED[name], column, self._begins)[self.ends]
        if name == "Close":
            return column[self.ends]
        # the last value of a further column, which may be some bars before
        filled = np.where(np.isnan(column), -1.0, np.arange(column.size))
        last = running("highest", filled, self._begins)[self.ends].astype(np.intp)
        return np.where(last >= 0, column[last], np.nan)

    def _local(self) -> Array:
        local: Array = self._series[LOCAL][self._first]
        return local


_REDUCED = {"High": "highest", "Low": "lowest", "Volume": "sum"}


def _period(local: Array, timeframe: str) -> Any:
    """Return the number of the period of each time by the exchange's clock: month, ISO week, or so many seconds."""
    if timeframe == "1mo":
        return local.astype("M8[s]").astype("M8[M]").astype(np.int64)
    monday = 3 * DAY_S if timeframe == "1w" else 0.0  # 1970 began on a Thursday
    return np.floor((local + monday) / LENGTHS_S[timeframe])


def _clock(times: Array, zone: str) -> Array:
    """Return times (seconds since 1970, UTC) by the clock of a zone."""
    from datetime import datetime  # most rules need no clock
    from zoneinfo import ZoneInfo

    clock = ZoneInfo(zone)
    halves, places = np.unique(np.floor(times / HALF_HOUR_S), return_inverse=True)
    moments = (datetime.fromtimestamp(half * HALF_HOUR_S, clock) for half in halves.tolist())
    offsets_s = [moment.utcoffset().total_seconds() for moment in moments]  # type: ignore[union-attr]  # it has a zone
    return times + np.array(offsets_s, dtype=np.float64)[places]


def _column(data: Mapping[str, Column], name: str) -> Column:
    """Return a column unchanged; times, which may be a DataFrame's index, as seconds since 1970 (UTC)."""
    try:
        column = data[name]
    except KeyError:
        column = getattr(data, "index", np.empty(0))
        if name != TIME or column.dtype.kind != "M":
            raise ValueError(f"data has no column {name}") from None
    return column if name != TIME else np.asarray(column, dtype="M8[s]").astype(np.float64)


def _checked(name: str, values: Column) -> Array:
    try:
        column = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from None
    if column.ndim != 1:
        raise ValueError(f"{name} has {column.ndim} dimensions; a column has one value per bar")
    refused = np.isinf(column) if name not in (*OHLCV, TIME) else ~np.isfinite(column)
    if refused.any():
        bar = int(np.flatnonzero(refused)[0])
        raise ValueError(
            f"{name} is {column[bar]} at bar {bar}; every bar must have a finite number"
        )
    return column
