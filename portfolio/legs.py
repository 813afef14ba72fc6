"""Legs of a portfolio: the bars and signals of each, and the calendar that joins them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.bars import Bars
from engine.stops import Stops
from portfolio.sharing import SharingTerms

Array = np.ndarray[Any, np.dtype[Any]]

DAY = np.timedelta64(1, "D")
DAYS_PER_YEAR = 365.25
MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}


@dataclass(frozen=True, eq=False)
class Leg:
    """One rule on one ticker, or a ticker that is ranked among others, from the first bar that it may trade.

    ticker: legs of one ticker share its max_weight_pct. times: (bars,) datetime64, rising. signals: (bars,) int8 of 1,
    0 and -1. stops: levels that end a position before its signal does. priority: (bars,), by its value on the signal's
    bar; when cash or places do not suffice, the highest is served first and NaN last. weight: of its sleeve, relative
    to the others'. before: closes before the first bar, oldest first, for the volatility. ends: True if its prices end
    with its last bar, so that a position is paid out at that close. score: (bars,), NaN without a value, by which it is
    ranked; keep: (bars,), True where it is eligible.
    """

    ticker: str
    times: Array
    bars: Bars
    signals: Array
    stops: Stops | None = None
    priority: Array | None = None
    weight: float = 1.0
    before: ArrayLike = ()
    ends: bool = False
    score: Array | None = None
    keep: Array | None = None

    @cached_property
    def closes(self) -> Array:
        """All closes up to the last bar."""
        return np.concatenate((self.before, self.bars.close))


class Orders:
    """Orders of a leg's signals, numbered and priced as the engine does; plain lists, since they are read one by one.

    bars: the bar on which each fills. exits: the first order of the other side after each order. entries: the first
    order from each on that may open a position. Both are len(bars) where there is none.
    """

    def __init__(self, leg: Leg, sharing: SharingTerms) -> None:
        delay = int(sharing.next_open)
        bars = np.flatnonzero(leg.signals[: len(leg.signals) - delay])
        sides = leg.signals[bars]
        bars += delay
        prices = (leg.bars.open if delay else leg.bars.close)[bars]
        prices *= np.where(sides > 0, sharing.slipped(1.0, True), sharing.slipped(1.0, False))
        side_changes = np.flatnonzero(sides[1:] != sides[:-1]) + 1
        opens = np.flatnonzero((sides > 0) | (sharing.terms.direction == "longshort"))
        numbers = np.arange(len(bars) + 1)
        self.bars: list[int] = bars.tolist()
        self.sides: list[int] = sides.tolist()
        self.prices: list[float] = prices.tolist()
        self.exits = _first_after(side_changes, numbers, "right")
        self.entries = _first_after(opens, numbers, "left")


def _first_after(places: Array, numbers: Array, side: Any) -> list[int]:
    after = np.append(places, numbers[-1])
    first: list[int] = after[places.searchsorted(numbers, side)].tolist()
    return first


class Calendar:
    """Joined calendar: all times at which any leg has a bar. `bar` counts on it, `leg_bar` on a leg's times."""

    def __init__(self, legs: Sequence[Leg]) -> None:
        longest = max((leg.times for leg in legs), key=len)
        others = [leg.times for leg in legs if not np.array_equal(leg.times, longest)]
        self.times: Array = np.unique(np.concatenate((longest, *others)))
        every = np.arange(len(self.times))
        self.bar_of = [
            every if len(leg.times) == len(every) else self.times.searchsorted(leg.times)
            for leg in legs
        ]

    def __len__(self) -> int:
        return len(self.times)

    @cached_property
    def nights(self) -> Array:
        """Days from the bar before to each bar, (bars,), 0 of the first."""
        dates = self.times.astype("M8[D]").astype(int)
        return np.diff(dates, prepend=dates[:1])

    def bars_per_year(self, of_legs: Sequence[float]) -> float:
        """Bars in a year of 365.25 days, counted from the first bar to the last; of_legs: those of each leg.

        A leg that has every bar of the calendar decides by its own number, the largest of several such legs. Otherwise
        the number is at most that of all legs together.
        """
        of_complete_legs = [
            bars_per_year
            for bars_per_year, bars in zip(of_legs, self.bar_of, strict=True)
            if len(bars) == len(self)
        ]
        if of_complete_legs:
            return max(of_complete_legs)
        years = (self.times[-1] - self.times[0]) / DAY / DAYS_PER_YEAR
        return min(float(round((len(self) - 1) / years)) or 1.0, sum(of_legs))

    def period_starts(self, period: str) -> list[int]:
        """Return the first bar of each period, except the first one: weekly (from Monday), or one of MONTHS.

        Of "ranking" every bar is one, of "never" none.
        """
        if period == "weekly":
            periods = (
                self.times.astype("M8[D]").astype(int) + 3
            ) // 7  # 1970 began on a Thursday
        elif period in MONTHS:
            periods = self.times.astype("M8[M]").astype(int) // MONTHS[period]
        else:
            return [*range(1, len(self))] if period == "ranking" else []
        bars: list[int] = (np.flatnonzero(np.diff(periods)) + 1).tolist()
        return bars

    def ends(self, legs: Sequence[Leg]) -> list[int]:
        """Return the bar with which the prices of each leg end; len(self) where they go on."""
        return [
            bars.item(-1) if leg.ends else len(self)
            for leg, bars in zip(legs, self.bar_of, strict=True)
        ]

    def latest(self, leg: int, values: Array, bars: Array, blank: Any) -> Array:
        """Return a leg's latest value at the close of each of some bars; blank before its first."""
        places = self.bar_of[leg].searchsorted(bars, "right") - 1
        return np.where(places >= 0, values[places], blank)

    def has_bar(self) -> Array:
        """Return (bars, legs): True where a leg has a bar, so that it can be traded."""
        has_bar = np.zeros((len(self), len(self.bar_of)), dtype=np.bool_)
        for number, bars in enumerate(self.bar_of):
            has_bar[bars, number] = True
        return has_bar

    def spread(self, leg: int, values: Array) -> Array:
        """Spread a leg's values over the calendar: (bars,), the latest value on each bar, 0 before the first."""
        bars = self.bar_of[leg]
        if len(bars) == len(self):
            return values
        spans = np.diff(bars, append=len(self))
        return np.concatenate((np.zeros(bars.item(0)), values.repeat(spans)))

    def marks(self, legs: Sequence[Leg], at_open: bool) -> Array:
        """Return (bars, legs): the value of a share when orders fill: open or close; without a bar the last close."""
        marks = np.empty((len(self), len(legs)))
        for number, leg in enumerate(legs):
            marks[:, number] = self.spread(number, leg.bars.close)
            if at_open:
                marks[self.bar_of[number], number] = leg.bars.open
        return marks
