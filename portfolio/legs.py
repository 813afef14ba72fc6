"""What a portfolio trades: the bars and signals of each leg, and the calendar that joins them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from engine.bars import Bars
from engine.stops import Stops
from portfolio.sharing import Sharing

Array = np.ndarray[Any, np.dtype[Any]]

DAY = np.timedelta64(1, "D")
DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class Leg:
    """One rule on one ticker, from the first bar that it may trade.

    ticker: legs of one ticker share its bound. times: (bars,) datetime64, rising.
    signals: (bars,) int8 of 1, 0 and -1. stops: what ends a position before its signal does. priority: (bars,), the
    higher first when cash or places do not suffice, by its value on the signal's bar; NaN comes last. weight: of its
    sleeve, relative to the others'. before: closes before the first bar, oldest first, for the volatility. ends:
    whether its prices end with its last bar, so that a position is paid out at that close.
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

    @cached_property
    def closes(self) -> Array:
        """All closes that are known at its last bar."""
        return np.concatenate((self.before, self.bars.close))


class Orders:
    """The orders that a leg's signals place, as the engine numbers and prices them; plain lists, read one by one.

    bars: on which each fills. exits: the first order of the other side after each. entries: the first order from each
    on that may open a position; both len(bars) where there is none.
    """

    def __init__(self, leg: Leg, sharing: Sharing) -> None:
        delay = int(sharing.next_open)
        bars = np.flatnonzero(leg.signals[: len(leg.signals) - delay])
        sides = leg.signals[bars]
        bars += delay
        prices = (leg.bars.open if delay else leg.bars.close)[bars]
        prices *= np.where(sides > 0, sharing.slipped(1.0, True), sharing.slipped(1.0, False))
        turns = np.flatnonzero(sides[1:] != sides[:-1]) + 1
        opens = np.flatnonzero((sides > 0) | (sharing.terms.direction == "longshort"))
        numbers = np.arange(len(bars) + 1)
        self.bars: list[int] = bars.tolist()
        self.sides: list[int] = sides.tolist()
        self.prices: list[float] = prices.tolist()
        self.exits = _first_after(turns, numbers, "right")
        self.entries = _first_after(opens, numbers, "left")


def _first_after(places: Array, numbers: Array, side: Any) -> list[int]:
    after = np.append(places, numbers[-1])
    found: list[int] = after[places.searchsorted(numbers, side)].tolist()
    return found


class Calendar:
    """The days and times on which any leg has a bar; `bar` is numbered on it, unless it is said to be a leg's own."""

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

    def bars_per_year(self, of_legs: Sequence[float]) -> float:
        """Bars in a year of 365.25 days, counted from the first bar to the last, by those of each leg.

        A leg that has every bar decides with its own, the largest of several such; no other calendar has more bars
        than all legs together.
        """
        whole = [
            own for own, bars in zip(of_legs, self.bar_of, strict=True) if len(bars) == len(self)
        ]
        if whole:
            return max(whole)
        years = (self.times[-1] - self.times[0]) / DAY / DAYS_PER_YEAR
        return min(float(round((len(self) - 1) / years)) or 1.0, sum(of_legs))

    def has_bar(self) -> Array:
        """(bars, legs): where a leg can be traded."""
        found = np.zeros((len(self), len(self.bar_of)), dtype=np.bool_)
        for number, bars in enumerate(self.bar_of):
            found[bars, number] = True
        return found

    def known(self, leg: int, own: Array) -> Array:
        """(bars,): the last of a leg's own values on each bar, 0 before its first."""
        bars = self.bar_of[leg]
        if len(bars) == len(self):
            return own
        spans = np.diff(bars, append=len(self))
        return np.concatenate((np.zeros(bars.item(0)), own.repeat(spans)))

    def marks(self, legs: Sequence[Leg], at_open: bool) -> Array:
        """(bars, legs): what a share is worth when orders fill: its close or its open, without a bar its last close."""
        found = np.empty((len(self), len(legs)))
        for number, leg in enumerate(legs):
            found[:, number] = self.known(number, leg.bars.close)
            if at_open:
                found[self.bar_of[number], number] = leg.bars.open
        return found
