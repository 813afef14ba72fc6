"""Rules that were tried on a series, without a database: their hashes, their positions, and a sample of both."""

import zlib
from collections.abc import Callable, Sequence
from hashlib import blake2b
from heapq import heappush, heapreplace
from typing import Any

import numpy as np

from adapters.metrics.moments import Array
from contracts.run_request import RunRequest
from contracts.values import Values, frozen

SAMPLED = 250
BLOCKS = 10_000
UNKNOWN = 2  # in place of the side of a position: nothing was tried there
# fields of a request that make another rule of it; money, costs and labels do not
OF_RULE = (
    "direction",
    "stop_loss_pct",
    "take_profit_pct",
    "trailing_stop_pct",
    "atr_stop_multiple",
    "atr_stop_period",
    "exit_after_bars",
)


class Trials:
    """Rules that one Job has tried on the same bars. times: (bars,) seconds since 1970."""

    def __init__(self, request: RunRequest, times: Array) -> None:
        self.series, self.times = (request.ticker, request.timeframe), times
        self._terms = _terms(request)
        self.hashes, self._sides = list[int](), dict[int, Array]()
        self._highest = list[int]()  # negated hashes of the sample, a heap

    def add(
        self, rule_type: str, params: Values, shares: Array, request: RunRequest | None = None
    ) -> None:
        """Add a rule with its complete params.

        shares: (bars,), signed, after each bar's fills; request: only for stops that differ from the Job's.
        """
        terms = _terms(request) if request else self._terms
        text = repr((rule_type, params, terms)).encode()
        number = int.from_bytes(blake2b(text, digest_size=8).digest()) >> 1
        self.hashes.append(number)
        if number in self._sides:
            return
        if len(self._highest) < SAMPLED:
            heappush(self._highest, -number)
        elif number < -self._highest[0]:
            del self._sides[-heapreplace(self._highest, -number)]
        else:
            return
        self._sides[number] = np.sign(shares).astype(np.int8)

    def sample(
        self, is_wanted: Callable[[int], bool] = lambda number: True
    ) -> dict[int, "Steps"]:
        """Return the positions of those with the lowest hashes, or of some of them."""
        return {
            number: Steps.of(self.times, each)
            for number, each in self._sides.items()
            if is_wanted(number)
        }

    @property
    def days(self) -> tuple[str, str]:
        """The first and the last day."""
        first, last = self.times[[0, -1]].astype("M8[s]").astype("M8[D]")
        return str(first), str(last)


def _terms(request: RunRequest) -> list[Any]:
    return [getattr(request, name) for name in OF_RULE]


@frozen
class Steps:
    """Side of a position over time: sides[n], 1, 0, -1 or UNKNOWN, from times[n] until the next one."""

    times: Array
    sides: Array

    @classmethod
    def of(cls, times: Array, sides: Array) -> "Steps":
        """Join equal sides of neighbouring bars; after the last bar the side is unknown."""
        starts = np.concatenate(([0], np.flatnonzero(sides[1:] != sides[:-1]) + 1))
        last = times[-1:] + 1
        return cls(
            np.concatenate((times[starts], last)), np.concatenate((sides[starts], [UNKNOWN]))
        )

    @classmethod
    def _changes(cls, times: Array, sides: Array) -> "Steps":
        changes = np.flatnonzero(np.diff(sides, prepend=UNKNOWN + 1))
        return cls(times[changes], sides[changes])

    def packed(self) -> bytes:
        """Compress these steps, of which a screen has hundreds: faster than `adapters.columns`, into more bytes."""
        rows = np.stack((np.diff(self.times, prepend=0), self.sides))
        return zlib.compress(rows.astype("<i8").tobytes(), 1)

    @classmethod
    def unpacked(cls, packed: bytes) -> "Steps":
        """Return the steps that `packed` compressed."""
        waits, sides = np.frombuffer(zlib.decompress(packed), "<i8").reshape(2, -1)
        return cls(waits.cumsum(), sides)

    def at(self, times: Array) -> Array:
        """Return the side at each time."""
        places = self.times.searchsorted(times, side="right")
        return np.append(UNKNOWN, self.sides)[places]

    def over(self, earlier: "Steps") -> "Steps":
        """Return these steps where they are known, and earlier ones elsewhere."""
        times = distinct(np.concatenate((self.times, earlier.times)))
        sides = self.at(times)
        return self._changes(times, np.where(sides == UNKNOWN, earlier.at(times), sides))

    def equals(self, other: "Steps") -> bool:
        """True if they are the same everywhere."""
        pairs = ((self.times, other.times), (self.sides, other.sides))
        return all(np.array_equal(*pair) for pair in pairs)

    @property
    def years(self) -> tuple[int, int]:
        """The first and the last calendar year."""
        first, last = self.times[[0, -1]].astype("M8[s]").astype("M8[Y]").astype(int) + 1970
        return int(first), int(last)


@frozen
class Tries:
    """Sampled trials on some bars: the returns of each above its average position, `in_blocks`.

    stands_for: the number of distinct trials that each one represents.
    """

    excess: Sequence[Array] = ()
    stands_for: Sequence[float] = ()

    @property
    def count(self) -> int:
        """Estimated number of distinct trials."""
        return round(sum(self.stands_for))


def distinct(numbers: Array) -> Array:
    """Return the different numbers in order, as `np.unique` does, which loads numpy.ma for 15 ms of each Job."""
    ordered = np.sort(numbers)
    is_new = np.ones(len(ordered), dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    return ordered[is_new]


def in_blocks(excess: Array) -> Array:
    """Add up the returns of neighbouring bars where there are more than BLOCKS; correlations stay."""
    size = -(-len(excess) // BLOCKS)
    sums: Array = np.add.reduceat(excess, np.arange(0, len(excess), size))
    return sums
