"""Robustness of a run: submission, state and page."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import fields
from functools import partial

from flask import Response, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Connection, RowMapping

from adapters.logs import current_actor, log_context
from adapters.plans.robustness import read_robustness, robustness_id_of, robustness_of
from adapters.plans.store import insert_plan
from adapters.runs.changes import NewRun
from adapters.runs.queries import run_row
from contracts.errors import Conflict
from contracts.portfolio_request import Sharing
from contracts.run_request import LABEL_FIELDS, RunRequest, about, canonical_hash
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import Json, without
from web.api import REFUSED, conditional, operation
from web.app import ask_database, get_or_insert
from web.formats import coarse_money, line, number, polygon, polyline, scale, signed, text
from web.plans import PlanResource
from web.runs.operations import start_runs
from web.runs.page import await_end
from web.studies.pictures import (
    EDGE,
    FLOOR,
    LEFT,
    WIDTH,
    axis,
    ends,
    frame_picture,
    paired_bars,
    short_money,
)
from web.titles import PART, run_title

log = logging.getLogger(__name__)

COMBINATIONS = (
    50  # of which a budget is charged; a rule with two numbers is traded about as often
)
POINT = 3.5  # radius of a setting, in units of the picture
PREFIX = "robustness of "  # of its label in lists
TITLES = {each.name: about(each).title for each in (*fields(RunRequest), *fields(Sharing))}
VARIED = (Kind.RUN, Kind.PORTFOLIO)


def _state(robustness_id: str) -> Json:
    return ask_database(read_robustness, robustness_id)


ROBUSTNESS = PlanResource(PlanKind.ROBUSTNESS, "robustness", state=_state)
blueprint = ROBUSTNESS.api
pages = ROBUSTNESS.pages


@blueprint.post("/api/runs/<uuid:run_id>/robustness")
@operation(
    "200 RobustnessAccepted: the run has it already",
    "202 RobustnessAccepted: recorded",
    "404 no such run",
    "409 the run has not completed",
    *REFUSED,
)
def submit(run_id: str) -> ResponseReturnValue:
    """Vary a completed run or portfolio in one Job: order of its returns, costs, delay, numbers, periods, trades."""
    row = ask_database(run_row, run_id)
    if row["kind"] not in VARIED or row["status"] != RunStatus.SUCCEEDED:
        raise Conflict(
            f"{run_id} is no completed backtest or portfolio, whose robustness could be computed"
        )
    robustness_id = robustness_id_of(run_id)

    def existing() -> str | None:
        return robustness_id if ask_database(robustness_of, run_id) else None

    submitted, is_new = get_or_insert(existing, partial(_insert, row, robustness_id))
    return ROBUSTNESS.accepted(submitted, is_new, "result_url", run_id=run_id)


def _insert(run: RowMapping, robustness_id: str) -> str:
    """Record and enqueue the Job of a new robustness, which has its id; on the prices that the run read."""
    stored = json.loads(run["request_json"])
    request = RunRequest.from_json(
        without(stored, LABEL_FIELDS)
        | {
            "run_id": robustness_id,
            "rule_id": f"{PREFIX}{stored['rule_id']}"[:64],
            "charts": False,
            # that of a portfolio is of the prices of all legs
            "data_hash": run["data_hash"] if run["kind"] == Kind.RUN else stored["data_hash"],
        }
    )
    request_hash = canonical_hash([PlanKind.ROBUSTNESS, robustness_id])
    new = NewRun(request, request_hash, submitted_by=current_actor(), kind=Kind.ROBUSTNESS)

    def record_plan(connection: Connection) -> str:
        insert_plan(
            connection,
            PlanKind.ROBUSTNESS,
            plan_id=robustness_id,
            spec={"run_id": run["run_id"]},
            submitted_by=current_actor(),
            request_hash=request_hash,
        )
        return robustness_id

    with log_context(run_id=robustness_id, attempt=1):
        start_runs([new], record_plan, COMBINATIONS)
        log.info("robustness_accepted of=%s", run["run_id"])
    return robustness_id


@blueprint.get("/api/robustness/<uuid:robustness_id>")
@operation("200 Robustness: its state, and its result once it has completed", ROBUSTNESS.missing)
def robustness(robustness_id: str) -> Response:
    """Return the robustness of a run: sentence and figures by part."""
    return conditional(_state(robustness_id))


@pages.get("/robustness/<uuid:robustness_id>")
@operation()
def page(robustness_id: str) -> str:
    """Show the robustness of a run: what its result survives, and what it hangs on."""
    await_end(robustness_id)
    state, job = _state(robustness_id), ask_database(run_row, robustness_id)
    result = state["result"]
    return render_template(
        "robustness/robustness.html",
        robustness=state,
        job=job,
        title=run_title({**job, "rule_id": job["rule_id"].removeprefix(PREFIX)}),
        result=result,
        fan=result and result["luck"] and fan_picture(result["luck"]),
        strips=_strips(result["neighbours"]) if result and result["neighbours"] else [],
        years=result and result["years"] and years_picture(result["years"]),
    )


def _strips(neighbours: Json) -> list[tuple[str, Markup]]:
    """Draw each number of which a setting has a lead or a lag, with its name."""
    return [
        (_number_title(each["name"]), strip_picture(each))
        for each in neighbours["numbers"]
        if any(point["edge_pct"] is not None for point in each["points"])
    ]


def _number_title(name: str) -> str:
    """Return the title of a field, or the name of a parameter or input."""
    return TITLES.get(name) or name.removeprefix("params.").removeprefix(PART)


def fan_picture(luck: Json) -> Markup:
    """Draw the run's equity over the range of its returns in other orders."""
    rows, equity = luck["fan"], luck["equity"]
    low = min(*(row[0] for row in rows), *equity)
    high = max(*(row[-1] for row in rows), *equity)
    x, y_of_log = (
        scale(0, len(rows) - 1, LEFT, WIDTH),
        scale(math.log(low), math.log(high), FLOOR, EDGE),
    )

    def y(money: float) -> float:
        return y_of_log(math.log(money))

    def curve(values: Sequence[float]) -> list[tuple[float, float]]:
        return [(x(at), y(value)) for at, value in enumerate(values)]

    by_quantile = [list(column) for column in zip(*rows, strict=True)]
    bands = [
        polygon(css, [*curve(by_quantile[low_at]), *reversed(curve(by_quantile[high_at]))])
        for css, low_at, high_at in (("f-fan-wide", 0, 4), ("f-fan", 1, 3))
    ]
    shapes = [
        *bands,
        *axis(y, (low, math.sqrt(low * high), high), short_money),
        polyline("s-luck", curve(by_quantile[2])),
        polyline("s-strategy", curve(equity)),
        *ends(LEFT, luck["dates"][0][:10], luck["dates"][-1][:10]),
    ]
    final = f"{coarse_money(rows[-1][0], high)} and {coarse_money(rows[-1][-1], high)}"
    alt = f"In other orders of its returns the run would have ended between {final} in nine of ten cases"
    return frame_picture(shapes, f"{alt}; it ended at {coarse_money(equity[-1], high)}")


def strip_picture(strip: Json) -> Markup:
    """Draw the yearly lead over a constant position along one number, with the run's own value marked."""
    points = [each for each in strip["points"] if each["edge_pct"] is not None]
    edges = [each["edge_pct"] for each in points]
    values = [each["value"] for each in points]
    low, high = min([0.0, *edges]), max([0.0, *edges])
    y = scale(low, high or 1e-9, FLOOR, EDGE)
    x = scale(min(values), max(values), LEFT + 12, WIDTH - 12)
    places = [(x(value), y(edge)) for value, edge in zip(values, edges, strict=True)]
    dots = [
        f'<circle class="{"f-strategy" if each["is_run"] else "f-luck"}" cx="{at:.1f}" cy="{height:.1f}"'
        f' r="{POINT * (1.6 if each["is_run"] else 1)}"><title>{each["value"]:g}: {signed(each["edge_pct"], 1)}% a year'
        f"</title></circle>"
        for each, (at, height) in zip(points, places, strict=True)
    ]
    run_at = x(strip["value"]) if strip["value"] in values else LEFT
    shapes = [
        *axis(y, (low, 0.0, high), partial(number, decimals=1)),
        polyline("s-luck", places),
        *dots,
        *ends(LEFT, f"{min(values):g}", f"{max(values):g}"),
        text(run_at, EDGE - 12, f"{strip['value']:g}"),
        line("s-rule", run_at, EDGE - 4, run_at, FLOOR),
    ]
    ahead = sum(each["ahead"] for each in points)
    return frame_picture(
        shapes, f"{ahead} of {len(points)} values are ahead of a constant position"
    )


def years_picture(years: Sequence[Json]) -> Markup:
    """Draw the return of the asset and of the run in each year as a pair of bars."""
    pairs = [(each["asset_pct"], each["return_pct"]) for each in years]
    return paired_bars(
        [str(each["year"]) for each in years],
        pairs,
        "Return of the asset and of the run, in percent",
        decimals=0,
    )


ROBUSTNESS.add_delete()
