"""Attempts of a run in parts: when each began, how long it took, and the last lines of its log.

States and their times are the database's. What lies between them is from the Job's own clock, in seconds from its
claim, whose time the database knows.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import Connection, select, update

from adapters.database import insert_if_new
from adapters.queue.messages import Attempt
from adapters.tables import EVENT, run_attempts
from contracts.status import RunStatus
from contracts.timeline import CHARTS, JOB_PARTS, Part
from contracts.values import Row, picked


def save_attempt(
    connection: Connection, of: Attempt, marks: Mapping[str, float], log_text: str
) -> None:
    """Store when the parts of an attempt began, in seconds from its claim, and its log; replace what is stored."""
    values = {"marks_json": json.dumps(marks), "log_text": log_text}
    mine = {"run_id": of.run_id, "attempt": of.attempt}
    if not insert_if_new(connection, run_attempts, **mine, **values):
        connection.execute(update(run_attempts).filter_by(**mine).values(values))


def logs_of(connection: Connection, run_id: str) -> dict[int, str]:
    """Return the stored log of each attempt of a run, by its number."""
    columns = select(*run_attempts.c["attempt", "log_text"]).filter_by(run_id=run_id)
    logs: dict[int, str] = dict(connection.execute(columns.order_by("attempt")).all())
    return logs


def timeline_of(connection: Connection, run: Row) -> list[Part]:
    """Return the parts of all attempts of a run, one after the other. run: its `run_status`."""
    run_id = run["run_id"]
    columns = select(*run_attempts.c["attempt", "marks_json"]).filter_by(run_id=run_id)
    marks = {number: json.loads(text) for number, text in connection.execute(columns)}
    events = select(*EVENT["attempt", "from_status", "to_status", "at"]).filter_by(run_id=run_id)
    story = connection.execute(events.order_by(EVENT.id)).mappings().all()
    parts: list[Part] = []
    for attempt, times in _attempts(story).items():
        enqueued = run["enqueued_at"] if attempt == run["attempt"] else None
        parts += _parts(attempt, times, run["created_at"], enqueued, marks.get(attempt, {}))
    return parts


def _attempts(events: Sequence[Row]) -> dict[int, dict[str, Any]]:
    """Return by attempt when it began to wait, was claimed and ended, and whether it was lost."""
    attempts: dict[int, dict[str, Any]] = {}
    for event in events:
        number, at = event["attempt"], event["at"]
        if event["to_status"] == RunStatus.RUNNING:
            attempts[number]["claimed"] = at
        elif event["to_status"] == RunStatus.PENDING:
            if event["from_status"] == RunStatus.RUNNING:
                attempts[number] |= {"ended": at, "lost": True}
            attempts[number + 1 if event["from_status"] else number] = {"waiting": at}
        else:
            attempts[number]["ended"] = at
    return attempts


def _parts(
    attempt: int,
    times: Row,
    submitted: datetime,
    enqueued: datetime | None,
    marks: Mapping[str, float],
) -> Iterator[Part]:
    """Yield the parts of one attempt that took any time; none begins before the one that it follows."""

    def since(at: datetime) -> float:
        return (at - submitted).total_seconds()

    begins = {"submitted": since(times["waiting"])}
    if enqueued:
        begins["queued"] = since(enqueued)
    if claimed := times.get("claimed"):
        offsets = picked(marks, JOB_PARTS) or {"ran": 0.0}
        begins |= {name: since(claimed) + offset_s for name, offset_s in offsets.items()}
    end = since(times["ended"]) if "ended" in times else max(begins.values())
    starts = [*accumulate((min(each, end) for each in begins.values()), max), end]
    is_lost = times.get("lost", False)
    for name, (begin, until) in zip(begins, pairwise(starts), strict=True):
        if until > begin:
            yield Part(attempt, name, round(begin, 6), round(until - begin, 6), True, is_lost)
    if claimed and CHARTS in marks and "ended" in marks:
        seconds = round(marks["ended"] - marks[CHARTS], 6)
        begin = max(end, since(claimed) + marks[CHARTS])
        yield Part(attempt, CHARTS, round(begin, 6), seconds, False, False)
