"""The HTTP API of batches: many runs in one call, and what has become of them."""

import csv
import hashlib
import io
from collections.abc import Iterator
from uuid import uuid4

from flask import Blueprint, Response, jsonify, request, url_for
from flask.typing import ResponseReturnValue

from adapters.results.leaderboard import METRIC_NAMES, Goal, default_goal, tried_note
from adapters.store.batch_export import export_rows
from adapters.store.batches import (
    batch_grid,
    batch_leaderboard,
    batch_page,
    batch_summary,
    require_batch,
)
from adapters.store.database import reading
from contracts.errors import InvalidRequest
from web import operations
from web.api import conditional
from web.batch_operations import cancel_batch, retry_batch
from web.bulk_body import batch_id_of, read_lines, validate_lines
from web.bulk_submission import plan_bulk, submit_bulk
from web.platform import platform

blueprint = Blueprint("bulk", __name__)

MAX_PAGE = 2000  # runs in one answer of a batch's runs
MAX_TOP = 1000  # ranks in one leaderboard


@blueprint.post("/api/runs/bulk")
def bulk() -> ResponseReturnValue:
    """Record and enqueue many runs, all or none; with ?dry_run=true only say what would happen."""
    dry_run = _flag("dry_run")
    lines = read_lines(request, platform().settings)
    batch_id = batch_id_of(lines, request.args.get("batch_id"), _issued_batch_id())
    valid = validate_lines(lines, batch_id, platform().tickers)
    answer = plan_bulk(platform(), batch_id, valid) if dry_run else submit_bulk(platform(), batch_id, valid)
    body = {
        "batch_id": batch_id,
        "runs": len(valid),
        "new": answer.new,
        "existing": answer.existing,
        "run_ids": answer.run_ids,
        "status_url": url_for("bulk.batch", batch_id=batch_id),
    }
    return body, 202 if answer.new and not dry_run else 200


def _issued_batch_id() -> str:
    """A new batch; the same one for the same Idempotency-Key, so that a repeated call makes no second run."""
    key = operations.idempotency_key(request.headers)
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}" if key else str(uuid4())


@blueprint.get("/api/batches/<batch_id>")
def batch(batch_id: str) -> Response:
    """Counts, times and the leaderboard of a batch: ?metric=sharpe_ratio&goal=max&top=10."""
    metric, goal, top = asked_metric(), asked_goal(), asked_number("top", 10, 0, MAX_TOP)
    with reading(platform().engine) as connection:
        summary = batch_summary(connection, batch_id)
        best = batch_leaderboard(connection, batch_id, metric, goal, top) if top else []
    ranking = {"metric": metric, "goal": goal, "leaderboard": best, "note": tried_note(summary["runs"])}
    return conditional(jsonify(summary | ranking))


@blueprint.get("/api/batches/<batch_id>/runs")
def batch_members(batch_id: str) -> ResponseReturnValue:
    """The runs of a batch, a page at a time: ?after=<next_after of the page before>&limit=1000."""
    limit, after = asked_number("limit", 1000, 1, MAX_PAGE), request.args.get("after", "")
    with reading(platform().engine) as connection:
        page = batch_page(connection, batch_id, after, limit)
        if not page:
            require_batch(connection, batch_id)  # an unknown batch is a 404, a page behind the last one is not
    return {"batch_id": batch_id, "runs": page, "next_after": page[-1]["request_hash"] if len(page) == limit else None}


@blueprint.get("/api/batches/<batch_id>/heatmap")
def batch_map(batch_id: str) -> Response:
    """A metric over two parameters: ?metric=sharpe_ratio&x=period&y=oversold&ticker=AAPL, the last three optional."""
    axes = (request.args.get("x"), request.args.get("y"))
    chosen = (axes[0], axes[1]) if axes[0] and axes[1] else None
    with reading(platform().engine) as connection:
        require_batch(connection, batch_id)
        grid = batch_grid(connection, batch_id, asked_metric(), chosen, request.args.get("ticker"))
    shown = grid.heatmap() if grid else None
    return conditional(jsonify({"batch_id": batch_id, "metric": asked_metric(), "heatmap": shown}))


@blueprint.get("/api/batches/<batch_id>/runs.csv")
def batch_csv(batch_id: str) -> Response:
    """All runs of a batch as CSV, one per line."""
    with reading(platform().engine) as connection:
        require_batch(connection, batch_id)
    response = Response(_csv_lines(export_rows(platform().engine, batch_id)), mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=f"{batch_id}.csv")
    return response


@blueprint.post("/api/batches/<batch_id>/cancel")
def cancel(batch_id: str) -> ResponseReturnValue:
    """End all waiting and running runs of a batch as failed (cancelled)."""
    return {"batch_id": batch_id, "cancelled": cancel_batch(platform(), batch_id)}


@blueprint.post("/api/batches/<batch_id>/retry")
def retry(batch_id: str) -> ResponseReturnValue:
    """Make the failed runs of a batch wait again; the cancelled ones only with ?cancelled=true."""
    retried = retry_batch(platform(), batch_id, cancelled_too=_flag("cancelled"))
    return {"batch_id": batch_id, "retried": retried}, 202 if retried else 200


def _csv_lines(rows: Iterator[list[object]]) -> Iterator[str]:
    for row in rows:
        line = io.StringIO()
        csv.writer(line).writerow(row)
        yield line.getvalue()


def asked_metric() -> str:
    """The query's metric, Sharpe ratio by default; InvalidRequest for one that does not exist."""
    metric = request.args.get("metric", "sharpe_ratio")
    if metric not in METRIC_NAMES:
        raise InvalidRequest({"metric": f"{metric[:60]!r} is not one of {', '.join(METRIC_NAMES)}"})
    return metric


def asked_goal() -> Goal:
    """The query's goal, else what is better for its metric."""
    goal = request.args.get("goal") or default_goal(asked_metric())
    if goal not in ("max", "min"):
        raise InvalidRequest({"goal": f"{goal[:60]!r} is not one of max, min"})
    return goal  # type: ignore[return-value]  # narrowed by the line above


def asked_number(name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query; InvalidRequest when it is none or out of range."""
    text = request.args.get(name, str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not least <= int(text) <= most:
        raise InvalidRequest({name: f"{text[:60]!r} is not a whole number from {least} to {most}"})
    return int(text)


def _flag(name: str) -> bool:
    text = request.args.get(name, "false")
    if text not in ("true", "false"):
        raise InvalidRequest({name: f"{text[:60]!r} is not one of true, false"})
    return text == "true"
