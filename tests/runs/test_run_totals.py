"""Counters of runs only grow, count each change once whoever looks when, and survive pruning."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from adapters.database import committed, reading
from adapters.maintenance.retention import prune_runs
from adapters.queue.messages import Attempt
from adapters.runs import totals as run_totals
from adapters.runs.changes import CANCEL, RETRY
from adapters.runs.states import (
    Claim,
    claim,
    fail,
    finish,
    give_up,
    hand_back,
    lose,
)
from adapters.runs.totals import RUN, WAIT, Totals, fold, histogram, totals
from adapters.tables import run_events
from adapters.tables import run_totals as table
from contracts.status import ErrorType
from tests.services.old_runs import ended
from tests.services.runs import Submitter

DONE = "transition/RUNNING/SUCCEEDED/"


@pytest.fixture
def counting(submitter: Submitter, monkeypatch: pytest.MonkeyPatch) -> Submitter:
    """A platform whose counters have begun; events count as settled at once."""
    monkeypatch.setattr(run_totals, "SETTLED_S", 0.0)
    committed(submitter.engine, fold)
    return submitter


def now(submitter: Submitter) -> Totals:
    with reading(submitter.engine) as connection:
        counted = totals(connection)
    assert counted is not None
    return counted


def test_nothing_is_counted_before_a_reconciler_has_begun(submitter: Submitter) -> None:
    with reading(submitter.engine) as connection:
        assert totals(connection) is None


def test_nothing_is_counted_once_no_reconciler_has_counted_for_an_hour(
    counting: Submitter,
) -> None:
    with counting.engine.begin() as connection:
        began = connection.execute(select(table.c.until)).scalar_one()
        connection.execute(update(table).values(until=began - timedelta(hours=2)))
    with reading(counting.engine) as connection:
        assert totals(connection) is None

    for _ in range(2):  # an hour each
        committed(counting.engine, fold)

    assert now(counting) == {}


def test_every_change_is_counted_once_whether_it_was_added_up_or_not(counting: Submitter) -> None:
    ended(counting, days=0)
    before = now(counting)
    committed(counting.engine, fold)
    after = now(counting)
    ended(counting, days=0)

    assert before == after
    assert before[DONE] == 1
    assert now(counting)[DONE] == 2


def test_a_clock_that_is_set_back_counts_nothing_twice(
    counting: Submitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(counting, days=0)
    committed(counting.engine, fold)

    monkeypatch.setattr(run_totals, "SETTLED_S", 600.0)
    committed(counting.engine, fold)

    assert now(counting)[DONE] == 1


def test_what_was_pruned_stays_counted(counting: Submitter) -> None:
    ended(counting, days=2)
    committed(counting.engine, fold)

    list(prune_runs(counting.engine, replace(counting.settings, keep_runs_days=1)))

    with reading(counting.engine) as connection:
        assert connection.execute(select(func.count()).select_from(run_events)).scalar_one() == 0
    assert now(counting)[DONE] == 1


def test_ends_repairs_and_attempts_are_counted_by_their_cause(counting: Submitter) -> None:
    def again(connection: Connection, run_id: str, attempt: int) -> Claim:
        return claim(connection, Attempt(run_id, attempt), f"{run_id[:8]}{attempt}", 60, "test")

    failed, lost, back, cancelled, given_up = counting.record(5)
    with counting.engine.begin() as connection:
        fail(connection, again(connection, failed, 1), ErrorType.TIMEOUT, "too long")
        RETRY.one(connection, failed)
        for attempt in (1, 2):
            lose(connection, again(connection, lost, attempt), 2, "silent")
        hand_back(connection, again(connection, back, 1), 20)
        CANCEL.one(connection, cancelled)
        give_up(connection, Attempt(given_up, 1), ErrorType.SYSTEM_ERROR, "no queue")

    counted = {
        key.removeprefix("transition/"): count
        for key, count in now(counting).items()
        if key[0] == "t"
    }
    assert counted == {
        "/PENDING/": 5,
        "PENDING/RUNNING/": 4,
        "RUNNING/FAILED/timeout": 1,
        "FAILED/PENDING/": 1,
        "RUNNING/PENDING/lost": 1,
        "RUNNING/FAILED/worker_lost": 1,
        "RUNNING/PENDING/handed_back": 1,
        "PENDING/FAILED/cancelled": 1,
        "PENDING/FAILED/system_error": 1,
    }


def test_waits_and_durations_fall_into_their_buckets(counting: Submitter) -> None:
    (run_id,) = counting.record()
    with counting.engine.begin() as connection:
        lease = claim(connection, Attempt(run_id, 1), "token", 60, "test")
        finish(connection, lease, {})
        times = connection.execute(
            select(run_events.c.id, run_events.c.at).order_by(run_events.c.id)
        ).all()
        # waited for 40 s, ran for 7 s
        for row, earlier_s in zip(times, (47.0, 7.0, 0.0), strict=True):
            at = times[-1].at - timedelta(seconds=earlier_s)
            connection.execute(update(run_events).where(run_events.c.id == row.id).values(at=at))
        connection.execute(update(table).values(until=times[-1].at - timedelta(seconds=50)))

    counted = now(counting)

    (waits, waited_s), (runs, ran_s) = (histogram(counted, name) for name in (WAIT, RUN))
    assert [bound for bound, count in waits if count] == [
        "60.0",
        "120.0",
        "300.0",
        "600.0",
        "1800.0",
        "3600.0",
        "+Inf",
    ]
    assert next(bound for bound, count in runs if count) == "10.0"
    assert (waited_s, ran_s) == (pytest.approx(40), pytest.approx(7))
