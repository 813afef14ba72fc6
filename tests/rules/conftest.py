"""Prices for the rules' tests: real ones from data/, and random ones from a seed."""

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

COLUMNS = ("Open", "High", "Low", "Close", "Volume")
DATA = Path(__file__).parents[2] / "data"

Ohlcv = dict[str, np.ndarray]


def _random_ohlcv(bars: int, seed: int, volatility: float = 0.02, start: float = 100.0) -> Ohlcv:
    """A seeded random walk with a range around each close."""
    rng = np.random.default_rng(seed)
    close = start * np.cumprod(1.0 + rng.normal(0.0, volatility, bars))
    high, low = (
        close * (1.0 + volatility * rng.random(bars)),
        close * (1.0 - volatility * rng.random(bars)),
    )
    opened = low + (high - low) * rng.random(bars)
    return {
        "Open": opened,
        "High": high,
        "Low": low,
        "Close": close,
        "Volume": np.floor(rng.random(bars) * 1e6),
    }


@pytest.fixture(scope="session")
def random_ohlcv() -> Callable[..., Ohlcv]:
    """Random walks: a function of bars, seed, volatility=0.02 and start=100.0 that returns columns by name."""
    return _random_ohlcv


@cache
def _shipped(ticker: str) -> Ohlcv:
    with (DATA / f"{ticker}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([float(row[name]) for row in rows]) for name in COLUMNS}


@pytest.fixture(scope="session")
def real_ohlcv() -> Callable[[str], Ohlcv]:
    """Shipped daily prices: a function of a ticker that returns columns by name, which may be changed."""
    return lambda ticker: {name: column.copy() for name, column in _shipped(ticker).items()}
