"""The order of service: people in the order of their submissions, then batches; the same after Redis lost all data."""

import signal
from pathlib import Path

import pytest

from tests.faults.injection_point import Fault
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until


def test_three_runs_are_worked_in_the_order_of_their_submission(
    programs: Programs, submitter: Submitter
) -> None:
    run_ids = [submitter.submit()[0] for _ in range(3)]

    for _ in run_ids:
        assert programs.start("consumer").wait() == 0

    started = [submitter.row(run_id)["started_at"] for run_id in run_ids]
    assert started == sorted(started)


def test_a_person_s_run_is_worked_before_a_thousand_of_a_batch(
    programs: Programs, submitter: Submitter
) -> None:
    batch = submitter.submit(1000, batch_id="b")
    (person,) = submitter.submit()

    assert programs.start("consumer").wait() == 0
    assert programs.start("consumer").wait() == 0

    assert submitter.status(person) == "SUCCEEDED"
    assert [submitter.status(run_id) for run_id in batch[:2]] == ["SUCCEEDED", "PENDING"]
    assert submitter.queue.depths() == {"backtests": 0, "backtests-bulk": 999}


@pytest.mark.parametrize("fields", [{}, {"batch_id": "b"}], ids=["person", "batch"])
def test_a_run_that_was_handed_back_waits_at_the_back_of_its_own_list(
    fields: dict[str, str], programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    handed_back, waiting = submitter.submit(2, **fields)
    pause = Fault(tmp_path, "during the engine", "pause")
    consumer = programs.start("consumer", **pause.environ)
    pause.wait()

    consumer.send(signal.SIGTERM)

    assert consumer.wait() == 0
    assert submitter.queue.waiting_ids() == [f"{waiting}-1", f"{handed_back}-2"]
    assert list(submitter.queue.depths().values()) == ([0, 2] if fields else [2, 0])


def test_a_refilled_queue_has_its_order_again(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    batch, people = submitter.submit(3, batch_id="b"), [submitter.submit()[0] for _ in range(3)]
    expected = [f"{run_id}-1" for run_id in (*people, *batch)]
    assert submitter.queue.waiting_ids() == expected
    redis_server.client().flushall()

    programs.start("consumer.reconciler")
    wait_until(lambda: submitter.queue.depth() == len(expected), 30, "the messages")

    assert submitter.queue.waiting_ids() == expected
