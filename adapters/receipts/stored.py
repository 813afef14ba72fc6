"""Receipts of what the database stores: runs, portfolios, rows of screens and studies."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping

from adapters.metrics.table import ANALYSIS_VERSION
from adapters.plans.portfolio import legs_of, portfolio_of
from adapters.plans.store import plan_row
from adapters.prices.packing import PackedPrices
from adapters.prices.store import prices_of
from adapters.receipts.archive import Parts
from adapters.receipts.content import (
    REQUEST,
    RESULT,
    claims_of,
    code_parts,
    price_parts,
    series_read,
)
from adapters.tables import RUN
from contracts.errors import Conflict, UnknownTicker
from contracts.run_request import RunRequest
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import Json

Content = tuple[Json, Parts]  # facts for the manifest, and parts


def run_content(connection: Connection, row: RowMapping, has_bars: bool) -> Content:
    """Return the receipt of a completed run, or of a portfolio, by its Job's row; Conflict where there is none."""
    if row["kind"] not in (Kind.RUN, Kind.PORTFOLIO):
        raise Conflict(f"a {row['kind']} has no receipt of this kind")
    if row["status"] != RunStatus.SUCCEEDED:
        raise Conflict("it has not completed; only a result has a receipt")
    if row["equity_curve_json"] is None:
        raise Conflict("its series were deleted automatically; reproduce it first")
    if row["analysis_version"] != ANALYSIS_VERSION:
        raise Conflict(
            f"it was computed by analysis version {row['analysis_version']}, and this platform has {ANALYSIS_VERSION}; "
            "reproduce it first"
        )
    if row["kind"] == Kind.PORTFOLIO:
        request, runs = _portfolio(connection, row["run_id"])
    else:
        request = json.loads(row["request_json"])
        runs = [RunRequest.from_json(request)]
    prices = read_prices(connection, runs)
    facts = {"kind": Kind(row["kind"]).value, "id": row["run_id"], "image_tag": row["image_tag"]}
    return content(facts, request, claims_of(row, prices[0]), prices, has_bars)


def _portfolio(connection: Connection, portfolio_id: str) -> tuple[Json, list[RunRequest]]:
    """Return the request of a portfolio with those of its legs' runs, and the latter."""
    plan = portfolio_of(plan_row(connection, PlanKind.PORTFOLIO, portfolio_id))
    rows = legs_of(connection, plan.legs, RUN.request_json)
    if missing := {*plan.legs} - rows.keys():
        raise Conflict(f"the run {min(missing)} of a leg was deleted; submit the portfolio again")
    values = [json.loads(rows[run_id]["request_json"]) for run_id in plan.legs]
    values = values or [plan.request.run_of(leg) for leg in range(len(plan.request.legs))]
    runs = [RunRequest.from_json(each) for each in values]
    return {"portfolio": plan.request.to_json(), "runs": [each.to_json() for each in runs]}, runs


def read_prices(connection: Connection, requests: Sequence[RunRequest]) -> list[PackedPrices]:
    """Return what each run read; Conflict where a version was deleted, or has reserved bars."""
    prices = list[PackedPrices]()
    for request in requests:
        packed = prices_of(connection, request)
        if isinstance(packed, UnknownTicker):
            raise Conflict(f"its prices were deleted: {packed}")
        named = {request.data_hash, request.benchmark_hash, *(request.others or {}).values()}
        for each in series_read([packed]):
            if each.data_hash not in named:
                raise Conflict(f"the end of the prices of {each.ticker} is reserved")
        prices.append(packed)
    return prices


def content(
    facts: Json, request: Json, claims: Json, prices: Sequence[PackedPrices], has_bars: bool
) -> Content:
    """Return the parts that all kinds have. has_bars: prices themselves, in place of their hashes alone."""
    versions, parts = price_parts(prices, has_bars)
    return {**facts, "prices": versions}, {
        REQUEST: encoded(request),
        RESULT: encoded(claims),
        **parts,
        **code_parts(),
    }


def encoded(values: Json) -> bytes:
    """Return values as JSON for people and programs, one value per line."""
    return json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False).encode()
