"""The queue now and over time: the page on the wall, and the same as JSON."""

from dataclasses import asdict
from itertools import dropwhile

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from adapters.queue.history import QueuePoint, QueueState, queue_state
from adapters.runs.times import spread, utc_text
from contracts.values import Json
from web.api import Argument, arguments, operation
from web.app import ask_queue, platform, reading_database
from web.formats import one_of
from web.maintenance.storage import storage
from web.queue.picture import history_svg
from web.queue.troubles import describe, scaler_state

blueprint = Blueprint("queue", __name__)

# Seconds of a window, of its 150 or 180 steps, and between two looks: a long one changes slowly and costs more.
WINDOWS = {
    "5m": (300, 2, 1),
    "15m": (900, 5, 1),
    "1h": (3600, 20, 5),
    "6h": (21_600, 120, 30),
    "24h": (86_400, 480, 60),
}
WINDOW = Argument("window", one_of(*WINDOWS), "how far back; 15m by default", "15m")


@blueprint.get("/queue")
@operation(asks=(WINDOW,))
def page() -> str:
    """Depth, running Jobs and waits, now and over time; below, how much room the data takes."""
    window, state, told = _asked()
    moments = [point.at for point in state.points]
    running = [point.running for point in state.points]
    limit = told["scaler"] and told["scaler"].capacity
    return render_template(
        "queue/queue.html",
        state=state,
        seen=state.seen,
        waits=spread(state.waits_s),
        durations=spread(state.durations_s),
        per_minute=_ended_per_minute(state),
        empty_in_s=_seconds_to_empty(state),
        window=window,
        windows=list(WINDOWS),
        refresh_s=WINDOWS[window][2],
        storage=storage(),
        waiting_svg=history_svg(moments, [point.waiting for point in state.points], "waiting"),
        running_svg=history_svg(moments, running, "running", limit),
        **told,
    )


@blueprint.get("/api/queue")
@operation(asks=(WINDOW,))
def numbers() -> ResponseReturnValue:
    """What waits and runs, now and over time: ?window=1h."""
    window, state, told = _asked()
    seen, depths = state.seen, told.pop("depths")
    oldest = seen.oldest_waiting
    body = {
        "at": utc_text(seen.now),
        "waiting": seen.waiting,
        "running": seen.running,
        "messages": None if depths is None else sum(depths.values()),
        "queues": depths,
        "oldest_waiting": oldest
        and {"run_id": oldest["run_id"], "since": utc_text(oldest["waiting_since"])},
        "queue_wait_s": spread(state.waits_s),
        "run_s": spread(state.durations_s),
        "window": window,
        "step_s": state.step_s,
    }
    points = [asdict(point) | {"at": utc_text(point.at)} for point in state.points]
    return jsonify(body | told | {"points": points})


def _asked() -> tuple[str, QueueState, Json]:
    """The window that is asked for, the queue in it, and what is said of Redis and the scaler."""
    window = arguments()["window"]
    with reading_database() as connection:
        state = queue_state(connection, *WINDOWS[window][:2])
    scaler = scaler_state()
    told = {
        "depths": ask_queue(lambda queue: queue.depths()),
        "idle_jobs": ask_queue(lambda queue: queue.idle_jobs()),
        "scaler": scaler,
        "troubles": describe(state.seen, scaler, platform().queue_status.answers),
    }
    return window, state, told


def _ended_per_minute(state: QueueState) -> int:
    """Runs that ended in the last minute, or in the last step where that is longer."""
    last = _last_minute(state)
    return round(sum(point.ended for point in last) * 60 / (len(last) * state.step_s))


def _seconds_to_empty(state: QueueState) -> float | None:
    """How long what waits takes at the pace of the last minute, since there was work in it; None when none ended."""
    busy = [*dropwhile(lambda point: not (point.waiting or point.running), _last_minute(state))]
    ended = sum(point.ended for point in busy)
    if not ended or not state.seen.waiting:
        return None
    return (state.seen.now - busy[0].at).total_seconds() / ended * state.seen.waiting


def _last_minute(state: QueueState) -> list[QueuePoint]:
    return state.points[-max(60 // state.step_s, 1) :]
