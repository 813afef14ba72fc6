"""The best of everything that was tried on the same bars, if none of it had skill.

Counting trials is not enough: neighbours are nearly the same trial. The largest of Gaussians with the trials' own
correlations is White's Reality Check (2000, Econometrica 68) with a multiplier in place of the bootstrap.
"""

import math
from statistics import NormalDist

import numpy as np

from adapters.metrics.moments import CONFIDENCE, Array, timing_evidence
from adapters.metrics.timing import Timing
from adapters.studies.path import measured_sharpe
from adapters.studies.trials import Tries, in_blocks
from contracts.values import Json, frozen

ALIKE = 1 - 1e-9  # correlation from which on two trials are the same
JITTER = 1e-6  # of their variances, so that equal trials leave a matrix with a root
DRAWS = 4000
SEED = 1
_NORMAL = NormalDist()


@frozen
class Luck:
    """Distribution of the best of all trials without skill, in standard deviations.

    maxima: of the sampled trials, in order. power: the number of all trials, to those sampled.
    """

    maxima: Array
    power: float

    def probability(self, skill: float) -> float:
        """Probability that luck gives less; skill: the probability of one trial alone that it is skill."""
        deviations = _NORMAL.inv_cdf(min(max(skill, 1e-15), 1 - 1e-15))
        share = float(np.searchsorted(self.maxima, deviations, side="right")) / len(self.maxima)
        return float(share**self.power)

    def quantile(self, share: float) -> float:
        """Deviations that the best stays below with this probability."""
        place = min(int(share ** (1 / self.power) * len(self.maxima)), len(self.maxima) - 1)
        return float(self.maxima[place])

    @property
    def independent(self) -> float:
        """Number of independent trials with the same level at CONFIDENCE."""
        return math.log(CONFIDENCE) / math.log(_NORMAL.cdf(self.quantile(CONFIDENCE)))


def luck_of(timing: Timing, tries: Tries) -> Luck | None:
    """Return the luck of a judged trial and all others; None if there are no others.

    Those that were not sampled are taken to be as different from these as independent samples are.
    """
    sides = np.sign(timing.exposures)
    judged = in_blocks((sides - sides.mean()) * timing.moves)
    trials = np.array([judged, *tries.excess])
    stands_for = np.array([1.0, *tries.stands_for])
    sizes = np.sqrt((trials * trials).sum(axis=1))
    units = trials[sizes > 0] / sizes[sizes > 0, None]
    alike = units @ units.T
    if alike.min() >= ALIKE:
        return None
    # unlike eigenvectors, this root is the same on every CPU but for rounding
    roots = np.linalg.cholesky(alike + JITTER * np.eye(len(alike)))
    draws = np.random.default_rng(SEED).standard_normal((len(alike), DRAWS))
    maxima = (roots @ draws).max(axis=0)
    return Luck(np.sort(maxima), float(stands_for[sizes > 0].mean()))


def evidence_among(timing: Timing, excess: Array, tries: Tries, bars_per_year: float) -> Json:
    """Evidence of the Sharpe ratio of a timing's excess returns, as the best of all that was tried on its bars."""
    measured = measured_sharpe(excess)
    alone = timing_evidence(measured, None, 1, bars_per_year)
    if not tries.excess or alone["probabilistic"] is None:
        return alone
    luck, count = luck_of(timing, tries), {"trials": max(tries.count, 1)}
    if luck is None:  # all others are the same
        return alone | count
    return alone | {
        **count,
        "sharpe_variance": None,
        "independent_trials": luck.independent,
        "luck_sharpe_ratio": luck.quantile(0.5) * math.sqrt(bars_per_year / measured.returns),
        "deflated": luck.probability(alone["probabilistic"]),
    }
