"""The queue now and over time: the wallboard page, and the same as JSON."""

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

# seconds of a window, of each of its 150 or 180 steps, and between refreshes: a long window changes slowly
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
    """Show depth, running Jobs and waits, now and over time, and the size of stored data."""
    window, state, services = _queue()
    moments = [point.at for point in state.points]
    running = [point.running for point in state.points]
    limit = services["scaler"] and services["scaler"].capacity
    return render_template(
        "queue/queue.html",
        state=state,
        seen=state.liveness,
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
        **services,
    )


@blueprint.get("/api/queue")
@operation(asks=(WINDOW,))
def numbers() -> ResponseReturnValue:
    """Return waiting and running runs, now and over time: ?window=1h."""
    window, state, services = _queue()
    seen, depths = state.liveness, services.pop("depths")
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
    return jsonify(body | services | {"points": points})


def _queue() -> tuple[str, QueueState, Json]:
    """Return the window of the request, the queue over it, and the state of Redis and the scaler."""
    window = arguments()["window"]
    with reading_database() as connection:
        state = queue_state(connection, *WINDOWS[window][:2])
    scaler = scaler_state()
    services = {
        "depths": ask_queue(lambda queue: queue.depths()),
        "idle_jobs": ask_queue(lambda queue: queue.idle_jobs()),
        "scaler": scaler,
        "troubles": describe(state.liveness, scaler, platform().queue_status.answers),
    }
    return window, state, services


def _ended_per_minute(state: QueueState) -> int:
    """Return the runs per minute that ended in the last minute, or in the last step if that is longer."""
    last = _last_minute(state)
    return round(sum(point.ended for point in last) * 60 / (len(last) * state.step_s))


def _seconds_to_empty(state: QueueState) -> float | None:
    """Estimate the seconds until nothing waits, at the pace of the busy part of the last minute; None if none ended."""
    busy = [*dropwhile(lambda point: not (point.waiting or point.running), _last_minute(state))]
    ended = sum(point.ended for point in busy)
    if not ended or not state.liveness.waiting:
        return None
    return (state.liveness.now - busy[0].at).total_seconds() / ended * state.liveness.waiting


def _last_minute(state: QueueState) -> list[QueuePoint]:
    return state.points[-max(60 // state.step_s, 1) :]
