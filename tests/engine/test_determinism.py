"""The same run gives the same bits whatever vector instructions the CPU offers to numpy and to its BLAS."""

import os
import subprocess
import sys
from pathlib import Path

import numpy._core._multiarray_umath as umath
import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import hashlib
from adapters.metrics.measured import Measured
from adapters.metrics.table import performance
from dataclasses import asdict
from adapters.metrics.curves import excursions
from engine.engine import BacktestEngine
from rules.catalog import RULES
from rules.registry import build_rule
import numpy as np
from tests.engine.markets import random_walk

digest = hashlib.sha256()
prices = random_walk(7, 6000) | {"Volume": np.arange(1.0, 6001.0)}
for settings in (
    {},
    {"direction": "longshort", "fill": "next_open", "fractional_shares": True, "size_type": "percent",
     "position_size": 90, "slippage_bps": 3},
    {"stop_loss_pct": 3, "take_profit_pct": 7, "trailing_stop_pct": 5},
):
    for rule_type in RULES:
        if rule_type in ("COMPOSITE", "PYTHON"):
            continue
        rule = build_rule(rule_type, {})
        result = BacktestEngine(**settings).run(prices, rule.generate_signals, "TEST", first_bar=250)
        trades = [asdict(trade) for trade in result.trades]
        trades = [each | excursions(each, prices["High"][250:], prices["Low"][250:]) for each in trades]
        days = np.datetime64("2000-01-01") + np.arange(5750)
        derived = performance(Measured(
            path=np.append(1e5, result.equity_curve), close=prices["Close"][250:], timestamps=np.append(days[0], days),
            core=asdict(result.metrics), trades=trades, fee_rate=0.001, periods_per_year=252.0,
        ))
        digest.update(result.equity_curve.tobytes() + result.signals.tobytes())
        digest.update(repr((result.trades, result.rejected_orders, derived)).encode())
print(digest.hexdigest())
"""

# Only what numpy was built to dispatch to, and this CPU has, may be switched off; elsewhere the list is shorter.
DISPATCHED = [name for name in umath.__cpu_dispatch__ if umath.__cpu_features__.get(name)]


def digest(**environment: str) -> str:
    """SHA-256 over signals, equity, trades and metrics of every rule, in a process of its own."""
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("NPY_", "OPENBLAS_"))
    }
    finished = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.fixture(scope="module")
def expected() -> str:
    return digest()


def test_two_processes_agree(expected):
    assert digest() == expected


@pytest.mark.skipif(not DISPATCHED, reason="numpy has no optional CPU features here")
@pytest.mark.parametrize("first", range(len(DISPATCHED)))
def test_no_vector_instruction_changes_a_bit(first, expected):
    """With the highest levels switched off, down to the baseline that numpy was built for."""
    assert digest(NPY_DISABLE_CPU_FEATURES=" ".join(DISPATCHED[first:])) == expected


@pytest.mark.parametrize("core", ["Prescott", "Nehalem", "Haswell"])
def test_no_blas_kernel_changes_a_bit(core, expected):
    assert digest(OPENBLAS_CORETYPE=core) == expected
