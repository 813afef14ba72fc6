"""Check a receipt: recompute everything that it states from its request and prices, and compare."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from adapters.receipts.archive import Parts, Receipt
from adapters.receipts.content import (
    REQUEST,
    RESULT,
    ReceiptPrices,
    claims_of,
    code_parts,
    recomputed_row,
)
from adapters.settings import Settings
from consumer.kinds.backtest import backtest
from consumer.sealed.evaluator import Evaluator
from contracts.errors import BadReceipt
from contracts.portfolio_request import PortfolioRequest
from contracts.run_request import RunRequest
from contracts.values import Json

SHOWN = 3  # files of the code that are named


def check(receipt: Receipt, files: Parts, settings: Settings) -> str:
    """Recompute what a receipt states; return a summary, or raise BadReceipt with the first place that differs.

    files: CSVs of prices by their SHA-256, for a receipt that has hashes alone.
    """
    recompute = KINDS.get(str(receipt.facts.get("kind")))
    if recompute is None:
        raise BadReceipt(
            f"manifest.json: kind {receipt.facts.get('kind')!r}; accepted: {', '.join(KINDS)}"
        )
    stated = receipt.json(RESULT)
    try:
        prices = ReceiptPrices(receipt, files)
        computed, summary = recompute(receipt.json(REQUEST), prices, settings)
    except (KeyError, TypeError, ValueError) as error:
        raise BadReceipt(f"{REQUEST}: it cannot be run: {error!r}") from error
    if not stated.get("metrics"):
        raise BadReceipt(f"{RESULT}: it states no metrics")
    if place := first_difference(stated, json.loads(json.dumps(computed))):
        raise BadReceipt(f"{RESULT}: {place}")
    return summary


def run_columns(request: RunRequest, prices: ReceiptPrices, settings: Settings) -> Json:
    """Run a request as its Job did; return the columns of its row."""
    is_python = request.rule_type == "PYTHON"
    with Evaluator(settings) if is_python else nullcontext() as evaluator:
        return backtest(request, prices.of(request), evaluator=evaluator).columns


def _run(values: Json, prices: ReceiptPrices, settings: Settings) -> tuple[Json, str]:
    request = RunRequest.from_json(values)
    columns = run_columns(request, prices, settings)
    claims = claims_of(recomputed_row(request, columns), prices.of(request))
    return claims, _summary(claims)


def _portfolio(values: Json, prices: ReceiptPrices, settings: Settings) -> tuple[Json, str]:
    from consumer.kinds.portfolio import LegRun, PortfolioTrading  # a run does not need it

    request = PortfolioRequest.from_json(values["portfolio"])
    legs = list[LegRun]()
    for run in map(RunRequest.from_json, values["runs"]):
        is_ranked = request.sharing.mode == "ranked"
        signals = None if is_ranked else run_columns(run, prices, settings)["signals_json"]
        legs.append(LegRun.of(run, prices.of(run), signals))
    trading = PortfolioTrading(request, legs)
    row = recomputed_row(trading.terms, trading.columns())
    claims = claims_of(row, legs[0].setup.prices.packed)
    return claims, f"{len(legs)} legs, {_summary(claims)}"


def _summary(claims: Json) -> str:
    bars, trades = len(claims["equity_curve"]), len(claims["trades"])
    return f"{bars:,} bars, {trades:,} trades, result_hash {claims['result_hash']}"


KINDS: dict[str, Callable[[Json, ReceiptPrices, Settings], tuple[Json, str]]] = {
    "run": _run,
    "portfolio": _portfolio,
}


def first_difference(stated: Any, computed: Any, place: str = "") -> str | None:
    """Return the first place where a value is not as computed, with both; None where all that is stated is equal."""
    if isinstance(stated, dict) and isinstance(computed, dict):
        pairs = [(f"{place}.{name}" if place else name, name) for name in stated]
        differences = (
            first_difference(stated[name], computed.get(name), at) for at, name in pairs
        )
    elif isinstance(stated, list) and isinstance(computed, list):
        if len(stated) != len(computed):
            return f"{place}: {len(stated):,} entries, recomputed {len(computed):,}"
        differences = (
            first_difference(one, other, f"{place}[{number}]")
            for number, (one, other) in enumerate(zip(stated, computed, strict=True))
        )
    else:
        same = type(stated) is type(computed) and stated == computed
        return None if same else f"{place}: {stated!r}, recomputed {computed!r}"
    return next(filter(None, differences), None)


def compare_code(receipt: Receipt) -> str:
    """Return a sentence on whether the code in a receipt is that of this clone, which was run."""
    ours = code_parts()
    other = [name for name in ours if receipt.parts.get(name) != ours[name]]
    if not other:
        return "the receipt's code is that of this clone"
    more = f" and {len(other) - SHOWN} more" if len(other) > SHOWN else ""
    return f"the receipt's code is not that of this clone, which was run: {', '.join(other[:SHOWN])}{more}"
