"""The HTTP API of single runs."""

import base64
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, abort, g, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from adapters.results.metrics import METRICS
from adapters.results.run_result import run_result
from adapters.results.times import seconds_between, utc_text
from adapters.store.database import reading
from adapters.store.run_queries import chart_png, chart_pngs, events_of, run_row, run_status
from contracts.run_result import CHART_NAMES
from contracts.status import RunStatus
from rules.catalog import RULES, rule_schema
from web import operations
from web.platform import platform
from web.validation import parse_json, validate_request

blueprint = Blueprint("api", __name__)

MAX_REQUEST_BYTES = 64 * 1024  # of one run; the largest COMPOSITE takes under 4 KB


def json_body(max_bytes: int = MAX_REQUEST_BYTES) -> Any:
    """The request's JSON; 415 without the content type, 413 above `max_bytes`, InvalidRequest for bad JSON."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType(f"Content-Type {request.mimetype or 'is missing'}; accepted: application/json")
    request.max_content_length = max_bytes
    if (request.content_length or 0) > max_bytes:
        raise RequestEntityTooLarge(f"the body has {request.content_length} bytes; at most {max_bytes} are accepted")
    return parse_json(request.get_data())


@blueprint.post("/run_backtest")
def run_backtest() -> ResponseReturnValue:
    """Record and enqueue one run; answer 202 with where to watch it."""
    valid = validate_request(json_body(), platform().tickers)
    accepted = platform().submission.submit(valid, operations.idempotency_key(request.headers))
    return accepted_answer(accepted.run_id, accepted.status, accepted.existed)


def accepted_answer(run_id: str, status: RunStatus, existed: bool = False) -> ResponseReturnValue:
    """202, or 200 for a run that existed already, with where to watch it."""
    g.run_id = run_id
    body = {
        "run_id": run_id,
        "status": status.public,
        "status_url": url_for("api.status", run_id=run_id),
        "result_url": url_for("pages.result", run_id=run_id),
    }
    return body, 200 if existed else 202


@blueprint.get("/status/<uuid:run_id>")
def status(run_id: UUID) -> Response:
    """State, position and times of one run; small, and 304 while nothing has changed."""
    with reading(platform().engine) as connection:
        row = run_status(connection, str(run_id))
    state = RunStatus(row["status"])
    body = {
        "run_id": row["run_id"],
        "status": state.public,
        "attempt": row["attempt"],
        "position": operations.queue_position(row) if state is RunStatus.PENDING else None,
        "error_type": row["error_type"],
        "error_message": row["error_message"],
        "created_at": utc_text(row["created_at"]),
        "waiting_since": utc_text(row["waiting_since"]),
        "started_at": utc_text(row["started_at"]),
        "completed_at": utc_text(row["completed_at"]),
        "queue_wait_s": seconds_between(row["waiting_since"], row["started_at"]),
        "run_s": seconds_between(row["started_at"], row["completed_at"]),
        "result_url": url_for("pages.result", run_id=run_id),
    }
    return conditional(jsonify(body))


def conditional(response: Response) -> Response:
    """The response with an ETag, or 304 when the client has it already."""
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request)
    return response


@blueprint.get("/api/runs/<uuid:run_id>")
def run(run_id: UUID) -> Response:
    """Everything about one run, as the contract says."""
    with reading(platform().engine) as connection:
        row = run_row(connection, str(run_id))
        pngs = chart_pngs(connection, str(run_id)) if row["status"] == RunStatus.SUCCEEDED else {}
    charts = {f"{name}_base64": base64.b64encode(png).decode() for name, png in pngs.items()}
    result = run_result(row, charts, platform().tickers)
    return conditional(jsonify({each.name: getattr(result, each.name) for each in fields(result)}))


@blueprint.get("/api/runs/<uuid:run_id>/events")
def events(run_id: UUID) -> ResponseReturnValue:
    """The run's whole story: every transition with its time, reason and host."""
    with reading(platform().engine) as connection:
        run_status(connection, str(run_id))
        return {"run_id": str(run_id), "events": events_of(connection, str(run_id))}


@blueprint.get("/result/<uuid:run_id>/charts/<name>.png")
def chart(run_id: UUID, name: str) -> Response:
    """One chart as a picture; a finished run's never changes."""
    if name not in CHART_NAMES:
        abort(404, f"no chart is called {name[:40]!r}; there are {', '.join(CHART_NAMES)}")
    with reading(platform().engine) as connection:
        png = chart_png(connection, str(run_id), name)
    if png is None:
        abort(404, "this run has no such chart: it has not completed, or was run without charts")
    response = Response(png, mimetype="image/png")
    response.headers["Cache-Control"] = "private, max-age=3600"
    return response


@blueprint.post("/api/runs/<uuid:run_id>/cancel")
def cancel(run_id: UUID) -> ResponseReturnValue:
    """End a waiting or running run as failed (cancelled); 409 when it has ended already."""
    operations.cancel_run(platform(), str(run_id))
    return {"run_id": str(run_id), "status": RunStatus.FAILED.public}


@blueprint.post("/api/runs/<uuid:run_id>/retry")
def retry(run_id: UUID) -> ResponseReturnValue:
    """Make a failed run wait again as its next attempt; 409 when it has not failed."""
    operations.retry_run(platform(), str(run_id))
    return accepted_answer(str(run_id), RunStatus.PENDING)


@blueprint.post("/api/runs/<uuid:run_id>/reproduce")
def reproduce(run_id: UUID) -> ResponseReturnValue:
    """Run the same request again as a new run, to compare the results bit for bit."""
    key = operations.idempotency_key(request.headers)
    accepted = operations.reproduce_run(platform(), str(run_id), key)
    return accepted_answer(accepted.run_id, accepted.status, accepted.existed)


@blueprint.get("/api/rules")
def rules() -> Response:
    """The rule catalog: parameters, bounds, conditions and sources."""
    listed = [
        {
            "rule_type": name,
            "title": rule.title,
            "description": rule.description,
            "category": rule.category,
            "buy": rule.buy,
            "sell": rule.sell,
            "source": rule.source,
            "constraints": rule.constraints,
            "params": [
                {each.name: _plain(getattr(param, each.name)) for each in fields(param)} for param in rule.params
            ],
            "schema": _plain(rule_schema(name)),
        }
        for name, rule in RULES.items()
    ]
    return conditional(jsonify({"rules": listed}))


def _plain(value: Any) -> Any:
    """The catalog's frozen mappings and tuples as JSON can show them."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


@blueprint.get("/api/tickers")
def tickers() -> Response:
    """Tickers with their timeframes and date ranges."""
    listed = [
        {
            "ticker": ticker,
            "timeframes": {
                timeframe: {
                    "first_date": held.first_date.isoformat(),
                    "last_date": held.last_date.isoformat(),
                    "bars": held.bars,
                    "data_hash": held.data_hash,
                }
                for timeframe, held in ranges.items()
            },
        }
        for ticker, ranges in platform().tickers.all().items()
    ]
    return conditional(jsonify({"tickers": listed}))


@blueprint.get("/api/metrics")
def metrics() -> Response:
    """Every metric of a run: its unit, its formula, and whether more or less of it is better."""
    shown = ("name", "title", "unit", "better", "formula")
    return conditional(jsonify({"metrics": [{name: getattr(metric, name) for name in shown} for metric in METRICS]}))
