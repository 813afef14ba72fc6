"""The reconciler's repairs after crashes: alone or next to another one, with or without its databases."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis
from rq.intermediate_queue import IntermediateQueue
from sqlalchemy import Row, select, update

from adapters.database import database_now, reading
from adapters.plan_tables import leases
from adapters.queue.history import take_lead
from adapters.queue.messages import Attempt
from adapters.runs.states import claim
from adapters.settings import Settings
from adapters.tables import runs
from consumer.leader.lead import Repairs
from tests.faults.injection_point import Fault, limited
from tests.services.invariants import check_queue_is_clean, check_tables, left_in_redis
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.waiting import wait_until


def test_a_run_that_was_never_enqueued_is_worked(
    programs: Programs, submitter: Submitter
) -> None:
    submitter.record(3)
    programs.start("consumer.reconciler")

    work_off(programs, submitter)

    assert submitter.statuses() == {"SUCCEEDED": 3}
    check_tables(submitter.engine)


@pytest.mark.parametrize("stamp", ["waiting_since", "enqueued_at"])
def test_a_lost_message_is_sent_again_though_the_clock_was_set_back(
    stamp: str, programs: Programs, submitter: Submitter
) -> None:
    submitter.record()
    with submitter.engine.begin() as connection:
        connection.execute(update(runs).values({stamp: database_now(3600)}))

    programs.start("consumer.reconciler").wait_for_line("run_enqueued")


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_flushed_queue_is_filled_again_without_duplicates(
    count: int, programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    submitter.submit(count)
    redis_server.client().flushall()

    programs.start("consumer.reconciler", ENQUEUE_GRACE_S="0.5")
    wait_until(lambda: submitter.queue.depth() >= count, 60)
    waiting = submitter.queue.waiting_ids()

    assert len(waiting) == len(set(waiting)) == count


def test_a_run_between_its_pop_and_its_claim_is_sent_again_only_when_nobody_claims_it(
    submitter: Submitter, redis_server: RedisServer
) -> None:
    [run_id] = submitter.submit()
    repairs = Repairs(submitter.engine, replace(submitter.settings, enqueue_grace_s=0))
    with submitter.engine.begin() as connection:
        connection.execute(
            update(runs).values(enqueued_at=database_now(-60), waiting_since=database_now(-60))
        )
    key = "rq:queue:backtests"
    redis_server.client().lmove(
        key, IntermediateQueue(key, redis_server.client()).key, "LEFT", "RIGHT"
    )

    waiting = []
    for _ in range(2):
        repairs.make()
        waiting.append(submitter.queue.waiting_ids())

    # at the second pass whoever popped it is taken for dead
    assert waiting == [[], [Attempt(run_id, 1).job_id]]


def test_an_expired_lease_becomes_the_next_attempt(
    programs: Programs, submitter: Submitter
) -> None:
    (run_id,) = submitter.record()
    with submitter.engine.begin() as connection:
        claim(connection, Attempt(run_id, 1), "token-of-the-dead", 0.1, "a process that is gone")

    programs.start("consumer.reconciler")
    work_off(programs, submitter)

    assert submitter.row(run_id)["losses"] == 1
    assert (1, "RUNNING", "PENDING") in submitter.events(run_id)
    check_tables(submitter.engine)


def test_the_last_loss_fails_the_run(programs: Programs, submitter: Submitter) -> None:
    (run_id,) = submitter.record()
    with submitter.engine.begin() as connection:
        claim(connection, Attempt(run_id, 1), "token-of-the-dead", 0.1, "a process that is gone")

    programs.start("consumer.reconciler", MAX_LOSSES="1")
    wait_until(submitter.all_ended)

    assert submitter.row(run_id)["error_type"] == "worker_lost"
    check_tables(submitter.engine)


def test_only_one_of_two_leads_and_the_other_succeeds_it(
    programs: Programs, submitter: Submitter
) -> None:
    first = programs.start("consumer.reconciler")
    first.wait_for_line("lead_taken")
    second = programs.start("consumer.reconciler")
    second.wait_for_line("reconciler_started")

    first.send(signal.SIGKILL)
    second.wait_for_line("lead_taken")
    submitter.record()
    work_off(programs, submitter)

    check_tables(submitter.engine)


def test_a_waiting_run_is_given_up_when_the_queue_stays_away(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    redis_server.stop()
    (run_id,) = submitter.record()

    reconciler = programs.start("consumer.reconciler", PENDING_TIMEOUT_S="2")
    wait_until(submitter.all_ended)

    assert submitter.row(run_id)["error_type"] == "system_error"
    assert f"run_id={run_id}" in reconciler.wait_for_line("run_given_up")
    check_tables(submitter.engine)


def test_a_long_wait_alone_gives_nothing_up(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.record()
    with submitter.engine.begin() as connection:
        connection.execute(update(runs).values(waiting_since=database_now(-7200)))
    redis_server.stop()

    reconciler = programs.start("consumer.reconciler", PENDING_TIMEOUT_S="3600")
    reconciler.wait_for_line("queue_unreachable")
    redis_server.start()
    work_off(programs, submitter)

    assert submitter.status(run_id) == "SUCCEEDED"


def test_it_waits_for_a_database_that_comes_later(
    programs: Programs, submitter: Submitter
) -> None:
    submitter.record()
    reconciler = programs.start(
        "consumer.reconciler", DATABASE_URL="mysql+pymysql://nobody:x@127.0.0.1:1/none"
    )

    reconciler.wait_for_line("pass_failed")

    assert reconciler.is_running()
    reconciler.send(signal.SIGTERM)
    assert reconciler.wait(timeout_s=10) == 0


SLOW = {"LEASE_S": "60", "HEARTBEAT_S": "15"}


def claimed_by_the_dead(submitter: Submitter, run_id: str) -> None:
    with submitter.engine.begin() as connection:
        claim(connection, Attempt(run_id, 1), "token-of-the-dead", 0.1, "a process that is gone")


def led_for_a_minute(submitter: Submitter) -> None:
    with submitter.engine.begin() as connection:
        connection.execute(update(leases).values(since=database_now(-60)))


def test_a_deadlock_delays_no_judgement(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    (run_id,) = submitter.record()
    take_lead(submitter.engine, "the one before", 0, 0, None)
    led_for_a_minute(submitter)
    claimed_by_the_dead(submitter, run_id)

    deadlock = fault("at the judgement of leases", "deadlock")
    reconciler = programs.start("consumer.reconciler", **SLOW | deadlock.environ)

    reconciler.wait_for_line("pass_failed .*Deadlock")
    reconciler.wait_for_line("lease_expired", 30)


def test_a_leader_that_is_killed_leaves_its_lead_for_five_seconds_at_most(
    programs: Programs, submitter: Submitter
) -> None:
    leader = programs.start(
        "consumer.reconciler",
        LEASE_S=str(Settings.lease_s),
        HEARTBEAT_S=str(Settings.heartbeat_s),
    )
    leader.wait_for_line("lead_taken")

    leader.send(signal.SIGKILL)
    leader.wait()

    with reading(submitter.engine) as connection:
        left = connection.execute(select(leases.c.until, database_now().label("now"))).one()
    assert 0 < (left.until - left.now).total_seconds() <= 5


def lead_of(submitter: Submitter) -> Row[Any]:
    with reading(submitter.engine) as connection:
        return connection.execute(
            select(leases.c.since, leases.c.until, database_now().label("now"))
        ).one()


@pytest.mark.parametrize(
    "at",
    [
        "at the search for lost messages",
        "at the search for plans",
    ],
)
def test_a_step_longer_than_a_lease_leaves_no_gap_in_the_lead(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault], at: str
) -> None:
    (run_id,) = submitter.record()
    pause = fault(at, "pause")
    reconciler = programs.start("consumer.reconciler", **pause.environ)
    pause.wait()
    before = lead_of(submitter)

    lease = timedelta(seconds=submitter.settings.lease_s)
    wait_until(lambda: lead_of(submitter).until > before.now + lease, 30)
    claimed_by_the_dead(submitter, run_id)
    pause.let_go()

    reconciler.wait_for_line("lease_expired", 30)
    assert lead_of(submitter).since == before.since


def test_a_leader_that_hangs_is_succeeded(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("at the search for plans", "pause")
    environ = pause.environ | limited("leases until a leader hangs", 0.5)
    programs.start("consumer.reconciler", **environ)
    pause.wait()

    programs.start("consumer.reconciler").wait_for_line("lead_taken", 30)
    pause.let_go()


@pytest.mark.slow
def test_a_lead_has_no_gap_on_starved_cores(programs: Programs, submitter: Submitter) -> None:
    (run_id,) = submitter.record()
    timing = {"LEASE_S": "12", "HEARTBEAT_S": "3"}
    reconciler = programs.start("consumer.reconciler", **timing)
    reconciler.wait_for_line("lead_taken")
    os.setpriority(os.PRIO_PROCESS, reconciler.pid, 6)  # a quarter of each one's share
    before = lead_of(submitter)

    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(20)]
    try:
        with submitter.engine.begin() as connection:
            claim(connection, Attempt(run_id, 1), "token-of-the-dead", 12, "a dead process")
        reconciler.wait_for_line("lease_expired", 120)
    finally:
        for each in spinning:
            each.kill()
            each.wait()

    assert lead_of(submitter).since == before.since


def test_a_restart_delays_no_judgement(programs: Programs, submitter: Submitter) -> None:
    (run_id,) = submitter.record()
    first = programs.start("consumer.reconciler", **SLOW)
    first.wait_for_line("lead_taken")
    led_for_a_minute(submitter)
    first.send(signal.SIGTERM)
    first.wait()
    claimed_by_the_dead(submitter, run_id)

    programs.start("consumer.reconciler", **SLOW).wait_for_line("lease_expired", 30)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once(programs: Programs, signum: signal.Signals) -> None:
    reconciler = programs.start("consumer.reconciler", RECONCILE_S="3600")
    reconciler.wait_for_line("lead_taken")

    reconciler.send(signum)

    assert reconciler.wait(timeout_s=5) == 0
    assert "reconciler_stopped" in reconciler.log


def test_remains_of_dead_processes_are_removed(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.submit()
    programs.start("consumer").wait()
    redis = redis_server.client()
    redis.rpush("rq:queue:backtests:intermediate", f"{run_id}-1", "garbage")
    redis.set(f"rq:queue:backtests:intermediate:first_seen:{run_id}-1", 1)
    redis.zadd("rq:wip:backtests", {f"{run_id}-1:0123456789abcdef": 9e9})
    redis.sadd("rq:workers", "rq:worker:dead")
    redis.sadd("rq:workers:backtests", "rq:worker:dead")
    assert left_in_redis(redis)

    programs.start("consumer.reconciler")

    check_queue_is_clean(redis)
    wait_until(
        lambda: not redis.scard("rq:workers") and not redis.scard("rq:workers:backtests"), 10
    )


def _spoil_registry(redis: Redis) -> None:
    redis.set("rq:wip:backtests", "not a registry")


def _spoil_workers(redis: Redis) -> None:
    redis.sadd("rq:workers:backtests", b"\xff is no text")


@pytest.mark.parametrize("spoil", [_spoil_registry, _spoil_workers])
def test_a_queue_that_cannot_be_cleaned_costs_no_run(
    spoil: Callable[[Redis], None],
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
) -> None:
    (on_queue,), (not_queued,) = submitter.submit(), submitter.record()
    spoil(redis_server.client())

    reconciler = programs.start("consumer.reconciler", PENDING_TIMEOUT_S="0.1")
    reconciler.wait_for_line(f"run_enqueued .*{not_queued}")
    reconciler.wait_for_line("queue_cleanup_failed", 20, times=3)

    assert reconciler.is_running()
    assert [submitter.status(run_id) for run_id in (on_queue, not_queued)] == [
        "PENDING",
        "PENDING",
    ]
