"""The HTTP API of single runs."""

import base64
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields

from flask import Blueprint, Response, abort, g, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from adapters.maintenance.deletion import delete_runs
from adapters.runs.changes import change_tags
from adapters.runs.queries import events_of, run_row, run_status, states_of
from adapters.runs.result import whole_result
from adapters.runs.states import set_annotations
from adapters.runs.times import times_of, utc_text
from adapters.tables import RUN, Criterion
from contracts.run_request import ChosenRuns, Noted, TagChange, Titled
from contracts.run_result import CHART_NAMES
from contracts.status import RunStatus
from web.api import (
    DELETED,
    DRY_RUN,
    ENDED,
    FAULTS,
    KEY,
    NEEDED,
    NO_RUN,
    NOTE,
    REFUSED,
    TITLED,
    arguments,
    conditional,
    json_body,
    operation,
)
from web.app import ask_database, change_database, platform
from web.charts.bars import cache_for_hour
from web.charts.pictures import pictures
from web.documents.run_answers import Accepted
from web.formats import run_word
from web.runs import operations
from web.runs.validation import check_contract, read_title, validate_request
from web.security import require_owner_of_runs
from web.titles import run_title

blueprint = Blueprint("run_api", __name__)


@blueprint.post("/run_backtest")
@operation(
    "200 a dry run, or this key, or this batch, has the run already",
    "202 Accepted: recorded",
    "409 the key was used for another request",
    *REFUSED,
    asks=(KEY, DRY_RUN),
    json="RunRequest",
)
def run_backtest() -> ResponseReturnValue:
    """Record and enqueue one run; answer 202 with its addresses. With ?dry_run=true only check the request."""
    valid = validate_request(json_body(), platform().prices)
    if arguments()["dry_run"]:
        return {"rule_id": valid.request.rule_id, "request": valid.request.to_json()}
    return accepted_answer(*operations.submit_run(valid))


def accepted_answer(run_id: str, is_new: bool = True) -> ResponseReturnValue:
    """Answer 202, or 200 for a run that existed already, with its addresses."""
    g.run_id = run_id
    status = (
        RunStatus.PENDING if is_new else RunStatus(ask_database(run_status, run_id)["status"])
    )
    body: Accepted = {
        "run_id": run_id,
        "status": status.public,
        "status_url": url_for("run_api.status", run_id=run_id),
        "result_url": url_for("run.page", run_id=run_id),
    }
    return body, 202 if is_new else 200


@blueprint.get("/status/<uuid:run_id>")
@operation("200 Status: state and times; 304 while nothing has changed", NO_RUN)
def status(run_id: str) -> Response:
    """State, position and times of one run; 304 while nothing has changed."""
    row = ask_database(run_status, run_id)
    body = {
        "run_id": row["run_id"],
        "status": RunStatus(row["status"]).public,
        "attempt": row["attempt"],
        **operations.place_of(row),
        "error_type": row["error_type"],
        "error_message": row["error_message"],
        "waiting_since": utc_text(row["waiting_since"]),
        **times_of(row),
        "result_url": url_for("run.page", run_id=run_id),
    }
    return conditional(body)


@blueprint.get("/api/runs/<uuid:run_id>")
@operation("200 RunResult: everything about the run", NO_RUN)
def run(run_id: str) -> Response:
    """Everything about one run: request, state, result, and the versions of all that decided it."""
    row = ask_database(run_row, run_id)
    pngs = pictures(row) if json.loads(row["request_json"])["charts"] else {}
    charts = {f"{name}_base64": base64.b64encode(png).decode() for name, png in pngs.items()}
    result = whole_result(row, charts, platform().prices.candles)
    return conditional({each.name: getattr(result, each.name) for each in fields(result)})


@blueprint.get("/api/runs/<uuid:run_id>/events")
def events(run_id: str) -> ResponseReturnValue:
    """The history of a run: every change of its state with time, reason and host."""
    ask_database(run_status, run_id)
    return {"run_id": run_id, "events": ask_database(events_of, run_id)}


@blueprint.get("/result/<uuid:run_id>/charts/<name>.png")
@operation("200 image/png: the picture", "404 no such run or chart")
def chart(run_id: str, name: str) -> Response:
    """One chart as a picture; a finished run's never changes."""
    if name not in CHART_NAMES:
        abort(404, f"no chart is called {name[:40]!r}; there are {', '.join(CHART_NAMES)}")
    row = ask_database(run_row, run_id)
    png = pictures(row).get(name)
    if png is None:
        abort(
            404,
            "this run has no such chart: it has not completed, or its prices were deleted",
        )
    return cache_for_hour(Response(png, mimetype="image/png"))


@blueprint.post("/api/runs/<uuid:run_id>/cancel")
@operation("200 ended as failed (cancelled)", NO_RUN, ENDED, owned=True)
def cancel(run_id: str) -> ResponseReturnValue:
    """Cancel a waiting or running run: failed, with the error_type cancelled; 409 when it has ended."""
    operations.cancel_run(run_id)
    return {"run_id": run_id, "status": RunStatus.FAILED.public}


@blueprint.post("/api/runs/<uuid:run_id>/retry")
@operation("202 Accepted: waits again", NO_RUN, "409 it has not failed", owned=True)
def retry(run_id: str) -> ResponseReturnValue:
    """Retry a failed run as its next attempt; 409 when it has not failed."""
    operations.retry_run(run_id)
    return accepted_answer(run_id)


@blueprint.post("/api/runs/cancel")
@operation(
    "200 RunsChanged: ended as failed (cancelled)",
    FAULTS,
    NO_RUN,
    json=ChosenRuns,
)
def cancel_many() -> ResponseReturnValue:
    """Cancel the waiting and running ones among these runs; the others stay unchanged."""
    return _change_runs(operations.cancel_among)


@blueprint.post("/api/runs/retry")
@operation(
    "200 RunsChanged: wait again",
    FAULTS,
    NO_RUN,
    "429 the queue is full, see Retry-After",
    json=ChosenRuns,
)
def retry_many() -> ResponseReturnValue:
    """Retry the failed and cancelled ones among these runs; the others stay unchanged."""
    return _change_runs(operations.retry_among)


def _change_runs(change: Callable[[Criterion], Sequence[str]]) -> ResponseReturnValue:
    """Change the runs that the body names; count the changed ones, and the others by state."""
    run_ids = _chosen_runs()
    changed = change(RUN.run_id.in_(run_ids))
    states = ask_database(states_of, run_ids)
    left = Counter(run_word(row) for run_id, row in states.items() if run_id not in changed)
    return {"changed": len(changed), "left": left}


def _chosen_runs() -> Sequence[str]:
    """Read the runs that the body names; Forbidden when one is somebody else's."""
    run_ids = check_contract(ChosenRuns, json_body()).run_ids
    ask_database(require_owner_of_runs, [*ask_database(states_of, run_ids)])
    return run_ids


@blueprint.delete("/api/runs/<uuid:run_id>")
@operation(DELETED, NO_RUN, NEEDED, asks=(DRY_RUN,), owned=True)
def delete(run_id: str) -> ResponseReturnValue:
    """Delete a run that has ended; ?dry_run=true only counts what would be deleted."""
    ask_database(run_status, run_id)
    return delete_runs(platform().engine, [run_id], dry_run=arguments()["dry_run"])


@blueprint.post("/api/runs/delete")
@operation(DELETED, FAULTS, NO_RUN, NEEDED, asks=(DRY_RUN,), json=ChosenRuns)
def delete_many() -> ResponseReturnValue:
    """Delete these runs, all or none; ?dry_run=true only counts what would be deleted."""
    g.run_ids = run_ids = _chosen_runs()
    return delete_runs(platform().engine, run_ids, dry_run=arguments()["dry_run"])


@blueprint.post("/api/runs/<uuid:run_id>/pin")
@operation("200 whether it is pinned", NO_RUN, owned=True)
def pin(run_id: str) -> ResponseReturnValue:
    """Never delete a run or its series automatically."""
    change_database(set_annotations, run_id, pinned=1)
    return {"run_id": run_id, "pinned": True}


@blueprint.post("/api/runs/<uuid:run_id>/unpin")
@operation("200 whether it is pinned", NO_RUN, owned=True)
def unpin(run_id: str) -> ResponseReturnValue:
    """Allow automatic deletion of a run again."""
    change_database(set_annotations, run_id, pinned=None)
    return {"run_id": run_id, "pinned": False}


@blueprint.put("/api/runs/<uuid:run_id>/title")
@operation(TITLED, FAULTS, NO_RUN, json=Titled, owned=True)
def title(run_id: str) -> ResponseReturnValue:
    """Set the title of a run or of a screen; an empty one restores the default title."""
    change_database(set_annotations, run_id, title=read_title())
    return {"title": run_title(ask_database(run_row, run_id))}


@blueprint.get("/api/runs/<uuid:run_id>/note")
@operation(NOTE, NO_RUN)
def read_note(run_id: str) -> ResponseReturnValue:
    """Read the note on a run."""
    ask_database(run_status, run_id)
    return operations.read_note(run_id)


@blueprint.put("/api/runs/<uuid:run_id>/note")
@operation(NOTE, FAULTS, NO_RUN, json=Noted, owned=True)
def note(run_id: str) -> ResponseReturnValue:
    """Set the note on a run; an empty one deletes it."""
    ask_database(run_status, run_id)
    return operations.write_note(run_id)


@blueprint.post("/api/runs/tags")
@operation("200 how many runs it changed", FAULTS, NO_RUN, json=TagChange)
def tag() -> ResponseReturnValue:
    """Add tags to runs and remove others; with any fault, nothing changes."""
    change = check_contract(TagChange, json_body())

    def work(connection: Connection) -> int:
        require_owner_of_runs(connection, change.run_ids)
        return change_tags(connection, change)

    return {"changed": change_database(work)}


@blueprint.post("/api/runs/<uuid:run_id>/reproduce")
@operation(
    "200 Accepted: this key has made its run already",
    "202 Accepted: the same request as a new run",
    NO_RUN,
    "429 the queue is full",
    asks=(KEY,),
)
def reproduce(run_id: str) -> ResponseReturnValue:
    """Run the same request again as a new run, to compare the results bit for bit."""
    return accepted_answer(*operations.reproduce_run(run_id))
