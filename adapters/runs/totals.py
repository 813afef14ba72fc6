"""Counters of `/metrics` over all runs: state changes by cause, and histograms of waits and durations.

They are derived from the events of runs. The reconciler adds events older than a minute to one row (`fold`); later ones
are counted at each scrape. The row is what makes the counters survive restarts and the deletion of runs with their
events, and equal in every web process; a counter in the reconciler's memory would miss what other processes do.
"""

import json
from bisect import bisect_left
from collections import Counter
from datetime import datetime, timedelta
from itertools import accumulate

from sqlalchemy import Connection, func, insert, select, update

from adapters.database import database_now
from adapters.runs.states import METRIC_FAILED
from adapters.tables import EVENT, run_events, run_totals
from contracts.status import ErrorType, RunStatus

NAME = "runs"  # of the only row
SETTLED_S = 60.0  # by then every transaction that wrote an event has ended
MOST_S = 3600.0  # of events counted at a time
BOUNDS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
BUCKETS = (*map(str, BOUNDS_S), "+Inf")
WAIT, RUN = "wait", "run"  # seconds from waiting to running, and from there to the end
SUM = "sum"
_BACK = (RunStatus.RUNNING, RunStatus.PENDING)
Totals = Counter[str]  # by "transition/<from>/<to>/<cause>", "wait/<bucket>", "run/sum" and so on


def totals(connection: Connection) -> Totals | None:
    """Return all counters since the first reconciler started; None when none has folded for an hour."""
    row = connection.execute(select(run_totals, database_now().label("now"))).one_or_none()
    if row is None or row.now - row.until > timedelta(seconds=MOST_S):
        return None
    return Counter(json.loads(row.totals_json)) + _count(connection, row.until, row.now)


def fold(connection: Connection) -> None:
    """Add the events up to a minute ago to the row, an hour at most; does nothing when another process was faster."""
    settled = connection.execute(select(database_now(-SETTLED_S))).scalar_one()
    row = connection.execute(select(run_totals)).one_or_none()
    if row is None:
        connection.execute(insert(run_totals).values(name=NAME, until=settled, totals_json="{}"))
        return
    # clocks are set back, too
    until = max(row.until, min(settled, row.until + timedelta(seconds=MOST_S)))
    summed = Counter(json.loads(row.totals_json)) + _count(connection, row.until, until)
    change = update(run_totals).filter_by(name=NAME, until=row.until)
    connection.execute(change.values(until=until, totals_json=json.dumps(summed)))


def histogram(counted: Totals, name: str) -> tuple[list[tuple[str, float]], float]:
    """Return a histogram as Prometheus expects it: cumulative counts by bound, and the sum of seconds."""
    counts = accumulate(counted[f"{name}/{bucket}"] for bucket in BUCKETS)
    return list(zip(BUCKETS, counts, strict=True)), counted[f"{name}/{SUM}"]


def _count(connection: Connection, after: datetime, until: datetime) -> Totals:
    """Count the events of a span of time, with the seconds that each run spent in the state before."""
    before = run_events.alias("before")
    earlier = (before.c.run_id == EVENT.run_id, before.c.id < EVENT.id)
    since = select(func.max(before.c.at)).where(*earlier).scalar_subquery()
    columns = EVENT["from_status", "to_status", "reason", "at"]
    span = (EVENT.at > after, EVENT.at <= until)
    result: Totals = Counter()
    for left, arrived, reason, at, begun in connection.execute(
        select(*columns).add_columns(since).where(*span)
    ):
        result[f"transition/{left or ''}/{arrived}/{_cause(left, arrived, reason)}"] += 1
        name = (
            WAIT if arrived == RunStatus.RUNNING else RUN if left == RunStatus.RUNNING else None
        )
        if name and begun:
            passed_s = max((at - begun).total_seconds(), 0.0)
            result[f"{name}/{BUCKETS[bisect_left(BOUNDS_S, passed_s)]}"] += 1
            result[f"{name}/{SUM}"] += passed_s  # a Counter adds fractions, too
    return result


def _cause(left: str | None, arrived: str, reason: str) -> str:
    """Return why a run failed, waits again or lacks a metric; "" otherwise."""
    if arrived == RunStatus.FAILED:
        return next((kind.value for kind in ErrorType if reason.startswith(kind)), "other")
    if (left, arrived) == _BACK:
        return "handed_back" if reason.startswith("handed back") else "lost"
    return "metric_failed" if reason.startswith(METRIC_FAILED) else ""
