"""Frequency of "holds" without skill on test parts of a few bars: rules that buy falls, trend rules, six processes.

`python -m tests.studies.short_parts` prints the table of docs/studies.md; test_short_parts.py checks it. Positions are
computed for all worlds at once, without costs; excess returns and the verdict are the platform's.
"""

import math
import sys
from collections.abc import Callable
from functools import cache

import numpy as np

from adapters.metrics.moments import Array, NoValue
from adapters.metrics.timing import Timing
from adapters.studies.sentence import of_test_parts
from adapters.studies.trials import Tries
from adapters.studies.verdict import _timed_ahead

BAR = 0.16 / math.sqrt(252)  # volatility of a bar
DRIFT = 0.08 / 252
WARM_UP = 120
LENGTHS = (36, 75, 150, 250, 500, 1000)  # bars of a test part
FOLD = {"chosen": []}


def _gauss(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.normal(0.0, BAR, shape)


def _fat_tails(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return rng.standard_t(3, shape) * BAR / math.sqrt(3)


def _jumps(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    """One bar in a hundred jumps, by -3% on average."""
    jumps = (rng.random(shape) < 0.01) * rng.normal(-0.03, 0.03, shape)
    return rng.normal(0.0, 0.85 * BAR, shape) + jumps + 0.0003


def _garch(
    rng: np.random.Generator, shape: tuple[int, int], shock: float = 0.1, leverage: float = 0.0
) -> Array:
    """GJR-GARCH(1,1) of persistence 0.98: a fall adds `leverage` to what a shock does to the variance."""
    variance, returns = np.full(shape[1], BAR**2), rng.normal(size=shape)
    for row in returns:
        row *= np.sqrt(variance)
        kept = 0.98 - shock - leverage / 2
        variance = 0.02 * BAR**2 + (shock + leverage * (row < 0)) * row * row + kept * variance
    return returns


def _leverage(rng: np.random.Generator, shape: tuple[int, int]) -> Array:
    return _garch(rng, shape, 0.02, 0.16)


PROCESSES: dict[str, tuple[Callable[..., Array], float]] = {
    "Gaussian": (_gauss, 0.0),
    "Gaussian, drift 8%": (_gauss, DRIFT),
    "Student-t (3)": (_fat_tails, DRIFT),
    "GARCH": (_garch, DRIFT),
    "GJR leverage": (_leverage, DRIFT),
    "jumps": (_jumps, DRIFT),
}

Signals = tuple[Array, Array]  # buy and sell, (bars, worlds)


def _average(values: Array, bars: int) -> Array:
    sums = values.cumsum(axis=0)
    sums[bars:] = sums[bars:] - sums[:-bars]
    return sums / bars


def _wilder(values: Array, bars: int) -> Array:
    smooth = values.copy()
    for bar in range(1, len(values)):
        smooth[bar] = smooth[bar - 1] + (values[bar] - smooth[bar - 1]) / bars
    return smooth


def _bollinger(closes: Array, is_upper_exit: bool) -> Signals:
    middle = _average(closes, 20)
    width = 2 * np.sqrt((_average(closes * closes, 20) - middle**2).clip(0.0))
    return closes < middle - width, closes > middle + width * is_upper_exit


def _below_atr(closes: Array, width: float) -> Signals:
    middle = _average(closes, 20)
    moves = np.abs(np.diff(closes, axis=0, prepend=closes[:1]))
    return closes < middle - width * _wilder(moves, 14), closes > middle


def _rsi(closes: Array, period: int, low: float, high: float) -> Signals:
    moves = np.diff(closes, axis=0, prepend=closes[:1])
    gains, moved = (_wilder(each, period) for each in (moves.clip(0.0), np.abs(moves)))
    strength = 100 * gains / np.maximum(moved, 1e-12)
    return strength < low, strength > high


def _trend(closes: Array, fast: int, slow: int) -> Signals:
    above = _average(closes, fast) > _average(closes, slow)
    return above, ~above


def _mostly_held(closes: Array) -> Signals:
    ratio = closes / _average(closes, 100)
    return ratio > 0.98, ratio < 0.95


RULES: dict[str, Callable[[Array], Signals]] = {
    "Bollinger": lambda closes: _bollinger(closes, True),
    "Bollinger, out at the middle": lambda closes: _bollinger(closes, False),
    "close < sma − atr": lambda closes: _below_atr(closes, 1.0),
    "close < sma − 2·atr": lambda closes: _below_atr(closes, 2.0),
    "RSI 2, 10 to 50": lambda closes: _rsi(closes, 2, 10, 50),
    "RSI 14, 30 to 70": lambda closes: _rsi(closes, 14, 30, 70),
    "averages 5, 20": lambda closes: _trend(closes, 5, 20),
    "averages 20, 60": lambda closes: _trend(closes, 20, 60),
    "out below −5% of sma 100": _mostly_held,
}


@cache
def closes_of(process: str, bars: int, worlds: int, seed: int) -> Array:
    """(WARM_UP + bars, worlds) without skill in them."""
    make, drift = PROCESSES[process]
    rng = np.random.default_rng([seed, bars, [*PROCESSES].index(process)])
    returns = make(rng, (WARM_UP + bars, worlds)) + drift
    return 100 * np.cumprod(1 + returns.clip(-0.5), axis=0)


def positions(signals: Signals) -> Array:
    """1 while held, 0 otherwise; a test part begins without a position."""
    buy, sell = (each[WARM_UP:] for each in signals)
    all_positions, position = np.zeros(buy.shape), np.zeros(buy.shape[1])
    for bar in range(len(all_positions)):
        position = all_positions[bar] = np.where(
            buy[bar], 1.0, np.where(sell[bar], 0.0, position)
        )
    return all_positions


def outcome_of(shares: Array, closes: Array) -> str:
    """The verdict on one test part."""
    moves, carry = closes[1:] / closes[:-1] - 1.0, np.zeros(len(closes) - 1)
    try:
        timing = _timed_ahead(
            Timing(shares[:-1] * moves, shares[:-1], moves, carry), Tries(), 252
        )
    except NoValue:
        return "none"
    ahead = {"bars": len(closes), "timing": timing, "evidence": None}
    return of_test_parts([FOLD], ahead, "").outcome


def share_held(rule: str, process: str, bars: int, worlds: int, seed: int = 0) -> float:
    """Share of worlds in which the verdict holds."""
    closes = closes_of(process, bars, worlds, seed)
    all_shares = positions(RULES[rule](closes))
    pairs = zip(all_shares.T, closes[WARM_UP:].T, strict=True)
    return sum(outcome_of(*pair) == "holds" for pair in pairs) / worlds


def main(worlds: int) -> None:
    """The table in Markdown: a row for each rule, the mean over processes and the highest of them by length."""
    print(
        "| % of test parts that hold | " + " | ".join(f"{bars} bars" for bars in LENGTHS) + " |"
    )
    print("|---|" + "---|" * len(LENGTHS))
    for rule in RULES:
        cells = []
        for bars in LENGTHS:
            rates = [100 * share_held(rule, process, bars, worlds) for process in PROCESSES]
            cells.append(f"{sum(rates) / len(rates):.1f} ({max(rates):.1f})")
        print(f"| {rule} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
