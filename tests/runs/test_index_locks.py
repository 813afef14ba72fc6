"""Changes of one row lock no entry of another: each finds its rows by a unique index, whatever else guards it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, Table, event, insert, update

from adapters.database import committed, connect_database
from adapters.plan_tables import PLAN, plans
from adapters.plans.portfolio import move_portfolio
from adapters.plans.ranking import DEFAULT
from adapters.plans.screen import count_differing
from adapters.plans.store import (
    save_plan_result,
    save_progress,
    save_screen_result,
    set_ranking,
    set_title,
    update_plan,
)
from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.changes import (
    CANCEL,
    RETRY,
    NewRun,
    change_tags,
    insert_runs,
    mark_enqueued,
    now_waiting,
)
from adapters.runs.scheduling import announce
from adapters.runs.states import (
    Lease,
    claim,
    extend_lease,
    fail,
    finish,
    give_up,
    hand_back,
    lose,
    set_annotations,
)
from adapters.tables import PLAN_INDEX, RUN, runs, screens
from contracts.portfolio_request import PortfolioStatus
from contracts.run_request import TagChange, request_hash
from contracts.status import ErrorType
from contracts.study import StudyStatus
from tests.services.mariadb_server import MariaDBServer
from tests.services.runs import Submitter, new_request

WIDE = dict.fromkeys(("metrics_json", "equity_curve_json", "trades_json"), "x" * 9000)
BATCH = "a-batch"
SUBMISSIONS, CALLERS = 60, 16
DEADLOCK = 1213


@pytest.fixture
def database_url(mariadb_url: str) -> str:
    """SQLite has no locks of rows."""
    return mariadb_url


def record(connection: Connection, count: int, plan_id: str | None = None) -> list[str]:
    requests = [new_request() for _ in range(count)]
    new = [NewRun(each, request_hash(each, {"id": str(each.run_id)})) for each in requests]
    insert_runs(connection, new, plan_id)
    return [each.run_id for each in new]


def record_ended(connection: Connection, count: int) -> None:
    """Runs as wide as those with results, so that MySQL shuns a look at one more row than it needs."""
    ids = record(connection, count)
    ended = {"status": "SUCCEEDED", "completed_at": datetime(2020, 1, 1), **WIDE}
    connection.execute(update(runs).where(RUN.run_id.in_(ids)).values(ended))


def filled(table: Table, **values: Any) -> dict[str, Any]:
    """A row: something of its type in each column that must have a value."""
    samples = {str: "x", int: 0, bytes: b"x", datetime: datetime(2020, 1, 1)}
    needed = (
        each
        for each in table.c
        if not (each.nullable or each.default or each.server_default or each.name == "id")
    )
    return {each.name: samples[each.type.python_type] for each in needed} | values


def message(run_id: str) -> RunMessage:
    return RunMessage(run_id, 1, new_request().to_json(), is_bulk=False)


def claimed(connection: Connection, run_id: str) -> Any:
    return claim(connection, Attempt(run_id, 1), str(uuid4()), 30, "a worker")


def cancelled(connection: Connection, run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        CANCEL.one(connection, run_id)


# each changes some of the runs that wait
CHANGES: dict[str, Callable[[Connection, list[str]], object]] = {
    "mark_enqueued": lambda c, ids: mark_enqueued(c, [message(each) for each in ids]),
    "now_waiting": now_waiting,
    "claim": lambda c, ids: claimed(c, ids[0]),
    "extend_lease": lambda c, ids: extend_lease(c, claimed(c, ids[0]), 30),
    "finish": lambda c, ids: finish(c, claimed(c, ids[0]), {}),
    "fail": lambda c, ids: fail(c, claimed(c, ids[0]), ErrorType.ENGINE_ERROR, "x"),
    "hand_back": lambda c, ids: hand_back(c, claimed(c, ids[0]), 1),
    "hand_back_last": lambda c, ids: hand_back(c, claimed(c, ids[0]), 0),
    "lose": lambda c, ids: lose(c, Lease(ids[0], 1, claimed(c, ids[0]).token), 3, "x"),
    "give_up": lambda c, ids: give_up(c, Attempt(ids[0], 1), ErrorType.SYSTEM_ERROR, "x"),
    "set_annotations": lambda c, ids: set_annotations(c, ids[0], title="x"),
    "cancel_one": lambda c, ids: CANCEL.one(c, ids[0]),
    "cancel_some": lambda c, ids: CANCEL.some(c, RUN.run_id.in_(ids)),
    "cancel_batch": lambda c, ids: CANCEL.some(c, RUN.plan_id == BATCH),
    "retry_some": lambda c, ids: (cancelled(c, ids), RETRY.some(c, RUN.run_id.in_(ids))),
    "retry_batch": lambda c, ids: (cancelled(c, ids), RETRY.some(c, RUN.plan_id == BATCH)),
    "change_tags": lambda c, ids: change_tags(c, TagChange(run_ids=ids, add=["a"], remove=[])),
    "screen_progress": lambda c, ids: save_progress(c, ids[0], 1),
    "screen_result": lambda c, ids: save_screen_result(c, ids[0], b"", None),
    "screen_differing": lambda c, ids: count_differing(c, ids[0], 1),
    "study": lambda c, ids: update_plan(
        c, ids[0], PLAN.status == StudyStatus.ACCEPTED, sentence="x"
    ),
    "portfolio": lambda c, ids: move_portfolio(
        c, ids[0], PortfolioStatus.LEGS, PortfolioStatus.CANCELLED
    ),
    "portfolio_result": lambda c, ids: save_plan_result(c, ids[0], b""),
    "title": lambda c, ids: set_title(c, ids[0], "x"),
    "ranking": lambda c, ids: set_ranking(c, "batch", DEFAULT),
    "announce": announce,
}


def unique_indexes(table: Table) -> set[str]:
    return {"PRIMARY"} | {each.name for each in table.c if each.unique}


class Explained:
    """The plan of each statement that locks rows of these tables, as the database has it just before."""

    def __init__(self, engine: Engine) -> None:
        self.faults = list[str]()
        self.seen = 0
        event.listen(engine, "before_cursor_execute", self._explain)

    def _explain(
        self, connection: Connection, _cursor: Any, statement: str, parameters: Any, *_: Any
    ) -> None:
        if not (statement.startswith("UPDATE") or statement.endswith("FOR UPDATE")):
            return
        cursor = connection.connection.cursor()
        cursor.execute("EXPLAIN FORMAT=TRADITIONAL " + statement, parameters)
        names = [each[0] for each in cursor.description]
        for row in (dict(zip(names, values, strict=True)) for values in cursor.fetchall()):
            if (table := runs.metadata.tables.get(row["table"])) is None:
                continue  # there is no such row
            self.seen += 1
            is_batch = BATCH in (parameters or {}).values()
            of_batch = {PLAN_INDEX} if is_batch else set()
            if row["key"] not in unique_indexes(table) | of_batch:
                self.faults.append(f"{row['key']} ({row['Extra']}): {statement[:200]}")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The platform's own, with a connection for each caller."""
    engine = connect_database(database_url, pool_size=CALLERS)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("ended", [0, 300])
def test_a_change_finds_its_rows_by_a_unique_index(
    engine: Engine, mariadb_server: MariaDBServer, ended: int
) -> None:
    explained = Explained(engine)
    with engine.begin() as connection:
        record_ended(connection, ended)
        connection.execute(
            insert(plans), filled(plans, plan_id=BATCH, kind="batch", name="batch")
        )
    for name, change in CHANGES.items():
        waiting = random.choice([1, 2, 3, 8, 40])
        with engine.begin() as connection:
            record(connection, waiting)
            ids = record(connection, random.choice([1, 2, 5]), BATCH)
            for table, rows in (
                (screens, [filled(screens, run_id=each, combinations=1) for each in ids]),
                (plans, [filled(plans, plan_id=each, status="ACCEPTED") for each in ids]),
            ):
                connection.execute(insert(table), rows)
        mariadb_server.execute("ANALYZE TABLE backtests.backtest_results")
        seen = explained.seen

        committed(engine, lambda connection, run=change, ids=ids: run(connection, ids))

        assert explained.seen > seen, f"{name} locked nothing"
        assert explained.faults == [], (
            f"{name}, {ended} ended, {waiting} waiting, {len(ids)} changed"
        )
        with engine.begin() as connection:
            connection.execute(update(runs).values(status="SUCCEEDED"))


def test_submissions_and_claims_at_once_end_in_no_deadlock(
    engine: Engine, submitter: Submitter
) -> None:
    codes = list[int]()
    event.listen(
        engine,
        "handle_error",
        lambda context: codes.append(context.original_exception.args[0]),
    )
    with engine.begin() as connection:
        record_ended(connection, 300)

    def submit(_number: int) -> None:
        (run_id,) = committed(engine, lambda connection: record(connection, 1))
        committed(engine, lambda connection: mark_enqueued(connection, [message(run_id)]))
        committed(engine, lambda connection: claimed(connection, run_id))

    with ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(submit, range(SUBMISSIONS)))

    assert codes.count(DEADLOCK) == 0, f"errors of the database: {codes}"
    assert submitter.statuses() == {"SUCCEEDED": 300, "RUNNING": SUBMISSIONS}
