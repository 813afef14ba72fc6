"""What a search found in the bars as they were, beside what it finds in the same bars in random order."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from adapters.batches.leaderboard import Goal
from adapters.metrics.measured import Array


@dataclass(frozen=True)
class Permuted:
    """observed: the best of the search; None where nothing had a place. bests: of each permutation, the worst there is
    where nothing had a place; NaN where its Job has failed."""

    observed: float | None
    bests: Array
    goal: Goal
    seed: int

    @property
    def failed(self) -> int:
        """Permutations that were not searched."""
        return int(np.isnan(self.bests).sum())

    @property
    def above(self) -> int:
        """Permutations in which the search found as much or more."""
        if self.observed is None:
            return len(self.bests)
        sign = 1 if self.goal == "max" else -1
        return int((self.bests * sign >= self.observed * sign).sum())

    @property
    def p_value(self) -> float:
        """The chance of such a find where nothing is to be found; the real order is one of all, so it is never 0.

        Davison & Hinkley (1997), Bootstrap Methods and their Application, section 4.2.
        """
        return (1 + self.above) / (1 + len(self.bests))

    def to_json(self) -> dict[str, Any]:
        """As a verdict has it; null for a permutation in which nothing had a place."""
        return {
            "permutations": len(self.bests),
            "failed": self.failed,
            "observed": self.observed,
            "above": self.above,
            "p_value": self.p_value,
            "seed": self.seed,
            "bests": [value if np.isfinite(value) else None for value in self.bests.tolist()],
        }
