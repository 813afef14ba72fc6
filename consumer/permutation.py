"""The same search in the same bars in random order: what a grid finds where there is nothing to find.

Masters (2018), Permutation and Randomization Tests for Trading System Development; Aronson (2006), Evidence-Based
Technical Analysis.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from adapters.batches.leaderboard import Ranking
from adapters.metrics.measured import Array
from adapters.prices.packing import PackedPrices
from adapters.screens.columns import Combinations, packed_metrics, ranked_places
from consumer.backtest import Outcome
from consumer.screen import core_of
from consumer.setup import Setup
from consumer.study_jobs import BEST
from contracts.run_request import RunRequest


def permute(
    request: RunRequest,
    packed: PackedPrices,
    tried: Combinations,
    ranking: Ranking,
    permuted: Mapping[str, int],
    image_tag: str,
    tell: Callable[[int], None],
) -> Outcome:
    """The best value of each of some permutations; permuted: their seed, the first of them and that after the last."""
    setup = Setup.of(request, packed)
    numbers = range(permuted["first"], permuted["last"])
    bests = np.array([*bests_of(setup, tried, ranking, permuted["seed"], numbers, tell)])[:, None]
    return Outcome(setup.versions(image_tag), screened=(packed_metrics(bests, (BEST,)), None))


def bests_of(
    setup: Setup,
    tried: Combinations,
    ranking: Ranking,
    seed: int,
    numbers: range,
    tell: Callable[[int], None] = lambda done: None,
) -> Iterator[float]:
    """What the whole search finds best in each permutation; the worst there is where nothing has a place."""
    worst = -np.inf if ranking.goal == "max" else np.inf
    rules = [setup.rule_of(tried.member(number)) for number in range(len(tried))]
    for done, number in enumerate(numbers, start=1):
        rng = np.random.default_rng([seed, number])
        shuffled = setup.on(permuted_bars(setup.prices.bars.columns, setup.prices.first_bar, rng))
        metrics = core_of(shuffled, rules)
        places = ranked_places(metrics, ranking)
        yield float(metrics[ranking.metric][places[0]]) if len(places) else worst
        tell(done)


def permuted_bars(
    columns: Mapping[str, Array], first_bar: int, rng: np.random.Generator
) -> dict[str, Array]:
    """The bars after the first traded one in random order: the gaps between bars by themselves, their shapes together.

    First and last price, and the distribution of returns, stay; bars before, which warm the rules up, are as they were.
    Products in the order of the bars, so that the same seed gives the same bits on every CPU.
    """
    opens, high, low, close, volume = (
        columns[name] for name in ("Open", "High", "Low", "Close", "Volume")
    )
    start = first_bar + 1
    gaps, shapes = (rng.permutation(len(close) - start) for _ in range(2))
    steps = np.empty(2 * len(gaps) + 1)
    steps[0] = close[first_bar]
    steps[1::2] = (opens[start:] / close[first_bar:-1])[gaps]
    steps[2::2] = (close[start:] / opens[start:])[shapes]
    path = np.multiply.accumulate(steps)
    found = {"Open": path[1::2], "Close": path[2::2], "Volume": volume[start:][shapes]}
    for name, column, furthest in (("High", high, np.maximum), ("Low", low, np.minimum)):
        reached = found["Open"] * (column[start:] / opens[start:])[shapes]
        found[name] = furthest(reached, found["Close"])
    return {name: np.concatenate((columns[name][:start], found[name])) for name in found}
