"""The HTTP API of batches: submission of many runs in one call, progress, leaderboard."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any
from uuid import uuid4

from flask import Blueprint, Response, g, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping, and_, true

from adapters.metrics.table import HEADLINE_NAMES, METRICS_BY_NAME
from adapters.plans.batch import (
    Batch,
    Measurement,
    batch_named,
    batch_page,
    batch_summary,
    columns_of,
    leaders,
    measured_runs,
    plan_of_batch,
    surface_of,
)
from adapters.plans.expansion import Expansion
from adapters.plans.export import export_rows
from adapters.plans.ranking import (
    DEFAULT,
    METRIC_CONDITIONS,
    Condition,
    Ranking,
    Reader,
    default_goal,
    tried_note,
)
from adapters.plans.store import ranking_of, set_default_title, set_ranking, spec_of
from adapters.tables import IS_CANCELLED, RUN
from contracts.run_request import TITLE_LENGTH
from contracts.status import PlanKind
from contracts.values import Json, frozen, picked
from web.api import (
    AFTER,
    DRY_RUN,
    KEY,
    REFUSED,
    Argument,
    arguments,
    conditional,
    csv_file,
    json_body,
    limit,
    operation,
    read_argument,
)
from web.app import ask_database, change_database, platform, reading_database, stored_key
from web.batches.submission import (
    batch_id_of,
    plan_bulk,
    read_lines,
    read_sweep,
    submit_bulk,
    validate_lines,
)
from web.documents.plan_answers import Points
from web.formats import (
    TEXT,
    Parser,
    any_text,
    flag,
    one_of,
    sha256,
    ticker_symbol,
    whole_number,
    words,
)
from web.plans import PlanResource, Row
from web.runs.operations import retry_among
from web.runs.validation import ValidRequest
from web.security import require_owner
from web.titles import batch_title, run_title

_NOTES = {
    "study": "These are Jobs of a study. Most of its combinations have no run of their own; its page has the verdict.",
    "screen": "These are the best combinations of a screen. Its page compares them with what luck alone would give.",
    "portfolio": "These are the legs of a portfolio; its page shows them traded together.",
}
_PAGES = {"study": "studies", "screen": "screens", "portfolio": "portfolios"}


@frozen
class Origin:
    """Origin of a batch: a study, screen or portfolio."""

    kind: str
    note: str  # on reading the best of its runs
    page: str  # its address


def origin_of(plan: RowMapping) -> Origin | None:
    """Return the plan that submitted the runs of a batch; None when somebody submitted it directly."""
    kind, plan_id = str(plan["kind"]), plan["plan_id"]
    if kind == PlanKind.BATCH:
        kind, plan_id = "screen", spec_of(plan).get("screen_id")
    if plan_id is None:
        return None
    return Origin(kind, _NOTES[kind], url_for(f"{_PAGES[kind]}.page", **{f"{kind}_id": plan_id}))


exploring = Blueprint("exploring", __name__)


def ranking_arguments(conditions: Reader, what: str) -> tuple[Argument, ...]:
    """Declare the arguments of a ranking by a metric of these conditions; what: the kind of plan."""
    about = f"to rank by; by default the one that the {what} was submitted with"
    kept = "a condition on ranked runs, such as num_trades >= 5"
    return (
        Argument("metric", one_of(*conditions.names), about),
        Argument("goal", one_of("max", "min"), "follows from the metric"),
        Argument("constraint", Parser(conditions.parse, TEXT), kept),
    )


RANKING = ranking_arguments(METRIC_CONDITIONS, "batch")
MOST_POINTS = 3000  # in one chart; more would overlap
MOST_AXES = 6  # parameters in addition to the metrics
EVERY_RUN = Condition("", frozenset(), ())
WHERE = Argument(
    "where",
    any_text,
    "only runs that meet this condition on parameters and metrics: period >= 10 and num_trades > 20",
)
TICKER = Argument("ticker", ticker_symbol, "only this ticker")


def ranking_query(*more: str) -> dict[str, str]:
    """Return the ranking arguments of the query, and `more` of it, for links; an empty constraint counts."""
    values = picked(request.args, (*(each.name for each in RANKING), *more))
    return {name: value for name, value in values.items() if value or name == "constraint"}


def read_ranking(default: Ranking) -> Ranking:
    """Read metric, goal and constraints from the query, each by default from the plan's ranking.

    The default goal of another metric is the better direction of it. An empty constraint means no constraint.
    """
    query = arguments()
    metric, constraint = query["metric"] or default.metric, query["constraint"]
    better = default.goal if metric == default.metric else default_goal(metric)
    constraints = default.constraints
    if "constraint" in request.args:
        constraints = [constraint] if constraint else []
    return Ranking(metric, query["goal"] or better, constraints)


def filter_runs(
    connection: Connection, plan_id: str, measured: Sequence[Measurement], ranking: Ranking
) -> tuple[Sequence[Measurement], Condition]:
    """Return the measured runs of a batch that fulfil `?where=`, and its condition."""
    if not request.args.get("where"):
        return measured, EVERY_RUN
    columns = columns_of(connection, plan_id, surface_of(measured), ranking.metric)
    kept, where = _apply_where(columns)
    return list(compress(measured, kept)), where


def _apply_where(columns: Mapping[str, Sequence[Any]]) -> tuple[list[bool], Condition]:
    """Return for each row of these columns whether it fulfils `?where=`, and its condition; InvalidRequest."""
    reader = Reader("parameters and metrics of these runs", columns, (int, float, str))
    where = read_argument("where", Parser(reader.parse, TEXT), EVERY_RUN)
    rows = zip(*columns.values(), strict=True)
    return [where.holds(dict(zip(columns, row, strict=True))) for row in rows], where


@exploring.get("/api/batches/<batch_id>/points")
@operation("200 Points: runs as columns", "404 no such batch", asks=(*RANKING, WHERE, TICKER))
def points(batch_id: str) -> Response:
    """The completed runs of a batch as columns of varying parameters and metrics; at most 3,000, evenly thinned."""
    ticker = arguments()["ticker"]
    with reading_database() as connection:
        plan = plan_of_batch(connection, batch_id)
        ranking, plan_id = read_ranking(ranking_of(plan)), plan["plan_id"]
        surface = surface_of(measured_runs(connection, plan_id, ranking, ticker))
        columns = columns_of(connection, plan_id, surface, ranking.metric)
    kept, _ = _apply_where(columns)
    every = max(1, -(-len(kept) // MOST_POINTS))
    thinned = {name: column[::every] for name, column in columns.items()}
    about = {name: METRICS_BY_NAME[name] for name in (ranking.metric, *HEADLINE_NAMES)}
    body: Points = {
        "batch_id": batch_id,
        "runs": len(kept),
        "chosen": sum(kept),
        "run_ids": [*surface.run_ids[::every]],
        "params": picked(thinned, surface.varying()[:MOST_AXES]),
        "metrics": picked(thinned, about),
        "about": {
            name: {"title": each.title, "better": each.better} for name, each in about.items()
        },
    }
    return conditional(body)


BATCH = PlanResource(PlanKind.BATCH, "batches", plan_of_batch, accepts_none=True, id_type="")
api = BATCH.api

MAX_PAGE = 2000  # runs in one answer of a batch's runs
MAX_TOP = 5000  # ranks in one leaderboard
FIRST_SHOWN = 5  # requests of a sweep that its answer shows
TOP = Argument("top", whole_number(0, MAX_TOP), "ranks; 10 by default", 10)
BATCH_ID = Argument("batch_id", words(64), "the batch of all runs of this call")
CANCELLED = Argument("cancelled", flag, "the cancelled runs too", False)
_RUN = {"$ref": "#/components/schemas/RunRequest"}
MANY_RUNS = {
    "application/json": {"type": "array", "items": _RUN, "minItems": 1},
    "application/x-ndjson": _RUN,
}


@api.post("/api/runs/bulk")
@operation(
    "200 Bulk: nothing was new, or a dry run",
    "202 Bulk: recorded",
    *REFUSED,
    asks=(KEY, BATCH_ID, DRY_RUN, *RANKING),
    body=MANY_RUNS,
    body_setting="max_body_mb",
)
def bulk() -> ResponseReturnValue:
    """Record and enqueue many runs, all or none; with ?dry_run=true only report what would happen."""
    # faults of the query are reported before those of the body
    batch_argument = arguments()["batch_id"]
    lines = read_lines()
    g.batch_id = batch_id = batch_id_of(lines, batch_argument) or _issued_batch_id()
    ask_database(require_owner, "batch_id", batch_id)
    valid = validate_lines(lines, batch_id)
    return _submit(batch_id, valid, read_ranking(DEFAULT) if ranking_query() else None)


# decorator of a view that ends in `accept_sweep`
sweep_operation = operation(
    "200 SweepAccepted: nothing was new, or a dry run",
    "202 SweepAccepted: recorded",
    *REFUSED,
    asks=(KEY, BATCH_ID, DRY_RUN),
    json="SweepSpec",
    body_setting="max_body_mb",
)


@api.post("/api/batches")
@sweep_operation
def sweep() -> ResponseReturnValue:
    """Record and enqueue all runs of a sweep, or none; with ?dry_run=true only report what would happen."""
    expansion = read_sweep(json_body(), platform().settings.max_bulk_runs)
    return accept_sweep(
        expansion, lambda batch_id: validate_lines([*enumerate(expansion.requests, 1)], batch_id)
    )


def accept_sweep(
    expansion: Expansion, valid_of: Callable[[str], list[ValidRequest]]
) -> ResponseReturnValue:
    """Record and enqueue the Jobs of a sweep, `valid_of` its batch, or report on them in a dry run."""
    query = arguments()
    g.batch_id = batch_id = query["batch_id"] or expansion.batch_id or _issued_batch_id()
    if not query["dry_run"]:
        ask_database(require_owner, "batch_id", batch_id)
    with expansion.placing():
        valid = valid_of(batch_id)
    body, code = _submit(batch_id, valid, expansion.ranking)
    if (name := expansion.spec.name) and not query["dry_run"]:
        change_database(set_default_title, batch_id, name[:TITLE_LENGTH])
    ranking = expansion.ranking and expansion.ranking.to_json()
    return body | {"first_requests": expansion.requests[:FIRST_SHOWN], "ranking": ranking}, code


def _submit(
    batch_id: str, valid: list[ValidRequest], ranking: Ranking | None
) -> tuple[Json, int]:
    """Submit the runs of a call, or report on it in a dry run; return the answer and its code."""
    dry_run = arguments()["dry_run"]
    answer = (plan_bulk if dry_run else submit_bulk)(batch_id, valid)
    if ranking and not dry_run:
        change_database(set_ranking, batch_id, ranking)
    body = {
        "batch_id": batch_id,
        "runs": len(answer["run_ids"]),
        **answer,
        "status_url": url_for("batch_api.batch", batch_id=batch_id),
    }
    return body, 202 if answer["new"] and not dry_run else 200


def _issued_batch_id() -> str:
    """Return a new batch_id; the same one for the same key of an actor, so that a repeated call adds no run."""
    key = stored_key()
    return f"key-{hashlib.sha256(key.encode()).hexdigest()[:32]}" if key else str(uuid4())


@api.get("/api/batches/<batch_id>")
@operation("200 Batch: counts, times, leaderboard", BATCH.missing, asks=(*RANKING, TOP))
def batch(batch_id: str) -> Response:
    """Counts, times and the leaderboard of a batch: ?metric=sharpe_ratio&goal=max&constraint=num_trades>=5&top=10."""
    top = arguments()["top"]
    with reading_database() as connection:
        counted = batch_named(connection, batch_id)
        ranking = read_ranking(ranking_of(counted.plan))
        summary = titled_summary(connection, counted)
        measured = measured_runs(connection, counted.plan_id, ranking) if top else []
        best = leaders(connection, measured, ranking, top)
    completed = counted.counts["completed"]
    note = note_of(counted, completed, len(measured) if top else completed)
    return conditional(
        summary | ranking.to_json() | {"leaderboard": titled_runs(best), "note": note}
    )


def titled_summary(connection: Connection, batch: Batch) -> Json:
    """Return the summary of a batch with its title."""
    return batch_summary(connection, batch) | {"title": batch_title(batch)}


def titled_runs(listed: Sequence[Json]) -> list[Json]:
    """Add its title to each run of a batch."""
    return [run | {"title": run_title(run)} for run in listed]


def note_of(batch: Batch, completed: int, kept: int) -> str:
    """Return the note on the best of so many completed runs of a batch, `kept` of which are ranked."""
    if origin := origin_of(batch.plan):
        return origin.note
    return tried_note(completed, completed - kept, to_come=batch.living)


@api.get("/api/batches/<batch_id>/runs")
@operation(
    "200 BatchPage: runs, a page at a time",
    BATCH.missing,
    asks=(replace(AFTER, parse=sha256, default=""), limit(MAX_PAGE, 1000)),
)
def batch_members(batch_id: str) -> ResponseReturnValue:
    """The runs of a batch, a page at a time: ?after=<next_after of the page before>&limit=1000."""
    query = arguments()
    with reading_database() as connection:
        plan_id = plan_of_batch(connection, batch_id)["plan_id"]
        page = batch_page(connection, plan_id, query["after"], query["limit"])
    next_after = page[-1]["request_hash"] if len(page) == query["limit"] else None
    return {"batch_id": batch_id, "runs": titled_runs(page), "next_after": next_after}


@api.get("/api/batches/<batch_id>/runs.csv")
@operation("200 text/csv: the runs", BATCH.missing)
def batch_csv(batch_id: str) -> Response:
    """All runs of a batch as CSV, one per line."""
    plan_id = ask_database(plan_of_batch, batch_id)["plan_id"]
    return csv_file(export_rows(platform().engine, plan_id, run_title), f"{batch_id}.csv")


def _title(row: Row) -> str:
    return batch_title(ask_database(batch_named, row["name"]))


def _retry(row: RowMapping) -> int:
    """Retry the failed runs of a batch, the cancelled ones only on request; return their number.

    QueueFull in the middle leaves the rest failed; the next call continues with them.
    """
    which = true() if arguments()["cancelled"] else ~IS_CANCELLED
    return len(retry_among(and_(RUN.plan_id == row["plan_id"], which)))


BATCH.add_title("Set the title of a batch; an empty one restores what its runs say.", _title)
BATCH.add_note()
BATCH.add_delete()
BATCH.add_cancel(
    "Cancel all waiting and running runs of a batch.",
    "200 how many were cancelled",
)
BATCH.add_retry(
    "Retry the failed runs of a batch; the cancelled ones only with ?cancelled=true.",
    "200 nothing to retry",
    "202 wait again",
    retry=_retry,
    asks=(CANCELLED,),
)
