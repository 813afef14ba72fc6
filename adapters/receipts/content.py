"""Parts of a receipt: prices, results in the API's form, and the source of all code that recomputes them."""

import ast
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import annotated_types

from adapters.prices.bars import bars_of_csv, candles, csv_chunks
from adapters.prices.packing import PackedPrices, pack_bars, unpack_bars
from adapters.receipts.archive import Parts, Receipt
from adapters.runs.result import whole_result
from adapters.settings import PROJECT_ROOT
from contracts.errors import BadReceipt
from contracts.run_request import RunRequest
from contracts.status import Kind, RunStatus
from contracts.values import Json, Row

REQUEST, RESULT, PROGRAM = "request.json", "result.json", "__main__.py"
# fields of a result that a receipt states, causes before their effects
CLAIMS = (
    *("data_hash", "engine_version", "analysis_version", "signals", "trades", "rejected_orders"),
    *("equity_curve", "metrics", "metrics_notes", "notes", "result_hash"),
)
VERIFIER = "scripts/verify.py"  # the program of a receipt
# what it imports by name, and strategies in Python may
_ROOTS = (VERIFIER, "consumer/sealed/process.py", "rules/indicators.py")
_OF_VERSION = ("ticker", "timeframe", "data_hash", "bars_per_year", "zone")
Series = tuple[str, str, str]  # ticker, timeframe and data_hash of a version


def claims_of(row: Row, packed: PackedPrices) -> Json:
    """Return what a receipt states about a completed run, or a portfolio, from its row. packed: what it traded."""
    whole = {"kind": Kind.RUN, "signals_json": row["signals_json"] or "[]"}
    bars = unpack_bars(packed)
    result = whole_result(
        {**row, **whole}, {}, lambda _, start, end: candles(bars.between(start, end))
    )
    return {name: getattr(result, name) for name in CLAIMS}


def recomputed_row(request: RunRequest, columns: Json) -> Json:
    """Return a row as that of a completed run, from its computed columns."""
    unset = ("lines_head", "python_json", "waiting_since", "created_at", "started_at")
    return {
        **dict.fromkeys((*unset, "completed_at", "signals_json")),
        "run_id": request.run_id,
        "status": RunStatus.SUCCEEDED,
        "request_json": json.dumps(request.to_json()),
        **columns,
    }


def price_parts(prices: Iterable[PackedPrices], has_bars: bool) -> tuple[list[Json], Parts]:
    """Return facts about each version, those of benchmarks and other tickers included, and their canonical CSVs."""
    facts, parts = list[Json](), dict[str, bytes]()
    for packed in {series_of(each): each for each in series_read(prices)}.values():
        facts.append({name: getattr(packed, name) for name in _OF_VERSION})
        if has_bars:
            name = f"prices/{packed.ticker}_{packed.timeframe}_{packed.data_hash[:12]}.csv"
            parts[name] = b"".join(csv_chunks(unpack_bars(packed)))
            facts[-1]["part"] = name
    return facts, parts


def series_of(packed: PackedPrices) -> Series:
    """Return the key of a version."""
    return packed.ticker, packed.timeframe, packed.data_hash


def series_read(prices: Iterable[PackedPrices]) -> Iterator[PackedPrices]:
    """Return each version with those of its benchmark and of other tickers."""
    for each in prices:
        yield from (each, *([each.benchmark] if each.benchmark else []), *each.others)


class ReceiptPrices:
    """The prices of a receipt, from its parts or from other files by their SHA-256."""

    def __init__(self, receipt: Receipt, files: Parts) -> None:
        self._stored = {
            (fact["ticker"], fact["timeframe"], fact["data_hash"]): fact
            for fact in receipt.facts["prices"]
        }
        self._receipt, self._files = receipt, files
        self._read = cache(self._packed)

    def of(self, request: RunRequest) -> PackedPrices:
        """Return what a run reads; BadReceipt where a version is missing, or is not what its hash says."""

        def read(ticker: str, data_hash: str | None) -> PackedPrices:
            return self._read((ticker, request.timeframe, str(data_hash)))

        benchmark, others = request.benchmark, request.others or {}
        return replace(
            read(request.ticker, request.data_hash),
            benchmark=read(benchmark, request.benchmark_hash) if benchmark else None,
            others=[read(*other) for other in others.items()],
        )

    def _packed(self, series: Series) -> PackedPrices:
        fact, (ticker, timeframe, data_hash) = self._stored.get(series), series
        named = f"{ticker} {timeframe} {data_hash[:12]}"
        if fact is None:
            raise BadReceipt(
                f"manifest.json: prices: no version {named}, which the request reads"
            )
        content = self._receipt.parts.get(fact["part"]) if "part" in fact else None
        content = self._files.get(data_hash) if content is None else content
        if content is None:
            raise BadReceipt(
                f"{named}: the receipt has its hash alone; name a folder with its CSV by --prices"
            )
        if hashlib.sha256(content).hexdigest() != data_hash:
            raise BadReceipt(f"{fact['part']}: its SHA-256 is not the data_hash {data_hash}")
        try:
            bars = bars_of_csv(content.decode(), fact["timeframe"])
        except (ValueError, OverflowError, LookupError) as error:
            raise BadReceipt(f"{named}: no canonical CSV of prices: {error}") from error
        return PackedPrices(
            ticker,
            bars.timeframe,
            data_hash,
            bars.price_decimals,
            bars.volume_decimals,
            [part for _, part in pack_bars(bars)],
            fact["bars_per_year"],
            zone=fact["zone"],
        )


@cache
def code_parts() -> Mapping[str, bytes]:
    """Return the source files that recompute a result, of this checkout: all that the verifier imports."""
    waiting, files = list(_ROOTS), dict[str, bytes]()
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        files[name] = (PROJECT_ROOT / name).read_bytes()
        for node in ast.walk(ast.parse(files[name])):
            waiting += filter(None, map(_file_of, _imported(node)))
    packages = {f"{folder}/__init__.py" for name in files for folder in Path(name).parents}
    for name in packages:
        if (PROJECT_ROOT / name).is_file():
            files[name] = (PROJECT_ROOT / name).read_bytes()
    files[PROGRAM] = files.pop(VERIFIER)
    folder = Path(annotated_types.__file__).parent
    (license_file,) = folder.parent.glob("annotated_types-*/**/LICENSE")
    return dict(sorted(files.items())) | {
        "annotated_types/__init__.py": (folder / "__init__.py").read_bytes(),
        "annotated_types/LICENSE": license_file.read_bytes(),
    }


def _imported(node: Any) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{each.name}" for each in node.names]
    return []


def _file_of(imported: str) -> str | None:
    """Return the file of a module of ours, or of the module that a name is in."""
    path = imported.replace(".", "/")
    names = (f"{path}.py", f"{path.rpartition('/')[0]}.py")
    return next((name for name in names if (PROJECT_ROOT / name).is_file()), None)
