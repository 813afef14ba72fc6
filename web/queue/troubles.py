"""Reasons why runs may wait longer than they should, as sentences for pages."""

from sqlalchemy import Connection

from adapters.queue.liveness import Liveness, liveness
from adapters.queue.run_queue import ScalerState
from web.app import ask_queue, platform
from web.formats import duration

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
            f"The reconciler {since}: runs left behind by a crash or an outage are not repaired."
        )
    return reasons


def _starved(seen: Liveness) -> str:
    runs = "1 run waits" if seen.waiting == 1 else f"{seen.waiting:,} runs wait"
    since = duration(seen.starved_s)
    return f"No Job has started for {since}; {runs}. Is a scaler, or KEDA, running?"
