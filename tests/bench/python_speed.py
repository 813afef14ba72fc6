"""Strategies in Python: start, time a bar, checks and a screen; backtesting.py and backtrader run the same cross.

All are best of several rounds, in which the machine was least disturbed. "Own time" is that of the same function
called on the same growing arrays in this process.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from adapters.settings import Settings
from consumer.sealed.bars import Bars
from consumer.sealed.evaluation import EvaluationRun, _records
from consumer.sealed.evaluator import CHECK_SHARE, Evaluator
from rules.prices import TIME, Prices
from rules.python.rule import PythonRule
from rules.registry import build_rule
from tests.bench.engine_speed import PRICES, best, peers, random_walk, read_csv
from tests.bench.services import row

CROSS = """
above = None


def on_bar(bars, fast=20, slow=50):
    global above
    if len(bars) < slow:
        return 0
    before, above = above, bars.close[-fast:].mean() > bars.close[-slow:].mean()
    if before is None or before == above:
        return 0
    return 1 if above else -1
"""
AT_ONCE = """
import pandas as pd


def signals(bars, fast=20, slow=50):
    close = bars.frame["close"]
    above = close.rolling(fast).mean() > close.rolling(slow).mean()
    above = above.where(close.rolling(slow).count() == slow)
    return above.astype(float).diff().fillna(0)
"""
FORMULA = {
    "buy": "crosses_above(sma(close, 20), sma(close, 50))",
    "sell": "crosses_below(sma(close, 20), sma(close, 50))",
}
LONG = 100_000
ROUNDS = 5
FORMULA_MS, BAR_US, LONG_S, SCREEN_S, CHECK_RATIO = 200, 12, 2, 15, 3
GRID = [(fast, slow) for fast in range(5, 30) for slow in range(40, 140, 5)]  # 500


def main() -> None:
    """Print the rows as one line of JSON."""
    columns = read_csv(PRICES)
    small, long = prices_of(columns), prices_of(random_walk(LONG))
    bars = f"{len(small['Close']):,} bars"
    formula = build_rule("FORMULA", FORMULA)
    formula_ms = best(lambda: formula.generate_signals(columns), 20)
    rounds = [(best(lambda: signals_of(CROSS, small), 5), peers("cross")) for _ in range(3)]
    cross_ms = min(ms for ms, _ in rounds)
    (small_s, small_own_s), (long_s, long_own_s) = streamed_s(small), streamed_s(long)
    more_bars = LONG - len(small["Close"])  # the start of both forks is in the row above
    streamed_us, own_us = (
        (after - before) / more_bars * 1e6
        for before, after in ((small_s, long_s), (small_own_s, long_own_s))
    )
    without_ms, checked_ms = checks(small)
    rows = [
        row(f"moving-average cross in on_bar over {bars}: start, both runs, end", cross_ms - formula_ms, "ms",
            FORMULA_MS, budget="<= 1", note=f"beyond the {formula_ms:.2g} ms of the same formula"),
        *(row("", cross_ms, "ms", min(times[name] for _, times in rounds), note=f"against {name}")
          for name in rounds[0][1]),
        row("a bar of it beyond its own time", streamed_us - own_us, "µs", BAR_US, budget="<= 1",
            note=f"of both runs, once they have started; its own time is {own_us:.3g} µs"),
        row(f"the same over {LONG:,} bars, both runs", long_s, "s", LONG_S, budget="<= 1",
            note=f"its own time is {long_own_s:.2g} s"),
        row(f"signals of {len(GRID)} combinations of it over {bars}", screen_s(small), "s", SCREEN_S, budget="<= 1",
            note="in one process"),
        row(f"signals on pandas over {bars}, with their checks", checked_ms, "ms", without_ms,
            budget=f"<= {CHECK_RATIO}", note="against without; " + checked_words(small)),
    ]  # fmt: skip
    print(json.dumps(rows))


def prices_of(columns: Mapping[str, Any]) -> Prices:
    """Add the times of daily bars."""
    days = np.arange(len(columns["Close"])).astype("M8[D]")
    return Prices({**columns, TIME: days.astype("M8[s]")})


def signals_of(code: str, prices: Prices, check_share: float = CHECK_SHARE) -> Any:
    """Start a process, evaluate, and end it, as a Job does."""
    with Evaluator(Settings(), check_share) as evaluator:
        rule = PythonRule({"code": code})
        rule.evaluator = evaluator
        return rule.generate_signals(prices)


def streamed_s(prices: Prices) -> tuple[float, float]:
    """Return seconds of both streamed runs, and of the function alone."""
    with Evaluator(Settings()) as evaluator:
        run = EvaluationRun(evaluator.start(CROSS), [{}], prices, 0, 0.0)
        rounds = [(best(run.outcomes, 1), best(lambda: alone(prices), 1)) for _ in range(ROUNDS)]
    streamed_ms, own_ms = map(min, zip(*rounds, strict=True))
    return streamed_ms / 1e3, own_ms / 1e3


def alone(prices: Prices) -> None:
    """Call the function bar by bar, without another process."""
    names: dict[str, Any] = {}
    exec(CROSS, names)  # noqa: S102
    size, records = _records(prices)
    bars, call = Bars(), names["on_bar"]
    for start in range(0, len(records), size):
        bars.append(records[start : start + size])
        call(bars)


def checks(prices: Prices) -> tuple[float, float]:
    """Return milliseconds of start and signals without the checks, and with them, in turn."""

    def without() -> None:
        with Evaluator(Settings()) as evaluator:
            EvaluationRun(evaluator.start(AT_ONCE), [{}], prices, 0, 0.0)._whole()

    rounds = [
        (timed_ms(without), timed_ms(lambda: signals_of(AT_ONCE, prices))) for _ in range(ROUNDS)
    ]
    return min(rounds, key=lambda each: each[1])


def checked_words(prices: Prices) -> str:
    """Say how many signals are checked."""
    with Evaluator(Settings()) as evaluator:
        rule = PythonRule({"code": AT_ONCE})
        rule.evaluator = evaluator
        rule.generate_signals(prices)
        checked = evaluator.receipt(0)["checked"]
    return f"{checked['signals']} of {checked['of_signals']} signals"


def screen_s(prices: Prices) -> float:
    """Return seconds of the signals of all combinations, which share their way through the bars."""
    began = time.perf_counter()
    with Evaluator(Settings()) as evaluator:
        rules: Sequence[PythonRule] = [
            PythonRule({"code": CROSS, "inputs": {"fast": fast, "slow": slow}})
            for fast, slow in GRID
        ]
        evaluator.expect(rules)
        for rule in rules:
            rule.evaluator = evaluator
            rule.generate_signals(prices)
    return time.perf_counter() - began


def timed_ms(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return (time.perf_counter() - began) * 1e3


if __name__ == "__main__":
    main()
