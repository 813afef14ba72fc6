"""The form of a new run."""

import json
from datetime import datetime
from uuid import UUID

from flask import Blueprint, abort, render_template, request
from sqlalchemy import Connection, RowMapping, select

from adapters.plan_tables import PLAN
from adapters.plans.batch import Batch, latest_batches
from adapters.prices.store import Version
from adapters.runs.queries import STATUS_COLUMNS, run_row, with_plan
from adapters.sparkline import LEVELS
from adapters.tables import RUN
from contracts.run_request import RunRequest
from contracts.status import PlanKind
from contracts.tickers import normalize_tickers
from contracts.values import Json
from rules.language import EXAMPLES, FUNCTIONS, PYTHON_EXAMPLES, SERIES
from web.app import ask_database, offered_rules, platform
from web.prices import ticker_ranges
from web.titles import FIELDS, SHARING, reusable_values

blueprint = Blueprint("form", __name__)

PREFILLED = ("ticker", "timeframe", "rule_type")  # by the address alone
# initial values: the last five years of the prices, with trades that are easy to follow and a Sharpe ratio of 1.2, on a
# return no better than buy-and-hold
FIRST = {"ticker": "AAPL", "rule_type": "MA_CROSS"}
LATEST = 8  # entries next to the form, each a run or a batch
LATEST_BATCHES = 3  # of them at most, since counting a batch takes time
Line = RowMapping | Batch


@blueprint.get("/")
def page() -> str:
    """The form for a new run, filled from another run with ?clone=<run_id>, or with ?ticker=AAPL&rule_type=RSI."""
    origin, tickers = request.args.get("clone"), ticker_ranges()
    prefilled = {name: request.args[name] for name in PREFILLED if request.args.get(name)}
    values: Json = FIRST | normalize_tickers(prefilled)
    unknown = None
    if values["ticker"] not in tickers:
        unknown = prefilled.get("ticker") if tickers else None
        values["ticker"] = FIRST["ticker"] if FIRST["ticker"] in tickers else None
    newer: Version | None = None
    if origin:
        row = _run(origin)
        # with all fields, also later ones
        values = reusable_values(RunRequest.from_json(json.loads(row["request_json"])).to_json())
        newer = _newer_prices(row)
    return render_template(
        "runs/new.html",
        fields=FIELDS,
        **SHARING,
        rules=offered_rules().values(),
        series=SERIES.values(),
        functions=FUNCTIONS.values(),
        examples=EXAMPLES,
        python_examples=PYTHON_EXAMPLES,
        python_modules=platform().settings.python_modules,
        tickers=tickers,
        unknown_ticker=unknown,
        levels=LEVELS,
        values=values,
        origin=origin,
        newer_prices=newer,
        latest=ask_database(_latest),
    )


def _run(run_id: str) -> RowMapping:
    """Return the run to clone; 404 for anything but the id of a run."""
    try:
        UUID(run_id)
    except ValueError:
        abort(404, f"{run_id[:40]!r} is not the id of a run, so it cannot be cloned")
    return ask_database(run_row, run_id)


def _newer_prices(row: RowMapping) -> Version | None:
    """Return the current version of the prices if the run read another one, else None."""
    current = platform().prices.all().get(row["ticker"], {}).get(row["timeframe"])
    is_newer = current and row["data_hash"] not in (None, current.data_hash)
    return current if is_newer else None


def _latest(connection: Connection) -> list[Line]:
    """Return the latest submissions, newest first; a batch is one line."""
    columns = select(*STATUS_COLUMNS, *RUN["id", "title", "rule_type", "params_json"])
    latest = with_plan(columns).order_by(RUN.id.desc()).limit(LATEST)
    # two queries, each of which finds its rows in one index
    alone = latest.where(RUN.plan_id.is_(None))
    of_screens = latest.where(PLAN.kind == PlanKind.SCREEN, PLAN.name.is_(None))
    lines: list[Line] = [*latest_batches(connection, LATEST_BATCHES)]
    for query in (alone, of_screens):
        lines += connection.execute(query).mappings()
    return sorted(lines, key=_submitted, reverse=True)[:LATEST]


def _submitted(line: Line) -> datetime:
    moment: datetime = (line.first if isinstance(line, Batch) else line)["created_at"]
    return moment
