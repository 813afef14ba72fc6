"""A consumer that is killed at any point: the next attempt finishes the run, with one result."""

import signal
from collections.abc import Callable

import pytest

from adapters.settings import Settings
from tests.faults.injection_point import Fault
from tests.faults.recovery import measured
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until

LOSSES = {
    "between pop and claim": 0,
    "after the claim": 1,
    "during the engine": 1,
    "between engine and commit": 1,
    "inside the result's transaction": 1,
}


@pytest.mark.parametrize("point", LOSSES)
def test_a_killed_consumer_s_run_is_finished_by_the_next(
    point: str,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
    database_url: str,
) -> None:
    pause = fault(point, "pause")
    (run_id,) = submitter.submit()
    # a paused writer locks all of SQLite
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    victim = programs.start("consumer", **pause.environ)
    pause.wait()
    programs.start("consumer.local_scaler").wait_for_line("started")

    with measured(f"consumer SIGKILLed {point}", database_url):
        victim.send(signal.SIGKILL)
        wait_until(submitter.all_ended, 60)

    row = submitter.row(run_id)
    assert (row["status"], row["losses"]) == ("SUCCEEDED", LOSSES[point])
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
@pytest.mark.parametrize("point", ["between result and charts", "inside the charts' transaction"])
def test_a_consumer_that_ends_before_its_charts_are_stored_leaves_a_run_that_has_succeeded(
    point: str,
    signum: signal.Signals,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault(point, "pause")
    (run_id,) = submitter.submit(charts=True)
    victim = programs.start("consumer", **pause.environ)
    pause.wait()
    assert submitter.status(run_id) == "SUCCEEDED"

    victim.send(signum)
    exit_code = victim.wait()
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    check_queue_is_clean(redis_server.client())

    row = submitter.row(run_id)
    assert exit_code == (0 if signum == signal.SIGTERM else -signal.SIGKILL)
    assert (row["status"], row["attempt"], row["losses"], row["handbacks"]) == (
        "SUCCEEDED",
        1,
        0,
        0,
    )
    check_tables(submitter.engine)


DEFAULTS = {
    name: f"{getattr(Settings, name.lower()):g}"
    for name in ("LEASE_S", "HEARTBEAT_S", "RECONCILE_S", "ENQUEUE_GRACE_S")
}
QUICK = {"LEASE_S": "6", "HEARTBEAT_S": "2", "RECONCILE_S": "2", "ENQUEUE_GRACE_S": "5"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "within_s"),
    [(DEFAULTS, 60.0), (QUICK, 20.0)],
    ids=["with default settings", "with quick settings"],
)
def test_a_killed_consumer_is_replaced_within_its_lease_and_a_pass(
    settings: dict[str, str],
    within_s: float,
    programs: Programs,
    submitter: Submitter,
    fault: Callable[..., Fault],
    database_url: str,
    request: pytest.FixtureRequest,
) -> None:
    pause = fault("during the engine", "pause")
    (run_id,) = submitter.submit()
    victim = programs.start("consumer", **settings | pause.environ)
    programs.start("consumer.reconciler", **settings).wait_for_line("lead_taken")
    pause.wait()
    programs.start("consumer.local_scaler", **settings).wait_for_line("scaler_started")

    with measured(
        f"consumer SIGKILLed {request.node.callspec.id.partition('-')[2]}", database_url
    ):
        victim.send(signal.SIGKILL)
        wait_until(submitter.all_ended, within_s)

    assert submitter.status(run_id) == "SUCCEEDED"
