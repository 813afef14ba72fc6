"""Runs of code in its process, on bars that follow from a seed."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from adapters.settings import Settings
from consumer.sealed.evaluator import Evaluator
from rules.arrays import Signals
from rules.prices import TIME, Prices
from rules.python.rule import PythonRule

BARS = 300
FOREVER = math.inf  # share of the time for a check, enough for all bars on any machine


def random_prices(bars: int = BARS, seed: int = 1) -> Prices:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, bars)))
    return Prices(
        {
            "Open": close * 0.999,
            "High": close * 1.01,
            "Low": close * 0.99,
            "Close": close,
            "Volume": rng.integers(1, 1000, bars).astype(float),
            TIME: (np.arange(bars) + 12_000).astype("M8[D]").astype("M8[s]"),
        }
    )


@contextmanager
def evaluator(code: str, check_share: float = FOREVER, **settings: Any) -> Iterator[Evaluator]:
    with Evaluator(Settings(**settings), check_share) as started:
        started.start(code)
        yield started


def rule(code: str, started: Evaluator, **inputs: float) -> PythonRule:
    made = PythonRule({"code": code, "inputs": inputs})
    made.evaluator = started
    return made


def run(
    code: str, prices: Prices | None = None, check_share: float = FOREVER, **inputs: float
) -> Signals:
    """Return the signals of a strategy; PlatformError for its faults."""
    with evaluator(code, check_share) as started:
        return rule(code, started, **inputs).generate_signals(prices or random_prices())
