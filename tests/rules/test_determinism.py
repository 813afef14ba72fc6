"""The same bits with and without the CPU's vector units, as on another machine."""

import os
import subprocess
import sys
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_dispatch__, __cpu_features__

ROOT = Path(__file__).parents[2]
FINGERPRINT = """
import hashlib
import numpy as np
from tests.rules.loops import EVALUATED
from rules.indicators import adx, atr, bollinger_bands, ema, macd, obv, rsi, sma, stochastic, vwap
from rules.registry import build_rule

steps = np.random.default_rng(7).integers(-200, 205, 5000)
close = 500.0 + np.add.accumulate(steps) / 100.0
high, low, volume = close * 1.011, close * 0.987, np.abs(steps) * 1000.0
data = {"Open": close, "High": high, "Low": low, "Close": close, "Volume": volume}
lines = [sma(close, 20), ema(close, 20), rsi(close, 14), atr(high, low, close, 14), obv(close, volume),
         vwap(high, low, close, volume), *macd(close), *bollinger_bands(close), *adx(high, low, close),
         *stochastic(high, low, close), *(build_rule(name).generate_signals(data) for name in EVALUATED)]
print(hashlib.sha256(b"".join(line.tobytes() for line in lines)).hexdigest())
"""


def fingerprint(**environment):
    """The SHA-256 over the bytes of every indicator and every rule's signals, in a process with `environment`."""
    answer = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


def test_indicators_and_signals_do_not_depend_on_the_cpu():
    vector_units = [feature for feature in __cpu_dispatch__ if __cpu_features__[feature]]

    plain = fingerprint(NPY_DISABLE_CPU_FEATURES=" ".join(vector_units), OPENBLAS_NUM_THREADS="1")

    assert len(plain) == 64
    assert plain == fingerprint()
