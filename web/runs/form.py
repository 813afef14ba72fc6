"""The form of a new run."""

import json
from datetime import datetime
from uuid import UUID

from flask import Blueprint, abort, render_template, request
from sqlalchemy import Connection, RowMapping, select

from adapters.batches.lists import ListedBatch, list_batches
from adapters.prices.store import Version, version
from adapters.runs.queries import STATUS_COLUMNS, run_row
from adapters.sparkline import LEVELS
from adapters.tables import RUN
from contracts.errors import UnknownTicker
from contracts.run_request import RunRequest
from contracts.status import RunStatus
from contracts.values import Json
from rules.catalog import RULES, ParamSpec
from rules.language import EXAMPLES, FUNCTIONS, SERIES
from web.batches.pages import listed_title
from web.platform import reading_database
from web.prices.api import ticker_ranges
from web.request_fields import FIELDS, SHARING, asked_again

blueprint = Blueprint("form", __name__)

PREFILLED = ("ticker", "timeframe", "rule_type")  # by the address alone
# what a newcomer runs first, over the last five years of the prices: trades that are easily followed, and a Sharpe
# ratio of 1.2 on a return that is no better than holding the stock
FIRST = {"ticker": "AAPL", "rule_type": "MA_CROSS"}
LATEST = 8  # lines beside the form, each of a run or of a batch
LATEST_BATCHES = 3  # of them at most, since counting a batch takes time


@blueprint.get("/")
def page() -> str:
    """The form for a new run, filled from another run with ?clone=<run_id>, or with ?ticker=AAPL&rule_type=RSI."""
    origin = request.args.get("clone")
    tickers = ticker_ranges()
    known = {name: value for name, value in FIRST.items() if name != "ticker" or value in tickers}
    values: Json = known | {
        name: request.args[name] for name in PREFILLED if request.args.get(name)
    }
    unknown = values["ticker"] if tickers and values.get("ticker") not in tickers else None
    if unknown:
        values["ticker"] = known.get("ticker")
    newer: Version | None = None
    with reading_database() as connection:
        if origin:
            row = _run(connection, origin)
            # with all fields, also younger ones
            cloned = RunRequest.from_json(json.loads(row["request_json"]))
            values, newer = asked_again(cloned.to_json()), _newer_prices(connection, row)
        latest = _latest(connection)
    return render_template(
        "runs/new.html",
        fields=FIELDS,
        **SHARING,
        rules=list(RULES.values()),
        series=SERIES.values(),
        functions=list(FUNCTIONS.values()),
        examples=EXAMPLES,
        tickers=tickers,
        unknown_ticker=unknown,
        levels=LEVELS,
        values=values,
        origin=origin,
        newer_prices=newer,
        latest=latest,
        title_of=listed_title,
        latest_lives=any(map(_is_living, latest)),
        default_members=default_members,
    )


def _run(connection: Connection, run_id: str) -> RowMapping:
    """The run that is cloned; 404 for what is no run_id."""
    try:
        UUID(run_id)
    except ValueError:
        abort(404, f"{run_id[:40]!r} is not the id of a run, so it cannot be cloned")
    return run_row(connection, run_id)


def _newer_prices(connection: Connection, row: RowMapping) -> Version | None:
    """The version that a clone would read, where that is another than the run's own."""
    try:
        current = version(connection, row["ticker"], row["timeframe"])
    except UnknownTicker:
        return None
    return None if row["data_hash"] in (None, current.data_hash) else current


def _latest(connection: Connection) -> list[RowMapping | ListedBatch]:
    """What was submitted latest, newest first; a batch is one line, however many runs it has."""
    alone = select(*STATUS_COLUMNS, *RUN["title", "rule_type", "params_json"]).where(
        RUN.batch_id.is_(None)
    )
    found: list[RowMapping | ListedBatch] = list(
        connection.execute(alone.order_by(RUN.id.desc()).limit(LATEST)).mappings()
    )
    found += list_batches(connection, None, LATEST_BATCHES).batches
    return sorted(found, key=_submitted_at, reverse=True)[:LATEST]


def _submitted_at(line: RowMapping | ListedBatch) -> datetime:
    moment: datetime = (line.first if isinstance(line, ListedBatch) else line)["created_at"]
    return moment


def _is_living(line: RowMapping | ListedBatch) -> bool:
    return (
        line.is_live
        if isinstance(line, ListedBatch)
        else not RunStatus(line["status"]).is_terminal
    )


def default_members(param: ParamSpec) -> list[Json]:
    """The members that a composite rule begins with, as plain JSON values."""
    return [dict(member) for member in param.default]
