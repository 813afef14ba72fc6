"""`python -m consumer.draw_charts <run_id>`: draw and store the charts that a completed run does not have.

Exit code 0: they are there. 1: the run or its prices are not, or it has not completed.
"""

import json
import logging
import sys
from dataclasses import replace

from sqlalchemy.engine import Engine, RowMapping
from sqlalchemy.exc import IntegrityError

from adapters.charts.data import ChartData
from adapters.charts.render import render_charts
from adapters.database import committed, connect_database, reading
from adapters.database_errors import is_duplicate_key
from adapters.metrics.curves import fill_bars, trade_rows
from adapters.prices.candles import held
from adapters.prices.packing import PackedPrices, unpack
from adapters.prices.run_prices import run_prices
from adapters.prices.store import prices_of
from adapters.runs.queries import chart_names, run_row
from adapters.runs.series import run_series
from adapters.runs.states import save_charts
from adapters.settings import Settings
from consumer.program import run_program
from contracts.errors import Conflict, PlatformError, UnknownTicker
from contracts.run_request import RunRequest
from contracts.run_result import CHART_NAMES
from contracts.status import RunStatus

log = logging.getLogger(__name__)


def draw_charts(engine: Engine, run_id: str) -> None:
    """Draw and store the charts that a completed run does not have; PlatformError where that cannot be."""
    with reading(engine) as connection:
        row = run_row(connection, run_id)
        if row["status"] != RunStatus.SUCCEEDED:
            raise Conflict(f"run {run_id} has not completed, so there is nothing to draw")
        stored = chart_names(connection, run_id)
        if stored.issuperset(CHART_NAMES):
            return
        request = RunRequest.from_json(json.loads(row["request_json"]))
        packed = prices_of(connection, replace(request, data_hash=row["data_hash"]))
    if isinstance(packed, UnknownTicker):
        raise packed
    drawn = render_charts(chart_data(row, request, packed))
    charts = {name: png for name, png in drawn.items() if name not in stored}
    try:
        committed(engine, lambda connection: save_charts(connection, run_id, charts))
    except IntegrityError as error:
        if not is_duplicate_key(error):  # somebody else has drawn the same
            raise


def chart_data(row: RowMapping, request: RunRequest, packed: PackedPrices) -> ChartData:
    """What the charts of a completed run show, from what is stored of it."""
    traded = run_prices(packed, request.start_date, request.end_date).traded
    run = run_series(row)
    held_pct = json.loads(row["metrics_json"])["values"]["buy_hold_return_pct"] or 0.0
    close = traded.columns["Close"]
    return ChartData(
        subject=f"{request.ticker} {request.rule_id or request.rule_type}",
        bars=traded,
        equity=run.equity,
        buy_hold_equity=request.initial_capital * (1.0 + held_pct / 100.0) * close / close[-1],
        initial_capital=request.initial_capital,
        trades=trade_rows(run.trades, run.times, request.timeframe),
        fill_bars=fill_bars(run.trades),
        benchmark=request.benchmark,
        benchmark_equity=held(unpack(packed.benchmark), traded.times, request.initial_capital)
        if packed.benchmark
        else None,
    )


def main() -> int:
    """Draw the charts of the run that the command line names."""
    return run_program("charts", _draw)


def _draw(settings: Settings) -> int:
    try:
        draw_charts(connect_database(settings.database_url), sys.argv[1])
    except PlatformError as error:
        log.warning("charts_not_drawn reason=%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
