"""The engine against vectorbt, backtesting.py and backtrader on the same prices and settings, in the same run.

The peers live in an environment of their own (`.venv-peers`) and are measured by engine_peers.py there. Warm times are
the best of several repetitions, in which the machine was least disturbed; cold ones are whole processes.
"""

import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine.engine import BacktestEngine
from rules.optimizer import ParameterOptimizer
from rules.registry import build_rule

ROOT = Path(__file__).resolve().parents[2]
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
PRICES = ROOT / "data" / "AAPL.csv"
MILLION = 1_000_000
ROUNDS = 3
Prices = dict[str, np.ndarray[Any, np.dtype[np.float64]]]

# The whole of one small run in a fresh process: what a user waits for who starts a script.
COLD = """
import numpy
from engine.engine import BacktestEngine
from rules.registry import build_rule
columns = numpy.loadtxt("data/AAPL.csv", delimiter=",", skiprows=1, usecols=range(1, 6), unpack=True)
prices = dict(zip(("Open", "High", "Low", "Close", "Volume"), columns))
print(BacktestEngine().run(prices, build_rule("RSI", {}).generate_signals, "AAPL").equity_curve[-1])
"""


def main() -> None:
    """Print the rows as one line of JSON."""
    prices = read_csv(PRICES)
    million = random_walk(MILLION)
    small = f"{len(prices['Close']):,} bars"
    tasks: dict[str, tuple[Callable[[], object], int]] = {
        "cold": (lambda: run_process([sys.executable, "-c", COLD]), 4),
        "warm": (lambda: rsi_backtest(prices), 300),
        "large": (lambda: rsi_backtest(million), 5),
        "grid": (lambda: grid(prices), 5),
    }
    ours, peer = {}, {}
    for name, (task, repetitions) in tasks.items():
        ours[name], peer[name] = side_by_side(name, task, repetitions)
    rows = [
        versus(
            f"cold: process start to final equity, RSI on {small} from CSV",
            ours["cold"],
            peer["cold"],
            "vectorbt",
            30,
        ),
        versus("", ours["cold"], peer["cold"], "backtesting.py", 5),
        versus(
            f"warm: RSI signals and backtest with core metrics, {small}",
            ours["warm"],
            peer["warm"],
            "vectorbt",
            25,
        ),
        versus("", ours["warm"], peer["warm"], "vectorbt with metrics", None),
        versus("", ours["warm"], peer["warm"], "backtesting.py", 75),
        versus("", ours["warm"], peer["warm"], "backtrader", None),
        versus("the same, 1,000,000 bars", ours["large"], peer["large"], "vectorbt", 3),
        versus("", ours["large"], peer["large"], "vectorbt with metrics", None),
        versus(
            f"1,000 MA-cross combinations, core metrics of each, {small}",
            ours["grid"],
            peer["grid"],
            "vectorbt",
            5,
        ),
        *growth(),
    ]
    print(json.dumps(rows))


def side_by_side(
    name: str, task: Callable[[], object], repetitions: int
) -> tuple[float, dict[str, float]]:
    """Ours and the peers' in turn, the best of each, so that a busy minute of the machine does not hit one alone."""
    rounds = [(best(task, repetitions), peers(name)) for _ in range(ROUNDS)]
    theirs = {peer: min(times[peer] for _, times in rounds) for peer in rounds[0][1]}
    return min(ours for ours, _ in rounds), theirs


def versus(
    what: str, ours: float, peers: dict[str, float], name: str, budget: float | None
) -> dict[str, Any]:
    """One row: milliseconds of ours and of the peer, and how many times faster ours is."""
    return {
        "what": what, "ours": ours, "reference": peers[name], "ratio": peers[name] / ours,
        "budget": None if budget is None else f">= {budget}", "unit": "ms", "note": f"against {name}",
    }  # fmt: skip


def growth() -> list[dict[str, Any]]:
    """Nanoseconds per bar and peak bytes per bar at growing lengths: equal numbers mean linear growth."""
    rows = []
    for bars in (10_000, 100_000, MILLION):
        prices = random_walk(bars)
        per_bar_ns = best(partial(rsi_backtest, prices), 15) / bars * 1e6
        rows.append(plain(f"time per bar, {bars:,} bars", per_bar_ns, "ns"))
        rows.append(
            plain(f"peak memory per bar, {bars:,} bars", peak_bytes(prices) / bars, "bytes")
        )
    return rows


def plain(what: str, value: float, unit: str) -> dict[str, Any]:
    """A row without a reference."""
    return {
        "what": what,
        "ours": value,
        "reference": None,
        "ratio": None,
        "budget": None,
        "unit": unit,
        "note": "",
    }


def peak_bytes(prices: Prices) -> int:
    """Bytes that one run allocates at its peak, beyond its prices."""
    tracemalloc.start()
    rsi_backtest(prices)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def rsi_backtest(prices: Prices) -> float | None:
    """One run: signals, fills, equity, core metrics."""
    return (
        BacktestEngine()
        .run(prices, build_rule("RSI", {}).generate_signals, "BENCH")
        .metrics.sharpe_ratio
    )


def grid(prices: Prices) -> object:
    """1,000 combinations: 20 fast by 50 slow periods."""
    search = ParameterOptimizer("MA_CROSS", prices).search(
        {"fast": range(2, 22), "slow": range(22, 72)}
    )
    return search.best()


def best(action: Callable[[], object], repetitions: int) -> float:
    """Milliseconds of the fastest repetition."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def run_process(command: list[str]) -> None:
    """One whole process, its output thrown away."""
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def peers(task: str) -> dict[str, float]:
    """Milliseconds of each peer for the task, from its own environment."""
    if not PEERS_PYTHON.exists():
        raise SystemExit(f"{PEERS_PYTHON} is missing: make test-peers builds it")
    if task == "cold":
        command = [str(PEERS_PYTHON), "tests/bench/engine_peers.py"]
        return {
            "vectorbt": best(lambda: run_process([*command, "cold-vectorbt"]), 1),
            "backtesting.py": best(lambda: run_process([*command, "cold-backtesting"]), 3),
        }
    finished = subprocess.run(
        [str(PEERS_PYTHON), "tests/bench/engine_peers.py", task],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    times: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return times


def read_csv(path: Path) -> Prices:
    """The columns of a price file."""
    table = np.genfromtxt(path, delimiter=",", names=True, usecols=range(1, 6))
    return {
        name: np.ascontiguousarray(table[name])
        for name in ("Open", "High", "Low", "Close", "Volume")
    }


def random_walk(bars: int) -> Prices:
    """A seeded geometric walk, the same as the peers' environment draws."""
    rng = np.random.default_rng(1)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.001, bars)))
    return {
        "Open": close,
        "High": close * 1.001,
        "Low": close * 0.999,
        "Close": close,
        "Volume": np.ones(bars),
    }


if __name__ == "__main__":
    main()
