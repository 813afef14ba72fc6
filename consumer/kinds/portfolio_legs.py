"""The Job of a portfolio: read its request and its legs from the database, and trade them together."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, partial

from sqlalchemy import Connection

from adapters.plans.portfolio import Portfolio, legs_of, portfolio_of
from adapters.plans.store import plan_row
from adapters.prices.packing import PackedPrices
from adapters.prices.store import packed_prices
from adapters.tables import RUN
from consumer.kinds.backtest import JobResult
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from contracts.errors import BadParams
from contracts.portfolio_request import PortfolioRequest
from contracts.run_request import RunRequest
from contracts.status import PlanKind, RunStatus


def portfolio(connection: Connection, portfolio_id: str) -> JobResult:
    """Trade the legs of a portfolio together; PlatformError for a leg whose run has no signals any more."""
    trading = PortfolioTrading(*read_portfolio(connection, portfolio_id))
    return JobResult(
        trading.columns(),
        of_plan=(trading.pack(), None),
        failed_metrics=trading.performance.failed,
    )


def read_portfolio(
    connection: Connection, portfolio_id: str
) -> tuple[PortfolioRequest, list[LegRun]]:
    """Read a portfolio's request and the runs of its legs; BadParams for a run without signals."""
    plan = portfolio_of(plan_row(connection, PlanKind.PORTFOLIO, portfolio_id))
    is_ranked = plan.request.sharing.mode == "ranked"
    return plan.request, (
        ranked_legs(connection, plan.request) if is_ranked else _legs(connection, plan)
    )


def ranked_legs(connection: Connection, request: PortfolioRequest) -> list[LegRun]:
    """Read the prices of each leg; the first one has those of the benchmark, too."""
    requests = [RunRequest.from_json(request.run_of(leg)) for leg in range(len(request.legs))]
    packed = with_prices(connection, requests)
    return [LegRun.of(each, prices) for each, prices in zip(requests, packed, strict=True)]


def _legs(connection: Connection, plan: Portfolio) -> list[LegRun]:
    """Read the run of each leg."""
    rows = legs_of(connection, plan.legs, RUN.request_json, RUN.signals_json)
    requests, signals = list[RunRequest](), list[str]()
    for number, run_id in enumerate(plan.legs):
        row = rows.get(run_id)
        if row is None or row["status"] != RunStatus.SUCCEEDED or row["signals_json"] is None:
            raise BadParams(
                f"legs[{number}]: its run {run_id} has no signals any more; submit the portfolio again"
            )
        requests.append(RunRequest.from_json(json.loads(row["request_json"])))
        signals.append(row["signals_json"])
    legs = zip(requests, with_prices(connection, requests), signals, strict=True)
    return [LegRun.of(*leg) for leg in legs]


def with_prices(connection: Connection, requests: Sequence[RunRequest]) -> Iterator[PackedPrices]:
    """Yield the prices of each run, shared ones read only once; the first have those of the benchmark with them."""
    read = cache(partial(packed_prices, connection))
    benchmark = requests[0].benchmark
    for number, request in enumerate(requests):
        packed = read(request.ticker, request.timeframe, request.data_hash)
        if benchmark and not number:
            compared = read(benchmark, request.timeframe, request.benchmark_hash)
            packed = replace(packed, benchmark=compared)
        yield packed
