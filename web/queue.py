"""The queue now and over time: the wallboard page with its charts, the same as JSON, and why runs wait."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from itertools import dropwhile

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import Connection

from adapters.queue.history import Liveness, QueuePoint, QueueState, liveness, queue_state
from adapters.queue.run_queue import ScalerState
from adapters.runs.times import spread, utc_text
from contracts.values import Json
from web.api import Argument, arguments, operation
from web.app import ask_queue, platform, reading_database
from web.formats import Place, duration, line, one_of, picture, scale, text
from web.maintenance import storage

LABEL_STEPS = [timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 240, 360)]
MOST_LABELS = 6  # on the time axis, so that they do not overlap on a phone
MARGIN = 0.04  # share of the width at each end, where a label would be cut off
HEADROOM = 1.2  # ratio of the scale's top to the highest step, for the label above it
FLOOR_PCT = 88  # height of the plot; the time axis is below


def history_svg(
    moments: Sequence[datetime], values: Sequence[int], kind: str, limit: int | None = None
) -> Markup:
    """Draw `kind` (waiting, running) over time as a filled step chart from zero, and `limit` as a line across it.

    The steps are an SVG of their own within it: only they are stretched, and letters keep their size and shape.
    """
    most = max([*values, limit or 4])
    top = most * HEADROOM
    y = scale(0, top, 100, 0)
    steps = "".join(f"H{place}V{y(value)}" for place, value in enumerate(values))
    path = f"M0 100{steps}H{len(values)}"
    parts = [_level("rule", value / top, f"{value:,}", 0) for value in (most // 2, most) if value]
    parts += [
        text(_percent(share), "98%", _clock(moment)) for moment, share in time_labels(moments)
    ]
    parts.append(
        f'<svg viewBox="0 0 {len(values)} 100" preserveAspectRatio="none" width="100%" height="{FLOOR_PCT}%">'
        f'<path class="area f-{kind}" d="{path}V100Z"/><path class="line s-{kind}" d="{path}"/></svg>'
    )
    if limit is not None:
        parts.append(_level("limit", limit / top, f"limit {limit:,}", "100%", "end"))
    return picture(parts, 'class="history"')


def _level(css: str, share: float, label: str, x: Place, anchor: str = "start") -> str:
    """Draw a horizontal line at a share of the height, with a label on it."""
    y = _percent((1 - share) * FLOOR_PCT / 100)
    return line(css, 0, y, "100%", y) + text(x, y, label, anchor, dy=-4)


def _percent(share: float) -> str:
    return f"{share * 100:.2f}%"


def _clock(moment: datetime) -> str:
    return f"{moment:%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%H:%M}"


def time_labels(moments: Sequence[datetime]) -> list[tuple[datetime, float]]:
    """Return at most MOST_LABELS round times between the moments, each with its place from 0 to 1."""
    start, span = moments[0], moments[-1] - moments[0]
    step = next(step for step in LABEL_STEPS if span / step <= MOST_LABELS)
    first = -((datetime.min - start) // step)
    times = [datetime.min + (first + count) * step for count in range(MOST_LABELS + 1)]
    placed = [(moment, (moment - start) / span) for moment in times]
    return [(moment, share) for moment, share in placed if MARGIN <= share <= 1 - MARGIN]


STARVED_S = 20.0  # a Job starts within seconds, even in a busy cluster
AWAY = (
    "Redis, which holds the queue, does not answer. Runs are recorded in the database and queued as soon as it is "
    "back; nothing is lost."
)
RECONCILER_GONE_S = 30.0  # its successor takes over within 10


def scaler_state() -> ScalerState | None:
    """Return the state of the local scaler; None under KEDA, or while Redis is away."""
    return ask_queue(lambda queue: queue.scaler_state())


def troubles(connection: Connection) -> list[str]:
    """List what currently keeps runs from starting."""
    return describe(liveness(connection), scaler_state(), platform().queue_status.answers)


def describe(seen: Liveness, scaler: ScalerState | None, queue_answers: bool) -> list[str]:
    """List what keeps runs from starting, by the state of the queue and the scaler."""
    reasons = []
    if not queue_answers:
        reasons.append(AWAY)
    elif scaler and scaler.paused:
        reasons.append("The scaler is paused. Running Jobs will finish; new ones won't start.")
    elif seen.starved_s >= STARVED_S and seen.running < (scaler.capacity if scaler else 1):
        reasons.append(_starved(seen))
    gone_s = seen.reconciler_gone_s
    if gone_s is None or gone_s >= RECONCILER_GONE_S:
        since = "has never run" if gone_s is None else f"has been gone for {duration(gone_s)}"
        reasons.append(
            f"The reconciler {since}: runs lost in a crash or an outage are not retried."
        )
    return reasons


def _starved(seen: Liveness) -> str:
    runs = "1 run is waiting" if seen.waiting == 1 else f"{seen.waiting:,} runs are waiting"
    since = duration(seen.starved_s)
    return f"No Job has started for {since}; {runs}. Is the scaler or KEDA running?"


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
