"""Times of runs: durations, throughput, percentiles, and text."""

from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter

from contracts.values import Json, Row

LEAST_ENDS = 5  # for an estimate of the pace


def throughput(ends: Sequence[datetime]) -> float | None:
    """Runs per second between the first and the last of these ends; None for fewer than two."""
    if len(ends) < 2:
        return None
    seconds = (max(ends) - min(ends)).total_seconds()
    return round((len(ends) - 1) / seconds, 3) if seconds else None


def seconds_left(times: Sequence[Row], living: int) -> float | None:
    """Estimate how long `living` runs take at the pace of those that have ended; None with too few ends.

    times: waiting_since and completed_at of runs that have started. The pace is that of runs submitted no earlier
    than those that run now (if none runs, than the last that ended), so a retry a day later does not count the night.
    """
    ends = _latest_ends(times)
    pace = throughput(ends) if len(ends) >= LEAST_ENDS else None
    return round(living / pace, 1) if pace and living else None


def _latest_ends(times: Sequence[Row]) -> list[datetime]:
    ended = sorted(filter(itemgetter("completed_at"), times), key=itemgetter("completed_at"))
    running = [row for row in times if not row["completed_at"]]
    since = [row["waiting_since"] for row in running or ended[-LEAST_ENDS:]]
    return [row["completed_at"] for row in ended if row["waiting_since"] >= min(since)]


def spread(seconds: Sequence[float]) -> dict[str, float | None]:
    """Average, median, 95th and 99th percentile (nearest rank) and maximum; all None of nothing."""
    average = round(sum(seconds) / len(seconds), 6) if seconds else None
    ranks = {f"p{percent}": percentile(seconds, percent) for percent in (50, 95, 99)}
    return {"average": average, **ranks, "max": max(seconds, default=None)}


def percentile(values: Sequence[float], percent: int) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    ordered = sorted(values)
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


def seconds_between(earlier: datetime | None, later: datetime | None) -> float | None:
    """Seconds between two times; None while one of them is unknown."""
    if earlier is None or later is None:
        return None
    return round((later - earlier).total_seconds(), 6)


def times_of(run: Row) -> Json:
    """When a run was submitted, started and ended, and how long it waited and ran, as the API shows it."""
    started, completed = run["started_at"], run["completed_at"]
    return {
        **{name: utc_text(run[name]) for name in ("created_at", "started_at", "completed_at")},
        "queue_wait_s": seconds_between(run["waiting_since"], started),
        "run_s": seconds_between(started, completed),
    }


def utc_text(moment: datetime | None) -> str | None:
    """ISO 8601 with a Z, microseconds included; None stays None."""
    return None if moment is None else f"{moment.isoformat(timespec='microseconds')}Z"
