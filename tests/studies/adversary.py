"""An adversary who peeks: how often its best study "holds" where no skill is possible, without the ledger and with it.

On each random walk a hill climber over four families of rules tries thousands of them over all bars, in Jobs of a
hundred that the ledger records, and looks at their timing in the test part. Then it hands in the best as a holdout
study of one combination. `python -m tests.studies.adversary WORLDS TRIALS` prints the table of docs/studies.md.
"""

import random
import sys
import tempfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy.engine import Engine

from adapters.database import connect_database
from adapters.declarations import metadata
from adapters.metrics.curves import AccountRates
from adapters.metrics.moments import NoValue
from adapters.metrics.timing import Timing, timing_over
from adapters.studies.ledger import record_trials, tries_on
from adapters.studies.sentence import of_test_parts
from adapters.studies.trials import Trials, Tries
from adapters.studies.verdict import _timed_ahead
from consumer.kinds.run_engine import RunEngine
from contracts.run_request import RunRequest
from engine.bars import check_bars
from rules.prices import Prices
from rules.registry import build_rule

WARM_UP, BARS, CUT = 250, 2520, 250 + 1764  # a test part of three years
VOLATILITY = 0.16
JOB = 100  # trials
PATIENCE = 40  # of the climber, in trials without progress
DAY_S = 86_400
REQUEST = RunRequest(
    ticker="WALK", rule_type="RSI", start_date=date(2010, 1, 1), end_date=date(2020, 12, 31)
)
FAMILIES: dict[str, Callable[[random.Random], dict[str, Any]]] = {
    "MA_CROSS": lambda rng: {"fast": rng.randint(2, 60), "slow": rng.randint(61, 250)},
    "RSI": lambda rng: {
        "period": rng.randint(2, 60),
        "oversold": rng.uniform(10, 49),
        "overbought": rng.uniform(51, 90),
    },
    "BOLLINGER": lambda rng: {"period": rng.randint(3, 120), "width": rng.uniform(0.5, 3)},
    "ATR": lambda rng: {"period": rng.randint(2, 60), "multiple": rng.uniform(0.5, 8)},
}


class Process(NamedTuple):
    """A random walk; edge: the Sharpe ratio a year of who follows its hidden state both ways."""

    drift: float = 0.0
    has_garch: bool = False
    edge: float = 0.0


PROCESSES = {
    "drift 0": Process(),
    "drift 8%": Process(0.08),
    "GARCH, Student-t, drift 8%": Process(0.08, True),
    "edge 1": Process(0.08, edge=1.0),
    "edge 2": Process(0.08, edge=2.0),
    "edge 3": Process(0.08, edge=3.0),
}


def closes_of(process: Process, seed: int) -> np.ndarray:
    rng, count = np.random.default_rng([seed, *map(ord, repr(process))]), WARM_UP + BARS
    steps = rng.standard_normal(count)
    if process.has_garch:
        shocks, variance = rng.standard_t(5, count) / np.sqrt(5 / 3), 1.0
        for bar in range(count):
            steps[bar] = np.sqrt(variance) * shocks[bar]
            variance = 0.02 + 0.08 * steps[bar] ** 2 + 0.90 * variance
    states = np.repeat(rng.choice([-1, 1], count // 60 + 1), 60)[:count]
    means = process.drift / 252 + process.edge * VOLATILITY / 252 * states
    closes: np.ndarray = 100 * np.exp(np.cumsum(steps * VOLATILITY / 252**0.5 + means))
    return closes


class World:
    """One market, and the trials on it."""

    def __init__(self, process: Process, seed: int, engine: Engine) -> None:
        self.closes, self._engine = closes_of(process, seed), engine
        first = date(2010, 1, 1).toordinal() - date(1970, 1, 1).toordinal()
        self.times = (first + np.arange(len(self.closes)) * 7 // 5) * DAY_S
        opens = np.concatenate((self.closes[:1], self.closes[:-1]))
        columns = {
            "Open": opens,
            "High": np.maximum(opens, self.closes),
            "Low": np.minimum(opens, self.closes),
            "Close": self.closes,
            "Volume": np.ones(len(opens)),
        }
        self._prices = Prices(columns)
        self._bars = check_bars(self._prices)  # type: ignore[arg-type]
        self._account = RunEngine(
            fee_rate=0.0, position_size=100.0, size_type="percent", fractional_shares=True
        )
        self._rng = random.Random(seed)
        self._job = Trials(REQUEST, self.times[WARM_UP:])

    def search(self, trials: int) -> tuple[str, dict[str, Any]]:
        """Return the rule with the best timing in the test part of so many."""
        best, current, stale = (-np.inf, "", {}), (-np.inf, "", {}), 0
        for number in range(trials):
            if stale > PATIENCE or not current[2]:
                current, stale = (-np.inf, "", {}), 0
                family = self._rng.choice([*FAMILIES])
                params = FAMILIES[family](self._rng)
            else:
                family, params = current[1], self._neighbour(current[1], current[2])
            ratio = self._try(family, params)
            stale += 1
            if ratio > current[0]:
                current, stale = (ratio, family, params), 0
            best = max(best, current, key=lambda each: each[0])
            if (number + 1) % JOB == 0:
                self._record()
        return best[1], best[2]

    def _neighbour(self, family: str, params: dict[str, Any]) -> dict[str, Any]:
        name = self._rng.choice([*params])
        drawn, share = FAMILIES[family](self._rng)[name], self._rng.choice([0.05, 0.2, 1.0])
        value = params[name] + share * (drawn - params[name])
        return params | {name: round(value) if isinstance(drawn, int) else value}

    def _try(self, family: str, params: dict[str, Any]) -> float:
        rule = build_rule(family, params)
        result = self._account.run(self._bars, rule.generate_signals, first_bar=WARM_UP)
        self._job.add(family, rule.params, result.shares_curve)
        sides = np.sign(result.shares_curve[CUT - WARM_UP : -1])
        excess = (sides - sides.mean()) * (self.closes[CUT + 1 :] / self.closes[CUT:-1] - 1)
        return float(excess.mean() / excess.std()) if excess.any() else -np.inf

    def _record(self) -> None:
        with self._engine.begin() as connection:
            record_trials(connection, self._job, None, None)
        self._job = Trials(REQUEST, self.times[WARM_UP:])

    def outcomes(self, family: str, params: dict[str, Any]) -> tuple[str, str]:
        """Outcome of a holdout study of one combination, without the ledger and with it."""
        rule = build_rule(family, params)
        result = self._account.run(self._bars, rule.generate_signals, first_bar=CUT)
        path = np.concatenate(([self._account.initial_capital], result.equity_curve))
        times, closes = self.times[CUT:], self.closes[CUT:]
        stamps = times.view("M8[s]")
        timing = timing_over(path, result.shares_curve, closes, stamps, AccountRates())
        with self._engine.connect() as connection:
            tries = tries_on(connection, ("WALK", "1d"), [(times, closes)])
        return outcome(timing, Tries()), outcome(timing, tries)


def outcome(timing: Timing, tries: Tries) -> str:
    try:
        judged = _timed_ahead(timing, tries, 252)
    except NoValue:
        return "none"
    fold = {"chosen": []}
    ahead = {"bars": len(timing.returns) + 1, "timing": judged, "evidence": None}
    return of_test_parts([fold], ahead, "").outcome


def shares(process: Process, worlds: int, trials: int) -> tuple[float, float]:
    """Share of the adversary's studies that hold without the ledger, and with it."""
    holding = np.zeros(2)
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(worlds):
            engine = database(Path(folder) / f"{seed}.db")
            world = World(process, seed, engine)
            holding += [each == "holds" for each in world.outcomes(*world.search(trials))]
            engine.dispose()
    return float(holding[0] / worlds), float(holding[1] / worlds)


def database(path: Path) -> Engine:
    path.touch()
    engine = connect_database(f"sqlite:///{path}")
    metadata.create_all(engine)
    return engine


def main(worlds: int, trials: int) -> None:
    print(f"| {trials:,} trials, {worlds} walks | without the ledger | with it |\n|---|---|---|")
    for name, process in PROCESSES.items():
        both = shares(process, worlds, trials)
        print(f"| {name} | {both[0]:.1%} | {both[1]:.1%} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
