"""Jobs that wait for a message with everything loaded: still one message, one run and one process each."""

import random
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from adapters.queue.history import take_lead
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import PROJECT_ROOT, Program, Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.scaler import work_off
from tests.services.waiting import wait_until

# each Job says itself that it waits
pytestmark = pytest.mark.parametrize("programs", ["plain"], indirect=True)
MANIFEST = PROJECT_ROOT / "keda" / "scaledjob.yaml"


def waiting(programs: Programs, count: int = 1, **settings: str) -> list[Program]:
    """Jobs that wait for a message."""
    jobs = [programs.start("consumer", **{"IDLE_S": "60"} | settings) for _ in range(count)]
    for job in jobs:
        job.wait_for_line("job_waiting")
    return jobs


def test_each_takes_one_message_and_ends_the_others_go_on(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    jobs = waiting(programs, 3)
    wait_until(lambda: submitter.queue.idle_jobs() == 3, 10, "three that say so")

    submitter.submit(2)
    wait_until(submitter.all_ended, 60, "both runs")
    wait_until(lambda: sum(job.is_running() for job in jobs) == 1, 10, "the end of two Jobs")

    assert submitter.queue.idle_jobs() == 1
    assert submitter.statuses() == {"SUCCEEDED": 2}
    assert [job.wait() for job in jobs if not job.is_running()] == [0, 0]
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_people_are_served_first_and_a_message_that_is_there_at_once(
    programs: Programs, submitter: Submitter
) -> None:
    [bulk], [single] = submitter.submit(batch_id="many"), submitter.submit()

    job = programs.start("consumer", IDLE_S="60")

    assert job.wait() == 0
    assert "job_waiting" not in job.log  # it has loaded nothing but what the run needs
    assert [submitter.status(each) for each in (bulk, single)] == ["PENDING", "SUCCEEDED"]


def test_the_ready_file_is_written_after_a_real_pop_only(
    programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    ready = tmp_path / "popped"
    [job] = waiting(programs, READY_FILE=str(ready))
    assert not ready.is_file()

    submitter.submit()

    assert job.wait() == 0
    assert ready.is_file()


@pytest.mark.parametrize("end", ["pop", "stop"])
def test_the_probe_of_the_manifest_waits_for_the_pop_and_ends_well_before_the_job(
    end: str, programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    ready = tmp_path / "popped"
    [worker] = YAML(typ="safe").load(MANIFEST)["spec"]["jobTargetRef"]["template"]["spec"][
        "containers"
    ]
    command = [
        word.replace("/tmp/popped", str(ready))
        for word in worker["readinessProbe"]["exec"]["command"]
    ]
    probe = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    [job] = waiting(programs, READY_FILE=str(ready))
    children = wait_until(lambda: psutil.Process(probe.pid).children(), 5, "the probe's reader")
    reads = Path(f"/proc/{children[0].pid}/fd")  # from here on it costs nothing
    wait_until(lambda: ready in [each.resolve() for each in reads.iterdir()], 5, "the open pipe")

    assert probe.poll() is None
    if end == "pop":
        submitter.submit()
    else:
        job.send(signal.SIGTERM)

    assert (probe.wait(10), job.wait()) == (0, 0)
    assert end == "stop" or subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0


def test_a_probe_that_comes_after_the_end_waits_for_no_pipe(
    programs: Programs, tmp_path: Path
) -> None:
    ready = tmp_path / "popped"

    [job] = waiting(programs, READY_FILE=str(ready))
    job.send(signal.SIGTERM)

    assert job.wait() == 0
    assert not ready.exists()


def test_one_that_nothing_comes_for_ends_well(programs: Programs, tmp_path: Path) -> None:
    ready = tmp_path / "popped"

    [job] = waiting(programs, IDLE_S="1", READY_FILE=str(ready))

    assert job.wait() == 0
    assert not ready.is_file()


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 0), (signal.SIGKILL, -9)])
def test_one_that_is_ended_takes_nothing_with_it(
    signum: signal.Signals,
    code: int,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
) -> None:
    [job] = waiting(programs)

    job.send(signum)

    assert job.wait(timeout_s=2) == code
    submitter.submit()
    work_off(programs, submitter)
    assert submitter.statuses() == {"SUCCEEDED": 1}
    check_queue_is_clean(redis_server.client())


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_stop_at_any_moment_loses_no_run_and_makes_none_twice(
    count: int, programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    chance, run_ids = random.Random(11), list[str]()
    programs.start("consumer.reconciler", ENQUEUE_GRACE_S="1", RECONCILE_S="0.5")
    for _ in range(count // 4):
        jobs = [programs.start("consumer", IDLE_S="60") for _ in range(4)]
        for job in jobs:  # what was handed back is taken at once
            job.wait_for_line("job_waiting|run_claimed")
        run_ids += submitter.submit(4)
        time.sleep(chance.uniform(0, 0.4))
        for job in jobs:
            job.send(signal.SIGTERM)
        assert [job.wait() for job in jobs] == [0] * 4
    work_off(programs, submitter)

    assert submitter.statuses() == {"SUCCEEDED": count}
    assert {submitter.row(run_id)["losses"] for run_id in run_ids} == {0}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_redis_may_be_restarted_under_them(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    [job] = waiting(programs)
    redis_server.stop()
    job.wait_for_line("redis_unreachable step=wait")
    redis_server.start()

    submitter.submit()

    assert job.wait() == 0
    assert submitter.statuses() == {"SUCCEEDED": 1}


def test_the_jobs_of_another_image_take_nothing_more(
    programs: Programs, submitter: Submitter
) -> None:
    old, new = waiting(programs, IMAGE_TAG="old"), waiting(programs, IMAGE_TAG="new")
    take_lead(submitter.engine, "the new reconciler", 60, 0, "new")

    submitter.submit()

    assert (old[0].wait(), new[0].wait()) == (0, 0)
    assert "image_replaced" in old[0].log
    assert "run_claimed" in new[0].log


def test_jobs_of_a_new_image_work_before_its_reconciler_leads(
    programs: Programs, submitter: Submitter
) -> None:
    take_lead(submitter.engine, "the old reconciler", 60, 0, "old")
    [new] = waiting(programs, IMAGE_TAG="new")

    submitter.submit()

    assert new.wait() == 0
    assert submitter.statuses() == {"SUCCEEDED": 1}
