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
    """Bars `first` to `stop`, exclusive, in at most `most` groups: a point begins at each bar of `starts`."""

    first: int
    stop: int
    most: int

    @property
    def group(self) -> int:
        """How many bars one point stands for."""
        return max(1, -(-(self.stop - self.first) // self.most))

    @property
    def starts(self) -> Whole:
        """The first bar of each group."""
        return np.arange(self.first, self.stop, self.group)

    @property
    def lasts(self) -> Whole:
        """The last bar of each group."""
        return np.minimum(self.starts + self.group, self.stop) - 1


def asked_window(bars: int) -> Window:
    """The window that an operation's WINDOW asks for among so many bars; InvalidRequest when it is none."""
    asked = arguments(
        replace(FROM, parse=whole_number(0, max(bars - 1, 0))),
        replace(TO, parse=whole_number(1, max(bars, 1)), default=bars),
    )
    first, stop = asked["from"], asked["to"]
    if stop <= first < bars:
        raise InvalidRequest({"to": f"{stop} is not after from, which is {first}"})
    return Window(first, stop, asked.get("max", MOST_POINTS))
