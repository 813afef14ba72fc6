"""Receipts of random runs and portfolios are recomputed under other CPU features than those that made them."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.prices.packing import PackedPrices
from adapters.receipts.archive import pack_receipt, read_receipt
from adapters.receipts.content import claims_of, recomputed_row
from adapters.receipts.stored import content
from adapters.settings import Settings
from consumer.kinds.backtest import backtest
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.receipt import check
from consumer.sealed.evaluator import Evaluator
from contracts.errors import BadReceipt
from contracts.portfolio_request import LegRequest, PortfolioRequest, Sharing
from contracts.run_request import RunRequest
from contracts.values import Json
from tests.engine.test_determinism import DISPATCHED
from tests.portfolios.test_jobs import random_request
from tests.services.prices import DATA, packed_file
from tests.services.processes import PROJECT_ROOT

CODE = """def signals(bars, fast=5):
    from rules.indicators import sma
    return 2 * (bars.close > sma(bars.close, fast)).astype(int) - 1
"""
SETTINGS = Settings()
MORE = [
    pytest.param(range(first, first + 46), marks=pytest.mark.slow) for first in range(24, 300, 46)
]
CHECK_ALL = """
import sys
from pathlib import Path
from adapters.receipts.archive import read_receipt
from adapters.settings import Settings
from consumer.kinds.receipt import check

settings = Settings()
for file in sorted(Path(sys.argv[1]).iterdir()):
    try:
        check(read_receipt(file.read_bytes()), {}, settings)
    except Exception as error:
        sys.exit(f"{file.name}: {error!r}")
    print(file.name)
"""


def prices(request: RunRequest) -> PackedPrices:
    packed = packed_file(DATA, request.ticker)
    benchmark = packed_file(DATA, request.benchmark) if request.benchmark else None
    return replace(packed, benchmark=benchmark)


def run_of(seed: int) -> RunRequest:
    """A random run, each sixth with a strategy in Python, each third with a benchmark."""
    request = random_request(seed)
    if seed % 6 == 5:
        params = {"code": CODE, "inputs": {"fast": 3 + seed % 40}}
        request = replace(request, rule_type="PYTHON", params=params)
    if seed % 3 == 1:
        request = replace(request, benchmark="IBM")
    packed = prices(request)
    benchmark_hash = packed.benchmark.data_hash if packed.benchmark else None
    return replace(request, data_hash=packed.data_hash, benchmark_hash=benchmark_hash)


def columns_of(request: RunRequest) -> Json:
    is_python = request.rule_type == "PYTHON"
    with Evaluator(SETTINGS) if is_python else nullcontext() as evaluator:
        return backtest(request, prices(request), evaluator=evaluator).columns


def run_receipt(seed: int, has_bars: bool = True) -> bytes:
    request = run_of(seed)
    packed = prices(request)
    claims = claims_of(recomputed_row(request, columns_of(request)), packed)
    return pack_receipt(*content({"kind": "run"}, request.to_json(), claims, [packed], has_bars))


def portfolio_receipt(seed: int) -> bytes:
    """The receipt of a portfolio of two rules on two tickers, under the terms of the first."""
    first, second = replace(run_of(seed), benchmark=None, benchmark_hash=None), run_of(seed + 1)
    ticker = "MSFT" if first.ticker != "MSFT" else "IBM"
    ruled = replace(first, ticker=ticker, rule_type=second.rule_type, params=second.params)
    runs = [first, replace(ruled, data_hash=prices(ruled).data_hash)]
    of_leg = ("ticker", "rule_type", "params")
    values = [run.to_json() for run in runs]
    request = PortfolioRequest(
        legs=tuple(LegRequest(**{name: run[name] for name in of_leg}) for run in values),
        sharing=Sharing(),
        terms={name: value for name, value in values[0].items() if name not in of_leg},
    )
    signals = [columns_of(run)["signals_json"] for run in runs]
    legs = [LegRun.of(run, prices(run), each) for run, each in zip(runs, signals, strict=True)]
    trading = PortfolioTrading(request, legs)
    row = recomputed_row(trading.terms, trading.columns())
    packed = [prices(run) for run in runs]
    stated = {"portfolio": request.to_json(), "runs": values}
    claims = claims_of(row, packed[0])
    return pack_receipt(*content({"kind": "portfolio"}, stated, claims, packed, True))


def receipts(seeds: range) -> Iterator[tuple[str, bytes]]:
    for seed in seeds:
        yield f"run-{seed:04}.zip", run_receipt(seed)
        if seed % 10 == 0:
            yield f"portfolio-{seed:04}.zip", portfolio_receipt(seed)


@pytest.mark.parametrize("seeds", [range(24), *MORE], ids=str)
def test_random_receipts_are_equal_without_vector_instructions(
    seeds: range, tmp_path: Path
) -> None:
    for name, packed in receipts(seeds):
        (tmp_path / name).write_bytes(packed)

    checked = subprocess.run(
        [sys.executable, "-c", CHECK_ALL, str(tmp_path)],
        cwd=PROJECT_ROOT,
        env={**os.environ, "NPY_DISABLE_CPU_FEATURES": " ".join(DISPATCHED)},
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert checked.returncode == 0, checked.stderr
    assert checked.stdout.splitlines() == sorted(each.name for each in tmp_path.iterdir())


def test_hashes_alone_need_exactly_these_prices() -> None:
    receipt = read_receipt(run_receipt(1, has_bars=False))
    whole = read_receipt(run_receipt(1)).parts
    files = {
        hashlib.sha256(part).hexdigest(): part
        for name, part in whole.items()
        if name.startswith("prices/")
    }
    traded, benchmark = (fact["data_hash"] for fact in receipt.facts["prices"])

    assert not any(name.startswith("prices/") for name in receipt.parts)
    assert "result_hash" in check(receipt, files, SETTINGS)
    for missing, ticker in ((traded, run_of(1).ticker), (benchmark, "IBM")):
        others = {data_hash: part for data_hash, part in files.items() if data_hash != missing}
        with pytest.raises(BadReceipt, match=f"^{ticker} 1d {missing[:12]}: .* --prices"):
            check(receipt, others, SETTINGS)


def test_a_bar_that_was_changed_is_refused_though_the_manifest_names_it() -> None:
    receipt = read_receipt(run_receipt(2))
    (fact,) = receipt.facts["prices"]
    lines = receipt.parts[fact["part"]].splitlines(keepends=True)
    parts = {**receipt.parts, fact["part"]: b"".join(lines[:-1])}

    packed = read_receipt(pack_receipt(receipt.facts, parts))

    with pytest.raises(BadReceipt, match=f"^{fact['part']}: its SHA-256 is not the data_hash"):
        check(packed, {}, SETTINGS)
