"""What a rule looked at in a run, as it is stored: a head, and parts of so many bars; read without numpy.

The columns of a part are those of adapters.prices.packing: of each line its values, whole numbers of six digits, and
whether it has one, then the truth of each condition. 3,270 bars take 5 to 10 KB per line.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.prices.packing import numbers_of

Column = tuple[str, int, bytes]  # as adapters.prices.packing.columns_of reads it
BARS_PER_PART = 16_384  # a point of a million bars is then found by reading a sixtieth of them


def decode_head(packed: bytes) -> dict[str, Any]:
    """The lines, and the conditions of both sides, as rules.explanation.Explanation.head says."""
    head: dict[str, Any] = json.loads(zlib.decompress(packed))
    return head


def stored_lines(head: dict[str, Any]) -> list[dict[str, Any]]:
    """The lines that are stored; the others are columns of the prices."""
    return [line for line in head["lines"] if "column" not in line]


@dataclass(frozen=True, slots=True)
class RunLines:
    """The parts of a run from the bar `first` on."""

    head: dict[str, Any]
    first: int
    parts: Sequence[Sequence[Column]]

    def values(self, place: int, bars: Sequence[int]) -> list[float | None]:
        """The stored line at `place` on these bars, None where it has no value."""
        scale = 10 ** stored_lines(self.head)[place]["decimals"]
        numbers, known = (self._column(2 * place + each, bars) for each in (0, 1))
        return [number / scale if there else None for number, there in zip(numbers, known, strict=True)]

    def truth(self, place: int, bar: int) -> bool | None:
        """Whether a condition held on a bar; None where that is unknown."""
        (truth,) = self._column(2 * len(stored_lines(self.head)) + place, range(bar, bar + 1))
        return None if truth == 0 else truth > 0

    def _column(self, place: int, bars: Sequence[int]) -> list[int]:
        found: list[int] = []
        for number, part in enumerate(self.parts):
            begun = self.first + number * BARS_PER_PART
            numbers = list(numbers_of(*part[place]))
            found += [numbers[bar - begun] for bar in bars if begun <= bar < begun + len(numbers)]
        return found
