"""Timeline and log of a run, screen or portfolio: page and API."""

from dataclasses import asdict

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from adapters.runs.queries import run_status
from adapters.runs.timeline import logs_of, timeline_of
from contracts.timeline import Part
from web.api import NO_RUN, operation
from web.app import ask_database

AXIS = 1.25  # length of the line of time, in times of what ends with the result

blueprint = Blueprint("timeline", __name__)


@blueprint.get("/api/runs/<uuid:run_id>/timeline")
@operation("200 Timeline: the parts of each attempt", NO_RUN)
def timeline(run_id: str) -> ResponseReturnValue:
    """List the parts of a run, screen or portfolio with their times, one attempt after the other."""
    return {"run_id": run_id, "parts": [asdict(each) for each in parts_of(run_id)]}


@blueprint.get("/api/runs/<uuid:run_id>/log")
@operation("200 text/plain: the last 64 KB of each attempt", NO_RUN)
def job_log(run_id: str) -> Response:
    """The log of a run's Jobs, Python traces included, one attempt after the other."""
    ask_database(run_status, run_id)
    return Response("".join(ask_database(logs_of, run_id).values()), mimetype="text/plain")


@blueprint.get("/result/<uuid:run_id>/timeline")
def page(run_id: str) -> ResponseReturnValue:
    """Both as a page, which the pages of runs, screens and portfolios load on demand."""
    parts = parts_of(run_id)
    return render_template(
        "runs/timeline.html",
        run_id=run_id,
        parts=parts,
        total_s=sum(part.seconds for part in parts if part.in_total),
        until_s=AXIS
        * max((part.start + part.seconds for part in parts if part.in_total), default=0.0),
        logs=ask_database(logs_of, run_id),
    )


def parts_of(run_id: str) -> list[Part]:
    """Return the parts of a run's attempts; UnknownRun when there is no such run."""
    return ask_database(timeline_of, ask_database(run_status, run_id))
