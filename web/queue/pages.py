"""The queue now and over time: the page on the wall, and the same as JSON."""

from dataclasses import asdict
from itertools import dropwhile

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from adapters.database import reading
from adapters.queue.history import QueuePoint, QueueState, queue_state
from adapters.queue.liveness import Upkeep, upkeep
from adapters.runs.times import spread, utc_text
from web.arguments import read_argument
from web.parsers import one_of
from web.platform import ask_queue, platform
from web.queue.picture import history_svg
from web.queue.troubles import describe, scaler_state
from web.upkeep.storage import storage

blueprint = Blueprint("queue", __name__)

# Seconds of a window and of its steps: 150 or 180 steps each.
WINDOWS = {
    "5m": (300, 2),
    "15m": (900, 5),
    "1h": (3600, 20),
    "6h": (21_600, 120),
    "24h": (86_400, 480),
}
# a long window changes slowly and costs more
REFRESH_S = {"5m": 1, "15m": 1, "1h": 5, "6h": 30, "24h": 60}


@blueprint.get("/queue")
def page() -> str:
    """Depth, running Jobs and waits, now and over time; below, how much room the data takes."""
    window, state, seen = _asked()
    scaler, per_minute = scaler_state(), _ended_per_minute(state)
    moments = [point.at for point in state.points]
    return render_template(
        "queue/queue.html",
        state=state,
        depths=ask_queue(lambda queue: queue.depths()),
        idle_jobs=ask_queue(lambda queue: queue.idle_jobs()),
        waits=spread(state.waits_s),
        durations=spread(state.durations_s),
        per_minute=per_minute,
        empty_in_s=_seconds_to_empty(state),
        seen=seen,
        scaler=scaler,
        troubles=describe(seen, scaler, platform().glance.answers),
        window=window,
        windows=list(WINDOWS),
        refresh_s=REFRESH_S[window],
        storage=storage(),
        waiting_svg=history_svg(moments, [point.waiting for point in state.points], "waiting"),
        running_svg=history_svg(
            moments,
            [point.running for point in state.points],
            "running",
            scaler.capacity if scaler else None,
        ),
    )


@blueprint.get("/api/queue")
def numbers() -> ResponseReturnValue:
    """What waits and runs, now and over time: ?window=15m, 1h, 6h or 24h."""
    window, state, seen = _asked()
    oldest, depths = state.oldest_waiting, ask_queue(lambda queue: queue.depths())
    body = {
        "at": utc_text(state.now),
        "waiting": state.waiting,
        "running": state.running,
        "messages": None if depths is None else sum(depths.values()),
        "queues": depths,
        "oldest_waiting": {"run_id": oldest["run_id"], "since": utc_text(oldest["waiting_since"])}
        if oldest
        else None,
        "queue_wait_s": spread(state.waits_s),
        "run_s": spread(state.durations_s),
        "window": window,
        "step_s": WINDOWS[window][1],
        "idle_jobs": ask_queue(lambda queue: queue.idle_jobs()),
        "scaler": asdict(scaler) if (scaler := scaler_state()) else None,
        "troubles": describe(seen, scaler, platform().glance.answers),
        "points": [
            {
                "at": utc_text(point.at),
                "waiting": point.waiting,
                "running": point.running,
                "ended": point.ended,
            }
            for point in state.points
        ],
    }
    return jsonify(body)


def _asked() -> tuple[str, QueueState, Upkeep]:
    """The window that is asked for, and the queue in it."""
    window = read_argument("window", one_of(*WINDOWS), "15m")
    with reading(platform().engine) as connection:
        return window, queue_state(connection, *WINDOWS[window]), upkeep(connection)


def _ended_per_minute(state: QueueState) -> int:
    """Runs that ended in the last minute, or in the last step where that is longer."""
    last = _last_minute(state)
    ended = sum(point.ended for point in last)
    return round(ended * 60 / (len(last) * _step_s(state))) if last else 0


def _seconds_to_empty(state: QueueState) -> float | None:
    """How long what waits takes at the pace of the last minute, since there was work in it; None when none ended."""
    busy = [*dropwhile(lambda point: not (point.waiting or point.running), _last_minute(state))]
    ended = sum(point.ended for point in busy)
    return (
        (state.now - busy[0].at).total_seconds() / ended * state.waiting
        if ended and state.waiting
        else None
    )


def _last_minute(state: QueueState) -> list[QueuePoint]:
    return state.points[-max(round(60 / _step_s(state)), 1) :] if len(state.points) > 1 else []


def _step_s(state: QueueState) -> float:
    return (state.points[1].at - state.points[0].at).total_seconds()
