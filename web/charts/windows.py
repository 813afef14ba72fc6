"""Which bars of a run are asked for, and how many of them one point of the answer stands for."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from adapters.prices.bars import Whole
from contracts.errors import InvalidRequest
from web.arguments import reading_arguments, whole_number

DEFAULT_POINTS, MOST_POINTS = 4_000, 20_000


@dataclass(frozen=True, slots=True)
class Window:
    """Bars `first` to `stop`, exclusive, in groups of `group`: a point begins at each bar of `starts`."""

    first: int
    stop: int
    group: int

    @property
    def starts(self) -> Whole:
        """The first bar of each group."""
        return np.arange(self.first, self.stop, self.group)

    @property
    def lasts(self) -> Whole:
        """The last bar of each group."""
        return np.minimum(self.starts + self.group, self.stop) - 1


def whole_window(bars: int, most: int) -> Window:
    """All of so many bars in at most so many points."""
    return Window(0, bars, max(1, -(-bars // most)))


def window(arguments: Mapping[str, str], bars: int) -> Window:
    """The window that `from`, `to` and `max` ask for among so many bars; InvalidRequest when it is none."""
    with reading_arguments(arguments) as read:
        first = read("from", whole_number(0, max(bars - 1, 0)), 0)
        stop = read("to", whole_number(1, max(bars, 1)), bars)
        most = read("max", whole_number(1, MOST_POINTS), DEFAULT_POINTS)
    if stop <= first < bars:
        raise InvalidRequest({"to": f"{stop} is not after from, which is {first}"})
    return Window(first, stop, max(1, -(-(stop - first) // most)))
