"""Each change of a run's state is guarded: it happens once, or says that somebody was faster."""

from collections.abc import Callable
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from sqlalchemy.engine import Connection, Engine

from adapters.database import connect_database
from adapters.queue.messages import Attempt, RunMessage
from adapters.runs.changes import CANCEL, RETRY, mark_enqueued
from adapters.runs.states import (
    Claim,
    claim,
    extend_lease,
    fail,
    finish,
    give_up,
    hand_back,
    lose,
)
from contracts.errors import Conflict, LeaseLost, StaleMessage, UnknownRun
from contracts.status import ErrorType, RunStatus
from tests.services.runs import Submitter

RESULT = {"metrics_json": "{}", "result_hash": "0" * 64}


@pytest.fixture
def engine(submitter: Submitter) -> Engine:
    return submitter.engine


@pytest.fixture
def waiting(submitter: Submitter) -> Attempt:
    return Attempt(submitter.record()[0], 1)


def claimed(engine: Engine, waiting: Attempt, token: str = "mine", lease_s: float = 60) -> Claim:
    with engine.begin() as connection:
        return claim(connection, waiting, token, lease_s, "test")


def message(run_id: str, attempt: int) -> RunMessage:
    return RunMessage(run_id, attempt, {}, is_bulk=False)


def does(engine: Engine, change: Callable[[Connection], object]) -> object:
    with engine.begin() as connection:
        return change(connection)


def test_a_run_is_claimed_once(engine: Engine, waiting: Attempt) -> None:
    claimed(engine, waiting, "first")

    with pytest.raises(StaleMessage):
        claimed(engine, waiting, "second")


def test_of_many_claims_at_once_one_wins(database_url: str, waiting: Attempt) -> None:
    winners: list[str] = []
    together = Barrier(8)

    def compete() -> None:
        engine = connect_database(database_url)
        together.wait()
        try:
            winners.append(claimed(engine, waiting, str(uuid4())).token)
        except StaleMessage:
            return

    rivals = [Thread(target=compete) for _ in range(8)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()

    assert len(winners) == 1


def test_a_claim_may_be_repeated_under_its_own_token(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    first = claimed(engine, waiting)
    again = claimed(engine, waiting)

    assert again == first
    assert submitter.events(waiting.run_id) == [(1, None, "PENDING"), (1, "PENDING", "RUNNING")]


def test_only_the_waiting_attempt_is_claimed(engine: Engine, waiting: Attempt) -> None:
    with pytest.raises(StaleMessage):
        claimed(engine, Attempt(waiting.run_id, 2))


def test_the_claim_returns_the_request_as_it_was_recorded(
    engine: Engine, submitter: Submitter
) -> None:
    (run_id,) = submitter.record(ticker="IBM", label="Grüße \N{SNOWMAN}", params={"period": 9})

    request = claimed(engine, Attempt(run_id, 1)).request

    assert (request.ticker, request.label, request.params) == (
        "IBM",
        "Grüße \N{SNOWMAN}",
        {"period": 9},
    )


def test_a_finished_run_has_its_result_its_lines_and_no_lease(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting)

    does(engine, lambda connection: finish(connection, lease, RESULT, [b"head", b"part"]))

    row = submitter.row(waiting.run_id)
    assert (row["status"], row["metrics_json"], row["lease_until"]) == ("SUCCEEDED", "{}", None)
    assert row["completed_at"] >= row["started_at"] >= row["created_at"]


def test_a_finish_may_be_repeated(engine: Engine, waiting: Attempt, submitter: Submitter) -> None:
    lease = claimed(engine, waiting)

    for _ in range(2):
        does(engine, lambda connection: finish(connection, lease, RESULT, [b"head", b"part"]))

    assert [event[2] for event in submitter.events(waiting.run_id)] == [
        "PENDING",
        "RUNNING",
        "SUCCEEDED",
    ]


@pytest.mark.parametrize(
    "take_away",
    [
        lambda connection, lease: CANCEL.one(connection, lease.run_id),
        lambda connection, lease: hand_back(connection, lease, 20),
        lambda connection, lease: lose(connection, lease, 3, "silent"),
        lambda connection, lease: fail(connection, lease, ErrorType.TIMEOUT, "too long"),
    ],
    ids=["cancel", "hand_back", "lose", "fail"],
)
def test_nothing_is_finished_under_a_lease_that_is_gone(
    take_away: Callable[[Connection, Claim], object],
    engine: Engine,
    waiting: Attempt,
    submitter: Submitter,
) -> None:
    lease = claimed(engine, waiting)
    does(engine, lambda connection: take_away(connection, lease))

    with pytest.raises(LeaseLost):
        does(engine, lambda connection: finish(connection, lease, RESULT))

    assert submitter.row(waiting.run_id)["metrics_json"] is None


def test_a_lease_is_extended_by_its_holder_only(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting, lease_s=1)
    before = submitter.row(waiting.run_id)["lease_until"]

    does(engine, lambda connection: extend_lease(connection, lease, 60))
    other = Claim(lease.run_id, lease.attempt, "other token", lease.request)
    with pytest.raises(LeaseLost):
        does(engine, lambda connection: extend_lease(connection, other, 60))

    assert (submitter.row(waiting.run_id)["lease_until"] - before).total_seconds() > 50


def test_a_beat_after_the_own_end_is_no_loss(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting)
    does(engine, lambda connection: finish(connection, lease, RESULT))

    does(engine, lambda connection: extend_lease(connection, lease, 60))

    assert submitter.row(waiting.run_id)["lease_until"] is None


def test_hand_backs_and_losses_are_counted_apart(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    first = claimed(engine, waiting)
    does(engine, lambda connection: hand_back(connection, first, 20))
    second = claimed(engine, Attempt(waiting.run_id, 2), "other")
    does(engine, lambda connection: lose(connection, second, 3, "silent"))

    row = submitter.row(waiting.run_id)

    assert (row["status"], row["attempt"], row["losses"], row["handbacks"]) == (
        "PENDING",
        3,
        1,
        1,
    )
    assert (row["enqueued_at"], row["lease_token"], row["started_at"]) == (None, None, None)


def test_the_last_loss_fails_the_run(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    for number in (1, 2, 3):
        lease = claimed(engine, Attempt(waiting.run_id, number), f"token {number}")
        after = does(engine, lambda connection, lease=lease: lose(connection, lease, 3, "silent"))

    assert after is RunStatus.FAILED
    assert submitter.row(waiting.run_id)["error_type"] == ErrorType.WORKER_LOST


def test_the_last_hand_back_fails_the_run(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting)

    after = does(engine, lambda connection: hand_back(connection, lease, 0))

    assert after is RunStatus.FAILED
    assert submitter.row(waiting.run_id)["error_type"] == ErrorType.HANDBACKS


@pytest.mark.parametrize("claims", [0, 1])
def test_a_waiting_or_running_run_is_cancelled_once(
    claims: int, engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    if claims:
        claimed(engine, waiting)

    does(engine, lambda connection: CANCEL.one(connection, waiting.run_id))
    with pytest.raises(Conflict):
        does(engine, lambda connection: CANCEL.one(connection, waiting.run_id))

    assert submitter.row(waiting.run_id)["error_type"] == ErrorType.CANCELLED


def test_a_run_that_has_finished_is_not_cancelled(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting)
    does(engine, lambda connection: finish(connection, lease, RESULT))
    finished = submitter.row(waiting.run_id)

    with pytest.raises(Conflict):
        does(engine, lambda connection: CANCEL.one(connection, waiting.run_id))

    assert submitter.row(waiting.run_id) == finished


def test_a_failed_run_is_retried_as_its_next_attempt(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    lease = claimed(engine, waiting)
    does(engine, lambda connection: fail(connection, lease, ErrorType.ENGINE_ERROR, "x" * 5000))

    does(engine, lambda connection: RETRY.one(connection, waiting.run_id))

    row = submitter.row(waiting.run_id)
    assert (row["status"], row["attempt"]) == ("PENDING", 2)
    assert (row["error_type"], row["error_message"], row["completed_at"]) == (None, None, None)


@pytest.mark.parametrize("claims", [0, 1])
def test_a_run_that_has_not_failed_is_not_retried(
    claims: int, engine: Engine, waiting: Attempt
) -> None:
    if claims:
        claimed(engine, waiting)

    with pytest.raises(Conflict):
        does(engine, lambda connection: RETRY.one(connection, waiting.run_id))


@pytest.mark.parametrize("change", [CANCEL.one, RETRY.one])
def test_an_unknown_run_is_named(
    change: Callable[[Connection, str], object], engine: Engine
) -> None:
    with pytest.raises(UnknownRun, match="no run has the id nobody"):
        does(engine, lambda connection: change(connection, "nobody"))


def test_a_run_that_is_worked_on_is_not_given_up(engine: Engine, waiting: Attempt) -> None:
    claimed(engine, waiting)

    with pytest.raises(StaleMessage):
        does(
            engine,
            lambda connection: give_up(connection, waiting, ErrorType.SYSTEM_ERROR, "no queue"),
        )


def test_only_waiting_runs_are_stamped(engine: Engine, submitter: Submitter) -> None:
    waits, works = submitter.record(2)
    claimed(engine, Attempt(works, 1))

    does(
        engine,
        lambda connection: mark_enqueued(connection, [message(waits, 1), message(works, 1)]),
    )

    assert submitter.row(waits)["enqueued_at"] is not None
    assert submitter.row(works)["enqueued_at"] is None


def test_a_message_of_an_earlier_attempt_stamps_nothing(
    engine: Engine, waiting: Attempt, submitter: Submitter
) -> None:
    does(engine, lambda connection: CANCEL.one(connection, waiting.run_id))
    does(engine, lambda connection: RETRY.one(connection, waiting.run_id))

    does(engine, lambda connection: mark_enqueued(connection, [message(waiting.run_id, 1)]))
    assert submitter.row(waiting.run_id)["enqueued_at"] is None

    does(engine, lambda connection: mark_enqueued(connection, [message(waiting.run_id, 2)]))
    assert submitter.row(waiting.run_id)["enqueued_at"] is not None
