"""Bad ends of strategies in Python: each run ends once with its reason, and nothing of its processes is left."""

import os
import random
import signal
from contextlib import suppress

import psutil
import pytest
from sqlalchemy import select

from adapters.access_tables import USED
from tests.faults.recovery import measured
from tests.faults.test_killed import QUICK
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until

PYTHON = {"rule_type": "PYTHON", "rule_id": "PYTHON"}
HANGS = "import time\ndef on_bar(bars):\n    if len(bars) == 9:\n        time.sleep(1000)\n"
HANGS_AT_ONCE = "import time\ndef signals(bars):\n    time.sleep(1000)\n"
SLOW = "import time\ndef on_bar(bars):\n    time.sleep(0.002)\n    return 1 if len(bars) % 50 == 0 else 0\n"
EATS = "kept = []\ndef on_bar(bars):\n    kept.append(bytearray(2**26))\n"


def sealed(programs: Programs) -> list[psutil.Process]:
    """Processes of strategies, by age: the one that loads modules comes before its forks."""
    alive = list[psutil.Process]()
    for each in programs.survivors():
        with suppress(psutil.Error):
            if "consumer.sealed.process" in " ".join(each.cmdline()):
                alive.append(each)
    return sorted(alive, key=lambda each: each.create_time())


def wait_for_forks(programs: Programs) -> list[psutil.Process]:
    """Wait until the code runs; return the process that has loaded the modules, and its forks."""
    wait_until(lambda: len(sealed(programs)) >= 2, 30, "a fork that runs the code")
    return sealed(programs)


def check(
    run_id: str,
    submitter: Submitter,
    programs: Programs,
    redis_server: RedisServer,
    expected: tuple[str, str | None],
) -> str:
    """Check that the run has ended so, and that nothing is left; return its message."""
    wait_until(submitter.all_ended, 60)
    wait_until(lambda: not sealed(programs), 10, "the end of all processes of the code")
    row = submitter.row(run_id)
    assert (row["status"], row["error_type"]) == expected
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())
    return str(row["error_message"])


@pytest.mark.parametrize("code", [HANGS, HANGS_AT_ONCE], ids=["on_bar", "signals"])
@pytest.mark.parametrize("victim", [0, 1], ids=["with its modules", "that runs the code"])
def test_a_run_whose_sealed_process_is_killed_fails_with_the_reason(
    victim: int, code: str, programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    (run_id,) = submitter.submit(**PYTHON, params={"code": code})
    programs.start("consumer")

    os.kill(wait_for_forks(programs)[victim].pid, signal.SIGKILL)

    message = check(run_id, submitter, programs, redis_server, ("FAILED", "code_error"))
    assert "the process of the code was" in message


@pytest.mark.parametrize("whole", [True, False], ids=["with its parent", "alone"])
def test_sealed_processes_die_with_a_killed_job_whose_run_is_computed_again(
    whole: bool,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    database_url: str,
) -> None:
    (run_id,) = submitter.submit(**PYTHON, params={"code": SLOW})
    consumer = programs.start("consumer", **QUICK)
    forks = wait_for_forks(programs)
    programs.start("consumer.reconciler", **QUICK).wait_for_line("lead_taken")
    programs.start("consumer.local_scaler", **QUICK).wait_for_line("scaler_started")

    with measured("Job of a strategy in Python SIGKILLed", database_url):
        job = forks[0].ppid()
        if whole:
            consumer.send(signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(job, signal.SIGKILL)
        wait_until(lambda: not any(map(is_alive, forks)), 10, "the end of the first forks")

    check(run_id, submitter, programs, redis_server, ("SUCCEEDED", None))


def test_the_cpu_seconds_of_a_strategy_count_when_its_job_is_stopped(
    programs: Programs, submitter: Submitter
) -> None:
    burn = "import time\nwhile time.process_time() < 3:\n    pass\n"
    submitter.submit(**PYTHON, params={"code": burn + HANGS_AT_ONCE.partition("\n")[2]})
    consumer = programs.start("consumer")
    forks = wait_for_forks(programs)
    wait_until(lambda: sum(forks[-1].cpu_times()[:2]) > 2.9, 60, "3 s of CPU")

    consumer.send(signal.SIGTERM)
    consumer.wait()

    with submitter.engine.connect() as connection:
        assert connection.execute(select(USED.cpu_s)).scalar_one() > 2.9


def is_alive(process: psutil.Process) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@pytest.mark.parametrize(
    ("code", "settings", "expected"),
    [
        (HANGS, {"RUN_TIMEOUT_S": "3"}, "timeout"),
        (HANGS_AT_ONCE, {"RUN_TIMEOUT_S": "3"}, "timeout"),
        (EATS, {"RUN_MEMORY_MB": "512"}, "memory"),
    ],
    ids=["hangs", "hangs at once", "eats memory"],
)
def test_a_limit_ends_a_run_with_its_reason(
    code: str, settings: dict[str, str], expected: str, programs: Programs, submitter: Submitter,
    redis_server: RedisServer,
) -> None:  # fmt: skip
    (run_id,) = submitter.submit(**PYTHON, params={"code": code})

    programs.start("consumer", **settings).wait()

    check(run_id, submitter, programs, redis_server, ("FAILED", expected))


def test_a_job_that_is_terminated_hands_its_run_back_and_leaves_no_process(
    programs: Programs, submitter: Submitter
) -> None:
    (run_id,) = submitter.submit(**PYTHON, params={"code": HANGS})
    consumer = programs.start("consumer")
    wait_for_forks(programs)

    consumer.send(signal.SIGTERM)
    consumer.wait()

    wait_until(lambda: not sealed(programs), 10, "the end of all processes of the code")
    assert submitter.status(run_id) == "PENDING"


def test_whatever_is_killed_at_random_moments_every_run_ends_once(
    programs: Programs, submitter: Submitter, redis_server: RedisServer
) -> None:
    rng = random.Random(4)
    run_ids = submitter.submit(2, **PYTHON, params={"code": SLOW})
    programs.start("consumer.reconciler", **QUICK).wait_for_line("lead_taken")
    programs.start("consumer.local_scaler", **QUICK).wait_for_line("scaler_started")

    for _ in range(4):
        victims = wait_until(lambda: submitter.all_ended() or targets(programs), 60, "a process")
        if victims is True:
            break
        with suppress(ProcessLookupError):
            os.kill(rng.choice(victims), signal.SIGKILL)

    wait_until(submitter.all_ended, 120)
    wait_until(lambda: not sealed(programs), 10, "the end of all processes of the code")
    rows = map(submitter.row, run_ids)
    reasons = {(row["status"], row["error_type"]) for row in rows}
    assert reasons <= {("SUCCEEDED", None), ("FAILED", "code_error"), ("FAILED", "worker_lost")}
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def targets(programs: Programs) -> list[int]:
    """Processes that compute a strategy, and the Job that they belong to."""
    processes = sealed(programs)
    return [each.pid for each in processes] + [each.ppid() for each in processes[:1]]
