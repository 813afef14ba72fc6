"""Frequency of the verdict "holds" on random walks, without skill and with skill of a known size.

`python -m tests.studies.calibration` prints the tables of docs/studies.md; test_calibration.py holds them. The runs are
the engine's own, the choice and the verdict the platform's; only what no verdict depends on is left out: overfitting,
bootstrap and shuffled trades.
"""

import math
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from adapters.metrics.curves import shares_held
from adapters.metrics.moments import NoValue, kurtosis_of, skewness_of
from adapters.metrics.timing import timing_over
from adapters.plans.combinations import CORE, ranked_places
from adapters.plans.ranking import Ranking
from adapters.prices.bars import bar_dates
from adapters.studies import path as study_path
from adapters.studies import verdict as verdicts
from adapters.studies.path import RunData, StudyMarket
from consumer.kinds.backtest import TRADE_FIELDS
from consumer.kinds.run_engine import RunEngine
from contracts.study import StudyPlan, StudyRequest, StudyWindow
from engine.bars import Bars, check_bars
from rules.prices import Prices
from rules.registry import build_rule

VOLATILITY = 0.16  # a year
WARM_UP, BARS = 250, 2520
TRAINED, TESTED = 756, 252  # bars of a fold
KINDS = ("selection", "holdout", "walk_forward")
DRIFTS = (-0.08, 0.0, 0.08, 0.20)  # a year
DIRECTIONS = ("longonly", "shortonly", "longshort")
GRIDS: dict[str, list[dict[str, Any]]] = {
    "MA_CROSS": [
        {"fast": fast, "slow": slow} for fast in range(3, 24, 3) for slow in range(30, 121, 15)
    ],
    "RSI": [
        {"period": period, "oversold": level, "overbought": 100 - level}
        for period in (5, 8, 11, 14, 20, 28, 40)
        for level in (20, 24, 28, 32, 36, 40, 44)
    ],
}
EDGES = (0.5, 1.0, 1.5)  # Sharpe ratio a year of who follows the planted edge both ways
SHOWN = ("total_return_pct", "cagr", "max_drawdown_pct", "num_trades", "buy_hold_return_pct")


@dataclass(frozen=True)
class Cell:
    """One kind of market and of rule."""

    rule_type: str
    direction: str
    drift: float
    edge: float = 0.0


def closes_of(cell: Cell, rng: np.random.Generator) -> np.ndarray:
    """A random walk; with an edge, a day's mean is higher or lower as the 20-bar average is above the 60-bar one."""
    steps = rng.normal(
        (cell.drift - VOLATILITY**2 / 2) / 252, VOLATILITY / math.sqrt(252), WARM_UP + BARS
    )
    if not cell.edge:
        return 100 * np.exp(np.cumsum(steps))
    planted, logs = cell.edge * VOLATILITY / 252, [0.0]
    for step in steps:
        recent = logs[-60:]
        above = len(recent) == 60 and sum(recent[-20:]) / 20 > sum(recent) / 60
        logs.append(logs[-1] + step + (planted if above else -planted))
    return 100 * np.exp(logs[1:])


class World:
    """One market with all runs of a grid on it, as a study's verdict asks for them."""

    def __init__(self, cell: Cell, seed: int) -> None:
        self.cell, self.grid = cell, GRIDS[cell.rule_type]
        closes = closes_of(
            cell,
            np.random.default_rng([seed, round(cell.drift * 100) + 100, round(cell.edge * 100)]),
        )
        times = np.arange(len(closes)) * 86_400
        self.market = StudyMarket(times, closes)
        self.dates = bar_dates(times, "1d")
        opens = np.concatenate((closes[:1], closes[:-1]))
        columns = {
            "Open": opens,
            "High": np.maximum(opens, closes),
            "Low": np.minimum(opens, closes),
        }
        self.columns = columns | {"Close": closes, "Volume": np.ones(len(closes))}
        prices = Prices(self.columns)
        self.signals = [
            build_rule(cell.rule_type, params).generate_signals(prices) for params in self.grid
        ]
        self.engine = RunEngine(
            fee_rate=0.0,
            position_size=100.0,
            size_type="percent",
            direction="longonly" if cell.direction == "longonly" else "longshort",
            fractional_shares=True,
            short_only=cell.direction == "shortonly",
        )
        self._runs: dict[str, RunData] = {}
        self._bars: dict[int, Bars] = {}

    def load(self, run_id: str) -> RunData:
        """The run `place:first:end` of a combination, without costs."""
        if run_id not in self._runs:
            self._runs[run_id] = self._run(*map(int, run_id.split(":")))
        return self._runs[run_id]

    def _run(self, place: int, first: int, end: int) -> RunData:
        if end not in self._bars:
            self._bars[end] = check_bars(
                {name: column[:end] for name, column in self.columns.items()}
            )
        result = self.engine.run(
            self._bars[end], lambda _: self.signals[place][:end], first_bar=first
        )
        capital, equity = self.engine.initial_capital, result.equity_curve
        path = np.concatenate(([capital], equity))
        returns = path[1:] / path[:-1] - 1.0
        metrics = dict.fromkeys(SHOWN) | asdict(result.metrics) | {"bars_per_year": 252}
        try:
            metrics |= {"skewness": skewness_of(returns), "kurtosis": kurtosis_of(returns)}
        except NoValue:
            metrics |= {"skewness": None, "kurtosis": None}
        trades = [
            {name: getattr(trade, name) for name in TRADE_FIELDS} for trade in result.trades
        ]
        times = self.market.times[first:end]
        shares, closes = shares_held(trades, len(equity)), self.market.closes[first:end]
        timing = timing_over(path, shares, closes, times.view("M8[s]"), self.market.rates)
        return RunData(metrics, times, returns, [], capital, timing)

    def verdict(self, kind: str) -> dict[str, Any]:
        """The verdict of a study that chooses by the Sharpe ratio."""
        base = {
            "ticker": "WALK",
            "timeframe": "1d",
            "risk_free_rate": 0.0,
            "benchmark": None,
            "initial_capital": 1e5,
        }
        windows = list(windows_of(kind))
        plan = StudyPlan(
            StudyRequest(kind=kind, base=base, combinations=self.grid),  # type: ignore[arg-type]
            tuple(
                StudyWindow(self._days(train), self._days(test) if test else None)
                for train, test in windows
            ),
        )
        training = [
            [f"{place}:{a}:{b}" for place in range(len(self.grid))] for (a, b), _ in windows
        ]
        choices = [
            self._choice(ids, test) for ids, (_, test) in zip(training, windows, strict=True)
        ]
        tried = [
            study_path.tried_of(
                np.array([study_path.trial(self.load(run_id)) for run_id in run_ids])
            )
            for run_ids in training
        ]
        return verdicts.Verdict(plan, choices, tried, self.market, self._part).to_json()

    def _part(self, part: str, number: int, chosen: dict[str, Any]) -> RunData | None:
        run_id = chosen[f"{part}_run"]
        return self.load(run_id) if run_id else None

    def _days(self, span: tuple[int, int]) -> tuple[str, str]:
        return self.dates[span[0]], self.dates[span[1] - 1]

    def _choice(self, run_ids: list[str], test: tuple[int, int] | None) -> dict[str, Any]:
        places = ranked_places(
            {
                name: np.array([self.load(each).metrics[name] for each in run_ids], dtype=float)
                for name in CORE
            },
            Ranking("sharpe_ratio", "max"),
        ).tolist()
        chosen = [
            {
                "params": self.grid[place],
                "train_run": run_ids[place],
                "test_run": f"{place}:{test[0]}:{test[1]}" if test else None,
            }
            for place in places[:1]
        ]
        return {"eligible": len(places), "failed": 0, "chosen": chosen}


def windows_of(kind: str) -> Iterator[tuple[tuple[int, int], tuple[int, int] | None]]:
    """Training and test parts as bars."""
    end = WARM_UP + BARS
    if kind == "selection":
        yield (WARM_UP, end), None
    elif kind == "holdout":
        split = WARM_UP + round(BARS * 0.7)
        yield (WARM_UP, split), (split, end)
    else:
        for split in range(WARM_UP + TRAINED, end - TESTED + 1, TESTED):
            yield (split - TRAINED, split), (split, split + TESTED)


def _nothing(*_: Any) -> None:
    raise NoValue("left out")


@patch.multiple(verdicts, overfitting=_nothing, bootstrap=_nothing, shuffled_trades=_nothing)
@patch.multiple(study_path, block_sums=_nothing)
def holds_and_sharpe(cell: Cell, seed: int) -> dict[str, tuple[bool, bool]]:
    """By kind of study: whether the verdict holds, and whether a Sharpe ratio above 0 alone would."""
    world = World(cell, seed)
    outcomes = {}
    for kind in KINDS:
        verdict = world.verdict(kind)
        part = verdict["folds"][0] if kind == "selection" else verdict["out_of_sample"] or {}
        share = (part.get("evidence") or {}).get(
            "deflated" if kind == "selection" else "probabilistic"
        )
        outcomes[kind] = (verdict["outcome"] == "holds", share is not None and share >= 0.95)
    return outcomes


def shares(cell: Cell, worlds: int) -> dict[str, tuple[float, float]]:
    """The same as shares of so many markets."""
    all_said = [holds_and_sharpe(cell, seed) for seed in range(worlds)]
    return {
        kind: (
            sum(each[kind][0] for each in all_said) / worlds,
            sum(each[kind][1] for each in all_said) / worlds,
        )
        for kind in KINDS
    }


def cells() -> list[Cell]:
    """Markets without skill."""
    return [
        Cell(rule_type, direction, drift)
        for rule_type in GRIDS
        for direction in DIRECTIONS
        for drift in DRIFTS
    ]


def planted() -> list[Cell]:
    """Markets with an edge that moving averages can find."""
    return [
        Cell("MA_CROSS", direction, 0.08, edge)
        for direction in ("longonly", "longshort")
        for edge in EDGES
    ]


def main(worlds: int, print_line: Callable[[str], object] = print) -> None:
    """Both tables, in Markdown."""
    for chosen, head in ((cells(), "no skill"), (planted(), "a planted edge")):
        print_line(
            f"| {head} | drift | edge | "
            + " | ".join(f"{kind}: Sharpe > 0 → holds" for kind in KINDS)
            + " |"
        )
        print_line("|---|---|---|---|---|---|")
        with ProcessPoolExecutor() as pool:
            for cell, cell_shares in zip(
                chosen, pool.map(partial(shares, worlds=worlds), chosen), strict=True
            ):
                columns = " | ".join(
                    f"{cell_shares[kind][1]:.3f} → {cell_shares[kind][0]:.3f}" for kind in KINDS
                )
                print_line(
                    f"| {cell.rule_type} {cell.direction} | {cell.drift:+.0%} | {cell.edge:g} | {columns} |"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
