"""Which bars of a run are asked for, and how many of them one point of the answer stands for."""

from dataclasses import replace

import numpy as np

from adapters.prices.bars import Whole
from contracts.errors import InvalidRequest
from contracts.values import frozen
from web.arguments import arguments
from web.operation import Argument
from web.parsers import whole_number

DEFAULT_POINTS, MOST_POINTS = 4_000, 20_000
FROM = Argument("from", whole_number(0), "number of the first bar, from 0", 0)
TO = Argument(
    "to", whole_number(1), "number of the bar after the last; the number of bars by default"
)
POINTS = Argument(
    "max", whole_number(1, MOST_POINTS), f"points; {DEFAULT_POINTS} by default", DEFAULT_POINTS
)
WINDOW = (FROM, TO, POINTS)


@frozen
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


def asked_window(bars: int) -> Window:
    """The window that an operation's WINDOW asks for among so many bars; InvalidRequest when it is none."""
    asked = arguments(
        replace(FROM, parse=whole_number(0, max(bars - 1, 0))),
        replace(TO, parse=whole_number(1, max(bars, 1)), default=bars),
    )
    first, stop = asked["from"], asked["to"]
    if stop <= first < bars:
        raise InvalidRequest({"to": f"{stop} is not after from, which is {first}"})
    return Window(first, stop, max(1, -(-(stop - first) // asked.get("max", MOST_POINTS))))
