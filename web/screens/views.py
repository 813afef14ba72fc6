"""The API and the page of screens: submission, progress, best rows, batches of them, the metric by parameter."""

import json
from collections.abc import Sequence

from flask import Response, render_template, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Connection, RowMapping

from adapters.metrics.table import METRICS_BY_NAME
from adapters.plans.combinations import CORE, CORE_CONDITIONS, MAX_COMBINATIONS, Surface
from adapters.plans.ranking import Ranking, tried_note
from adapters.plans.screen import screen_jobs
from adapters.plans.store import plan_row, ranking_of
from adapters.runs.times import utc_text
from contracts.errors import Conflict, InvalidRequest
from contracts.status import PlanKind, RunStatus
from contracts.values import Json, picked, side_by_side
from web.api import (
    DRY_RUN,
    ENDED,
    KEY,
    REFUSED,
    Argument,
    arguments,
    conditional,
    json_body,
    operation,
    read_argument,
)
from web.app import ask_database, platform
from web.batches.api import ranking_arguments, ranking_query, read_ranking
from web.batches.pages import shown_parameters
from web.batches.submission import read_sweep, submit_bulk
from web.formats import ticker_among, ticker_symbol, whole_number
from web.plans import PlanResource
from web.runs import operations
from web.runs.api import accepted_answer
from web.runs.page import await_end
from web.screens.jobs import (
    Row,
    ScreenedJob,
    leaderboard,
    ranked_rows,
    screened_jobs,
    submit_screen,
    surface_of,
)
from web.studies.pictures import histogram_picture
from web.titles import format_fields, screen_title


def _find(connection: Connection, screen_id: str) -> RowMapping:
    """Return the plan of a screen by its id, or by that of one of its Jobs; UnknownScreen."""
    job = screen_jobs(connection, screen_id)[0]
    return plan_row(connection, PlanKind.SCREEN, job["plan_id"])


def _state(screen_id: str) -> Json:
    return describe_screen(ask_database(screen_jobs, screen_id))


SCREEN = PlanResource(PlanKind.SCREEN, "screens", _find, _state)
api = SCREEN.api

MAX_TOP = 1000  # rows in one leaderboard
RECEIPT = (
    "ticker",
    "run_id",
    "data_hash",
    "engine_version",
    "analysis_version",
    "image_tag",
)
# the state of a screen is the first of these that one of its Jobs has
WEIGHTS = (RunStatus.RUNNING, RunStatus.PENDING, RunStatus.FAILED, RunStatus.SUCCEEDED)
RANKING = ranking_arguments(CORE_CONDITIONS, "screen")
TOP = Argument("top", whole_number(0, MAX_TOP), "rows; 10 by default", 10)
BEST = Argument("best", whole_number(1, MAX_COMBINATIONS), "how many of the best; all by default")
NUMBER = Argument("number", whole_number(0), "of the combination in the leaderboard", 0)
TICKER = Argument("ticker", ticker_symbol, "of this ticker; by default the first one")


@api.post("/api/screens")
@operation(
    "200 a dry run, or this key has its screen already",
    "202 ScreenAccepted: recorded",
    "409 the key was used for another request",
    *REFUSED,
    asks=(KEY, DRY_RUN),
    json="SweepSpec",
    body_setting="max_body_mb",
)
def submit() -> ResponseReturnValue:
    """Record a screen: one Job for each ticker tries every combination of the sweep; ?dry_run=true only counts them."""
    sweep = read_sweep(json_body(), MAX_COMBINATIONS)
    facts = {"combinations": len(sweep.members), "jobs": len(sweep.tickers)}
    if arguments()["dry_run"]:
        return facts
    screen_id, is_new = submit_screen(sweep)
    return SCREEN.accepted(screen_id, is_new, "result_url", **facts)


@api.get("/api/screens/<uuid:screen_id>")
@operation("200 Screen: its progress and its best rows", SCREEN.missing, asks=(*RANKING, TOP))
def screen(screen_id: str) -> Response:
    """Progress of a screen and its best rows: ?metric=sharpe_ratio&goal=max&constraint=num_trades>=5&top=10."""
    jobs = ask_database(screen_jobs, screen_id)
    ranking = screen_ranking(jobs)
    rows = leaderboard(ranked_rows(screened_jobs(jobs), ranking, arguments()["top"]))
    return conditional(describe_screen(jobs) | ranking.to_json() | {"leaderboard": rows})


def screen_ranking(jobs: Sequence[RowMapping]) -> Ranking:
    """Read the ranking from the query, by default from the screen."""
    return read_ranking(ranking_of(jobs[0]))


def describe_screen(jobs: Sequence[RowMapping]) -> Json:
    """Return a screen in the form of the API; one of several tickers has completed when all of them have."""
    first, of_all = jobs[0], side_by_side(jobs)
    tickers, ends = of_all["ticker"], of_all["completed_at"]
    states = [RunStatus(status) for status in of_all["status"]]
    failed = next((job for job in jobs if job["status"] == RunStatus.FAILED), Json())
    return {
        "screen_id": first["plan_id"],
        "title": screen_title(first, tickers, json.loads(first["values_json"])),
        "name": first["label"],
        "status": min(states, key=WEIGHTS.index).public,
        "rule_type": first["rule_type"],
        "tickers": tickers,
        "combinations": sum(of_all["combinations"]),
        "done": sum(of_all["done"]),
        **{name: failed.get(name) for name in ("error_type", "error_message")},
        "created_at": utc_text(first["created_at"]),
        "completed_at": utc_text(max(ends)) if all(ends) else None,
        "receipts": [picked(job, RECEIPT) for job in jobs],
    }


@api.post("/api/screens/<uuid:screen_id>/run")
@operation(
    "202 Accepted: recorded",
    SCREEN.missing,
    "409 it has not completed",
    *REFUSED,
    asks=(KEY, NUMBER, TICKER),
)
def run(screen_id: str) -> ResponseReturnValue:
    """Run one combination of a screen as a full backtest with charts: ?number=17&ticker=AAPL."""
    query = arguments()
    screened_job = _completed_jobs(ask_database(screen_jobs, screen_id), query["ticker"])[0]
    number, most = query["number"], len(screened_job.tried) - 1
    if number > most:
        raise InvalidRequest({"number": f"{number} is not accepted; accepted: 0 to {most}"})
    valid = Row(screened_job, number).run(charts=True)
    return accepted_answer(*operations.submit_run(valid))


@api.post("/api/screens/<uuid:screen_id>/batch")
@operation(
    "200 ScreenBatch: nothing was new",
    "202 ScreenBatch: recorded",
    SCREEN.missing,
    "409 it has not completed",
    *REFUSED,
    asks=(*RANKING, BEST),
)
def batch(screen_id: str) -> ResponseReturnValue:
    """Run the best combinations of a screen, or all, as Jobs of one batch: ?best=10&metric=sharpe_ratio."""
    jobs = ask_database(screen_jobs, screen_id)
    rows = ranked_rows(_completed_jobs(jobs), screen_ranking(jobs), arguments()["best"])
    if not 0 < len(rows) <= (most := platform().settings.max_bulk_runs):
        raise InvalidRequest(
            {"best": f"{len(rows):,} combinations have a place; 1 to {most:,} runs are accepted"}
        )
    batch_id, origin = f"screen-{jobs[0]['plan_id']}", {"screen_id": jobs[0]["plan_id"]}
    answer = submit_bulk(batch_id, [row.run(batch_id=batch_id) for row in rows], origin)
    body = {
        "batch_id": batch_id,
        "runs": len(rows),
        **picked(answer, ("new", "run_ids")),
        "status_url": url_for("batch_api.batch", batch_id=batch_id),
        "result_url": url_for("batches.page", batch_id=batch_id),
    }
    return body, 202 if answer["new"] else 200


def _completed_jobs(jobs: Sequence[RowMapping], ticker: str | None = None) -> list[ScreenedJob]:
    if completed := screened_jobs(jobs, ticker):
        return completed
    raise Conflict(
        f"screen {jobs[0]['plan_id']} has not completed{f' on {ticker}' if ticker else ''}"
    )


SCREEN.add_note()
SCREEN.add_delete()
SCREEN.add_cancel(
    "Cancel what has not ended of a screen; 409 when all of it has.",
    "200 ended as failed (cancelled)",
    ENDED,
)
SCREEN.add_retry(
    "Retry what has failed of a screen; 409 when nothing has.",
    "202 waits again",
    "409 nothing of it has failed",
)


pages = SCREEN.pages

PAGE_TOP = Argument("top", whole_number(1, MAX_TOP), "rows; 20 by default", 20)
# variables of every screen page
OFFERED: Json = {
    "core": [METRICS_BY_NAME[name] for name in CORE],
    "most": MAX_TOP,
    "batches": (10, 100),  # sizes of the batches that buttons submit
    "has_runs": False,
}


@pages.get("/screens/<uuid:screen_id>")
@operation(asks=(*RANKING, PAGE_TOP))
def page(screen_id: str) -> str:
    """A screen, ranked and mapped: ?metric=sharpe_ratio&constraint=num_trades>=20&ticker=AAPL&x=fast&top=1000."""
    await_end(screen_id)
    jobs = ask_database(screen_jobs, screen_id)
    ranking, top = screen_ranking(jobs), arguments()["top"]
    tickers = {job["ticker"]: job["combinations"] for job in jobs}
    ticker: str | None = read_argument("ticker", ticker_among(tickers), None)
    completed = screened_jobs(jobs, ticker)
    run_request = json.loads(jobs[0]["request_json"])
    living = [job for job in jobs if not RunStatus(job["status"]).is_terminal]
    screen, surface = describe_screen(jobs), surface_of(completed, ranking)
    return render_template(
        "screens/screen.html",
        **OFFERED,
        screen=screen,
        first=jobs[0],
        query=ranking_query(),
        run_request=run_request,
        terms=format_fields(run_request, "orders", "stops"),
        living=living,
        leaders=leaderboard(ranked_rows(completed, ranking, top)),
        tickers=tickers,
        ticker=ticker,
        note=tried_note(
            sum(each.job["combinations"] for each in completed),
            to_come=sum(job["combinations"] for job in living),
            what="combination",
        ),
        evidence=None if living else _evidence(completed),
        placed=len(surface.metrics),
        histogram=_histogram(surface, ranking),
        **shown_parameters(surface, ranking),
    )


def _histogram(surface: Surface, ranking: Ranking) -> Markup | None:
    """Draw the distribution of the metric over the ranked combinations, with the best one marked."""
    values = [value for value in surface.metrics if value is not None]
    if not values:
        return None
    best = (max if ranking.goal == "max" else min)(values)
    return histogram_picture(values, best, f"best {METRICS_BY_NAME[ranking.metric].title}:")


def _evidence(completed: list[ScreenedJob]) -> Json | None:
    """Return the evidence for the highest Sharpe ratio of all tickers against luck in as many trials."""
    proven = [each for each in completed if each.best.get("evidence")]
    if not proven:
        return None
    of = max(proven, key=lambda each: float(each.best["metrics"]["sharpe_ratio"]))
    run = Row(of, of.best["number"]).run().request.to_json()
    return {"run": run, "evidence": of.best["evidence"], "metrics": of.best["metrics"]}
