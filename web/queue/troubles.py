"""Why runs may wait for longer than they should, in sentences for the pages that people wait on."""

from sqlalchemy import Connection

from adapters.queue.liveness import Upkeep, upkeep
from adapters.queue.run_queue import ScalerState
from web.app import ask_queue, platform
from web.formats import duration

STARVED_S = 20.0  # a Job starts within seconds, also in a cluster that is busy
AWAY = (
    "Redis, which holds the queue, does not answer: runs are recorded in the database, and the reconciler queues them "
    "as soon as it is back; nothing is lost."
)
RECONCILER_GONE_S = 30.0  # its successor takes over within 10


def scaler_state() -> ScalerState | None:
    """What the local scaler says of itself; None under KEDA, or while Redis is away."""
    return ask_queue(lambda queue: queue.scaler())


def troubles(connection: Connection) -> list[str]:
    """What hinders runs at present; nothing when all is well."""
    return describe(upkeep(connection), scaler_state(), platform().queue_status.answers)


def describe(seen: Upkeep, scaler: ScalerState | None, queue_answers: bool) -> list[str]:
    """The same of what has been seen."""
    found = []
    if not queue_answers:
        found.append(AWAY)
    elif scaler and scaler.paused:
        found.append("The scaler is paused: running Jobs go on, no new one is started.")
    elif seen.starved_s >= STARVED_S and seen.running < (scaler.capacity if scaler else 1):
        found.append(_starved(seen))
    gone_s = seen.reconciler_gone_s
    if gone_s is None or gone_s >= RECONCILER_GONE_S:
        since = "has never run" if gone_s is None else f"has been gone for {duration(gone_s)}"
        found.append(
            f"The reconciler {since}: what a crash or an outage leaves behind is not repaired."
        )
    return found


def _starved(seen: Upkeep) -> str:
    runs = "1 run waits" if seen.waiting == 1 else f"{seen.waiting:,} runs wait"
    since = duration(seen.starved_s)
    return f"No Job has started for {since}; {runs}. Is a scaler, or KEDA, running?"
