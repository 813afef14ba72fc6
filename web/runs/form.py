"""The form of a new run."""

import json
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, render_template, request
from sqlalchemy import select
from sqlalchemy.engine import Connection

from adapters.store.database import reading
from adapters.store.run_queries import STATUS_COLUMNS, run_row
from adapters.store.tables import runs
from rules.catalog import RULES, ParamSpec
from rules.language import EXAMPLES, FUNCTIONS, SERIES
from web.platform import platform
from web.request_fields import FIELDS, asked_again

blueprint = Blueprint("form", __name__)

LATEST = 8  # runs beside the form


@blueprint.get("/")
def page() -> str:
    """The form for a new run, filled from another run with ?clone=<run_id>."""
    origin = request.args.get("clone")
    with reading(platform().engine) as connection:
        values = _request_of(connection, origin) if origin else {}
        latest = _latest(connection)
    return render_template(
        "runs/new.html",
        fields=FIELDS,
        rules=list(RULES.values()),
        series=SERIES.values(),
        functions=list(FUNCTIONS.values()),
        examples=EXAMPLES,
        tickers=_ticker_ranges(),
        values=values,
        origin=origin,
        latest=latest,
        default_members=default_members,
    )


def _request_of(connection: Connection, run_id: str) -> dict[str, Any]:
    """A run's request without what belongs to that run alone; 404 for what is no run_id."""
    try:
        UUID(run_id)
    except ValueError:
        abort(404, f"{run_id[:40]!r} is not the id of a run, so it cannot be cloned")
    return asked_again(json.loads(run_row(connection, run_id)["request_json"]))


def _latest(connection: Connection) -> list[Any]:
    query = select(*STATUS_COLUMNS, runs.c.rule_type).order_by(runs.c.id.desc()).limit(LATEST)
    return list(connection.execute(query).mappings())


def _ticker_ranges() -> dict[str, dict[str, dict[str, Any]]]:
    """First day, last day and bars of each ticker and timeframe."""
    return {
        ticker: {
            timeframe: {
                "first_date": held.first_date.isoformat(),
                "last_date": held.last_date.isoformat(),
                "bars": held.bars,
            }
            for timeframe, held in ranges.items()
        }
        for ticker, ranges in platform().tickers.all().items()
    }


def default_members(param: ParamSpec) -> list[dict[str, Any]]:
    """The members that a composite rule begins with, as plain JSON values."""
    return [dict(member) for member in param.default]
