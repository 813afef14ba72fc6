"""Bars as integers: exact, equal on every machine, and identified by the hash of their canonical CSV.

Also what pages, charts and metrics derive from them: opens and closes in UTC, candles, aggregated bars, bars per year.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from contracts.run_result import Candle
from contracts.timeframes import BY_DAY, LENGTH_S, TIMEFRAMES, Timeframe

COLUMNS = ("Date", "Open", "High", "Low", "Close", "Volume")
HEADER = ",".join(COLUMNS)
LEAST_DECIMALS = 6  # of canonical prices: one cent of a share that has been split 300 times
SHOWN_DECIMALS = 2  # at least, of a price on a page
CLOSES_ONLY = (
    "closes only: open, high and low are the close on every bar, so a stop or target is seen at a close alone, "
    "next_open fills at the next close, and ATR is of closes"
)
# digits of a scaled number at most, so that dividing by a power of ten gives the very float that its text means
MOST_DIGITS = 15
CHUNK = 2_000  # lines of a CSV that are built at once
DAY_S = 86_400
YEAR_DAYS = 365.25
# exchanges with holidays, currencies on all weekdays, markets that never close
SESSIONS_PER_YEAR = (252, 260, 365)
LEAST_DAYS = 365  # of a series whose sessions can be counted; in fewer, holidays do not show
# days without sessions at most: a tenth, plus holidays in a short series (September 2001)
GAPS, GAP_DAYS = 0.1, 8
# weekend days above this share mean 365; 2 of 7 where trading never closes, at most 1 of 6 elsewhere
WEEKEND_SHARE = 0.2

Whole = NDArray[np.int64]
Column = NDArray[np.float64]
Timestamps = NDArray[np.datetime64]


@dataclass(frozen=True, eq=False)
class PriceBars:
    """Bars of one ticker, oldest first; every column has one integer per bar.

    times: seconds since 1970, UTC: midnight of a daily bar's day or a weekly one's Monday, the start of an intraday
    one. prices: open, high, low and close times 10 ** price_decimals. volume: times 10 ** volume_decimals. further:
    other columns by name, float64, NaN where a bar has no value.
    """

    timeframe: Timeframe
    times: Whole
    prices: tuple[Whole, ...]
    volume: Whole
    price_decimals: int
    volume_decimals: int
    further: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, part: slice) -> "PriceBars":
        prices = tuple(column[part] for column in self.prices)
        further = {name: column[part] for name, column in self.further.items()}
        return replace(
            self, times=self.times[part], prices=prices, volume=self.volume[part], further=further
        )

    @property
    def timestamps(self) -> Timestamps:
        """(bars,) datetime64[s]."""
        return self.times.view("M8[s]")

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Open, High, Low, Close and Volume by name, each (bars,) float64, contiguous.

        Each number is the float that its text in the canonical CSV means: dividing an integer of at most 15 digits by a
        power of ten rounds once.
        """
        prices = [column / 10.0**self.price_decimals for column in self.prices]
        return dict(
            zip(COLUMNS[1:], [*prices, self.volume / 10.0**self.volume_decimals], strict=True)
        )

    def between(self, start_date: date, end_date: date) -> "PriceBars":
        """The bars from `start_date` to `end_date`, both inclusive."""
        days = np.array([start_date, end_date], "M8[D]") + np.arange(2)
        first, stop = np.searchsorted(self.timestamps, days)
        return self[first:stop]

    def dates(self) -> list[str]:
        """Date of each bar as the canonical CSV writes it."""
        return bar_dates(self.times, self.timeframe)

    @property
    def first(self) -> str:
        """Date of the first bar, as the canonical CSV writes it."""
        return self[:1].dates()[0]

    @property
    def last(self) -> str:
        """Date of the last bar."""
        return self[-1:].dates()[0]

    @cached_property
    def decimals(self) -> int:
        """Number of decimals that the prices have and are displayed with; price_decimals also counts trailing zeros."""
        common = str(np.gcd.reduce(self.prices, axis=None))
        zeros = len(common) - len(common.rstrip("0"))
        return max(self.price_decimals - zeros, SHOWN_DECIMALS)

    @cached_property
    def closes_only(self) -> bool:
        """True when open, high and low are the close on every bar, so nothing is recorded between two closes."""
        *others, close = self.prices
        return all(np.array_equal(column, close) for column in others)

    @cached_property
    def data_hash(self) -> str:
        """SHA-256 of the canonical CSV: equal content, equal hash, whatever file it came from."""
        digest = hashlib.sha256()
        for chunk in csv_chunks(self):
            digest.update(chunk)
        return digest.hexdigest()


def bar_dates(times: Whole, timeframe: Timeframe) -> list[str]:
    """YYYY-MM-DD of each daily or weekly bar, YYYY-MM-DDTHH:MM:SSZ of each intraday one."""
    moments = times.view("M8[s]")
    if timeframe in BY_DAY:
        return list(map(str, moments.astype("M8[D]").tolist()))
    return [f"{moment}Z" for moment in moments.astype(str).tolist()]


def csv_chunks(bars: PriceBars) -> Iterator[bytes]:
    """The canonical CSV in pieces: ISO dates, fixed decimals, one line end after each line."""
    yield f"{','.join([HEADER, *bars.further])}\n".encode()
    for start in range(0, len(bars), CHUNK):
        yield _csv_lines(bars[start : start + CHUNK])


def _csv_lines(part: PriceBars) -> bytes:
    """A function of its own, so that its lists are freed before the chunk is read."""
    columns = [part.dates(), *(_texts(column, part.price_decimals) for column in part.prices)]
    columns.append(_texts(part.volume, part.volume_decimals))
    for further in part.further.values():
        columns.append(["" if value != value else repr(value) for value in further.tolist()])
    return "".join(f"{','.join(row)}\n" for row in zip(*columns, strict=True)).encode()


def _texts(numbers: Whole, decimals: int) -> list[str]:
    texts = map(str, numbers.tolist())
    if not decimals:
        return list(texts)
    padded = (text.zfill(decimals + 1) for text in texts)
    return [f"{text[:-decimals]}.{text[-decimals:]}" for text in padded]


def bars_of_csv(text: str, timeframe: Timeframe) -> PriceBars:
    """The bars of a canonical CSV, whose SHA-256 has been checked; ValueError or OverflowError for another text."""
    header, *lines = text.splitlines()
    rows = zip(*(line.split(",") for line in lines), strict=True)
    dates, *prices, volume = (next(rows) for _ in COLUMNS)
    times = np.array([each.removesuffix("Z") for each in dates], "M8[s]").astype(np.int64)
    further = {
        name: np.array([cell or "nan" for cell in cells], float)
        for name, cells in zip(header.split(",")[len(COLUMNS) :], rows, strict=True)
    }
    whole = tuple(map(_whole, (*prices, volume)))
    decimals, of_volume = (len(each[0].partition(".")[2]) for each in (prices[0], volume))
    return PriceBars(timeframe, times, whole[:-1], whole[-1], decimals, of_volume, further)


def _whole(cells: Sequence[str]) -> Whole:
    return np.array([int(cell.replace(".", "")) for cell in cells], np.int64)


def candles(bars: PriceBars) -> list[Candle]:
    """Bars as candles, with prices as they are stored."""
    columns = {"date": bars.dates()} | _lists(bars)
    rows = zip(*columns.values(), strict=True)
    return [cast(Candle, dict(zip(columns, row, strict=True))) for row in rows]


def _lists(bars: PriceBars) -> dict[str, list[Any]]:
    return {name.lower(): column.tolist() for name, column in bars.columns.items()}


def joined(bars: PriceBars, starts: Whole) -> PriceBars:
    """Aggregate bars: one for each index in `starts`, to the next start or the end, without further columns."""
    open_, high, low, close = bars.prices
    lasts = np.append(starts[1:], len(bars)) - 1
    prices = (
        open_[starts],
        np.maximum.reduceat(high, starts),
        np.minimum.reduceat(low, starts),
        close[lasts],
    )
    volume = np.add.reduceat(bars.volume, starts)
    return replace(bars, times=bars.times[starts], prices=prices, volume=volume, further={})


def candle_columns(bars: PriceBars) -> dict[str, Any]:
    """Candles as columns; time: seconds since 1970, UTC."""
    return {"time": bars.times.tolist()} | _lists(bars)


def closes_at(bars: PriceBars, times: Whole) -> Column:
    """(times,) the latest close at each time, seconds since 1970; NaN before the first bar and after the last one.

    In between, a time without a bar, such as a holiday on this exchange alone, repeats the previous close.
    """
    places, ages_s = _latest(bars, times)
    ended = (places == len(bars) - 1) & (ages_s >= LENGTH_S[bars.timeframe])
    closes: Column = np.where((places >= 0) & ~ended, bars.columns["Close"][places], np.nan)
    return closes


def common_closes(bars: PriceBars, times: Whole) -> Column:
    """(times,) the close of the bar that starts at or contains each time; NaN where there is none."""
    places, ages_s = _latest(bars, times)
    is_common = (places >= 0) & (ages_s < LENGTH_S[bars.timeframe])
    closes: Column = np.where(is_common, bars.columns["Close"][places], np.nan)
    return closes


def _latest(bars: PriceBars, times: Whole) -> tuple[Whole, Whole]:
    """Index of the latest bar at each time, -1 before the first, and the seconds since its start."""
    places = np.searchsorted(bars.times, times, side="right") - 1
    return places, times - bars.times[places]


def buy_and_hold(bars: PriceBars, times: Whole, capital: float) -> Column:
    """(times,) the value at each time of what `capital` bought at the first close there, without costs.

    NaN where `closes_at` is: before the first bar and after the last one.
    """
    closes = closes_at(bars, times)
    return capital * closes / next(iter(closes[np.isfinite(closes)]), np.nan)


def bars_per_year(times: Whole) -> int:
    """Sessions per year times bars per session; exactly 252 for daily bars of New York.

    Weekly, monthly and other bars that fit none of SESSIONS_PER_YEAR are counted over their time.

    times: seconds since 1970, UTC, ascending, at least two. A session lies between two of the longest pauses of usual
    days; its number of bars is the median over all sessions, so half days and gaps do not count. Sessions per year:
    (sessions - 1) / days * YEAR_DAYS, as the nearest of SESSIONS_PER_YEAR; in a series shorter than LEAST_DAYS, 365 if
    weekends are among its days, else 252.
    """
    days, lengths = np.unique(_session_days(times), return_counts=True)
    sessions = _sessions_per_year(days)
    expected = (len(days) - 1) / sessions * YEAR_DAYS
    if abs(days[-1] - days[0] - expected) <= GAPS * expected + GAP_DAYS:
        return sessions * int(np.sort(lengths)[len(lengths) // 2])
    return round((len(times) - 1) / int(times[-1] - times[0]) * DAY_S * YEAR_DAYS) or 1


def _session_days(times: Whole) -> Whole:
    """(bars,) the day, since 1970, of each bar's session: the UTC date of the session's middle.

    A session that crosses midnight UTC, in summer or all year, is thus counted once. Where trading does not pause once
    a day, as with currencies and bitcoin, or pauses more often, as in a series with many gaps, a session is a UTC date.
    """
    steps, dates = np.diff(times), times // DAY_S
    if not len(steps):
        return dates
    firsts = np.flatnonzero(np.diff(dates[:-1], prepend=dates[0] - 1))
    longest = np.sort(np.maximum.reduceat(steps, firsts))
    pause_s, usual_s = longest[len(longest) // 2], np.sort(steps)[len(steps) // 2]
    starts = np.append(0, np.flatnonzero(steps > max(pause_s / 2, usual_s)) + 1)
    if pause_s <= usual_s or len(starts) > len(firsts) + 1:
        return dates
    stops = np.append(starts[1:], len(times))
    middles = (times[starts] + times[stops - 1]) // 2
    return np.repeat(middles // DAY_S, stops - starts)


def _sessions_per_year(days: Whole) -> int:
    span = int(days[-1] - days[0])
    if span < LEAST_DAYS:
        at_weekend = ~np.is_busday(days.view("M8[D]"))
        return 365 if at_weekend.mean() > WEEKEND_SHARE else 252
    measured = (len(days) - 1) / span * YEAR_DAYS
    return min(SESSIONS_PER_YEAR, key=lambda per_year: abs(per_year - measured))


# Bars in a year of New York's sessions of 6.5 hours, used where those of the prices are not counted.
_INTRADAY = {each: 252 * 23_400 // LENGTH_S[each] for each in TIMEFRAMES if each not in BY_DAY}
PERIODS_PER_YEAR: dict[Timeframe, int] = {**_INTRADAY, "1d": 252, "1w": 52}

# Seconds from a bar's Date in the price file to its open and its close. A daily bar is dated by its day; by convention
# it opens at 14:30 and closes at 21:00 UTC (the New York session in winter). A weekly one is dated by its Monday, and
# closes with the Friday. An intraday bar is dated by its start.
_OPEN_S, _CLOSE_S = 14 * 3600 + 30 * 60, 21 * 3600
OPEN_OFFSET_S: dict[Timeframe, int] = {
    each: _OPEN_S if each in BY_DAY else 0 for each in TIMEFRAMES
}
CLOSE_OFFSET_S: dict[Timeframe, int] = {
    **LENGTH_S,
    "1d": _CLOSE_S,
    "1w": 4 * LENGTH_S["1d"] + _CLOSE_S,
}


def fill_time(bar_date: str, at: str, timeframe: Timeframe) -> str:
    """ISO 8601 UTC time of a fill on the bar with this Date.

    A fill at the open has the time of the bar's open; one at the close, or at a stop within the bar, that of its close.
    """
    offset_s = (OPEN_OFFSET_S if at == "open" else CLOSE_OFFSET_S)[timeframe]
    start = datetime.fromisoformat(bar_date[:19])
    return (start + timedelta(seconds=offset_s)).isoformat() + "Z"
