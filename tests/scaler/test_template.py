"""Jobs forked from a warm template are processes like any other, and the template keeps nothing of theirs."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from adapters.settings import PROJECT_ROOT, Settings
from tests.faults.injection_point import Fault, limited
from tests.kernel.test_packages import PACKAGES
from tests.services.processes import Program, Programs
from tests.services.runs import Submitter
from tests.services.waiting import slowness, wait_until

BOTH_WAYS = pytest.mark.parametrize("way", ["warm", "plain"])


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Start Jobs on SQLite only, since that works the same for both databases."""
    return sqlite_url


@pytest.fixture
def fault(tmp_path: Path) -> Callable[..., Fault]:
    """Makes faults for processes that are started with its `environ`."""
    return lambda at, do, **options: Fault(tmp_path, at, do, **options)


def started_with(programs: Programs, way: str = "warm", **settings: str) -> Program:
    """A scaler that starts Jobs in this way from now on."""
    scaler = programs.start("consumer.local_scaler", SCALER_START=way, **settings)
    if way == "warm":
        scaler.wait_for_line("template_ready")
    return scaler


def job_pids(scaler: Program, way: str) -> list[int]:
    return [
        int(line.split("pid=")[1].split()[0])
        for line in scaler.log.splitlines()
        if f" way={way} " in line
    ]


def template_of(scaler: Program) -> psutil.Process:
    """The latest template that became ready."""
    ready = [line for line in scaler.log.splitlines() if "template_ready" in line]
    return psutil.Process(int(ready[-1].split("pid=")[1]))


def templates(scaler: Program) -> int:
    """Number of templates that have become ready."""
    return scaler.log.count("template_ready")


@BOTH_WAYS
def test_a_job_is_a_process_in_a_session_of_its_own_that_says_its_exit_code(
    way: str, programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("during the engine", "pause", times=2)
    scaler = started_with(programs, way, SCALER_MAX_PROCESSES="2", **pause.environ)
    submitter.submit()
    submitter.submit(ticker="NONE")
    wait_until(lambda: len(job_pids(scaler, way)) == 2)
    pause.wait()

    sessions = [os.getsid(pid) for pid in job_pids(scaler, way) if psutil.pid_exists(pid)]
    pause.let_go()
    scaler.wait_for_line("job_ended", times=2)

    assert set(sessions) <= set(job_pids(scaler, way)) and sessions
    assert {"exit_code=0", "exit_code=1"} == {
        word for word in scaler.log.split() if word.startswith("exit_code")
    }


@BOTH_WAYS
def test_a_job_that_is_killed_hurts_no_other(
    way: str, programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("during the engine", "pause", times=2)
    scaler = started_with(programs, way, SCALER_MAX_PROCESSES="2", **pause.environ)
    submitter.submit(2)
    pause.wait(times=2)
    victim, survivor = job_pids(scaler, way)

    os.kill(victim, signal.SIGKILL)
    scaler.wait_for_line(f"job_ended pid={victim} exit_code=-9")
    pause.let_go()

    scaler.wait_for_line(f"job_ended pid={survivor} exit_code=0")


@BOTH_WAYS
def test_stopped_jobs_are_killed_at_their_deadline_and_free_their_slots(
    way: str,
    programs: Programs,
    submitter: Submitter,
    fault: Callable[..., Fault],
    tmp_path: Path,
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    manifest["spec"]["jobTargetRef"]["activeDeadlineSeconds"] = round(5 * slowness())
    manifest["spec"]["jobTargetRef"]["template"]["spec"]["terminationGracePeriodSeconds"] = 1
    hurried = tmp_path / "scaledjob.yaml"
    hurried.write_text(yaml.safe_dump(manifest))
    pause = fault("during the engine", "pause", times=2)
    scaler = started_with(
        programs, way, SCALER_MAX_PROCESSES="2", SCALER_MANIFEST=str(hurried), **pause.environ
    )
    submitter.submit(2)
    pause.wait(times=2)
    stopped = [psutil.Process(pid) for pid in job_pids(scaler, way)]
    children = [child for job in stopped for child in job.children()]

    for job in stopped:
        job.suspend()
    submitter.submit()

    for job in stopped:
        scaler.wait_for_line(f"job_ended pid={job.pid} exit_code=-9")
    scaler.wait_for_line("job_ended .*exit_code=0")
    assert len(children) == 2
    assert not {child.pid for child in children} & {
        process.pid for process in programs.survivors()
    }


def test_the_jobs_of_a_killed_template_go_on_and_the_next_one_takes_over(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    pause = fault("during the engine", "pause")
    scaler = started_with(programs, **pause.environ)
    submitter.submit()
    pause.wait()
    (job,) = job_pids(scaler, "warm")

    template_of(scaler).kill()
    wait_until(lambda: templates(scaler) == 2)
    pause.let_go()

    scaler.wait_for_line(f"job_ended pid={job} exit_code=0")
    submitter.submit()
    wait_until(lambda: len(job_pids(scaler, "warm")) == 2)


def test_a_template_that_hangs_is_replaced_and_its_message_worked(
    programs: Programs, submitter: Submitter
) -> None:
    scaler = started_with(programs, **limited("seconds for a template's answer", 1))
    template_of(scaler).suspend()

    submitter.submit()

    wait_until(submitter.all_ended)
    assert len(job_pids(scaler, "plain")) == 1
    wait_until(lambda: templates(scaler) == 2)


def test_a_template_that_hangs_before_it_is_ready_is_logged_and_replaced(
    programs: Programs, submitter: Submitter, fault: Callable[..., Fault]
) -> None:
    hang = fault("before the template's imports", "pause")
    patience = limited("seconds until a template is ready", 5 * slowness())
    scaler = programs.start("consumer.local_scaler", **hang.environ | patience)
    hang.wait()
    submitter.submit()
    wait_until(submitter.all_ended)

    scaler.wait_for_line("WARNING .*template_timed_out")
    scaler.wait_for_line("template_ready")
    submitter.submit()

    wait_until(submitter.all_ended)
    assert (len(job_pids(scaler, "plain")), len(job_pids(scaler, "warm"))) == (1, 1)


def test_a_template_is_replaced_after_so_many_forks(
    programs: Programs, submitter: Submitter
) -> None:
    scaler = started_with(programs, SCALER_MAX_PROCESSES="1", **limited("forks of a template", 2))

    for ended in (1, 2, 3):
        submitter.submit()
        scaler.wait_for_line("job_ended", times=ended)
    wait_until(lambda: templates(scaler) == 2)

    assert len(job_pids(scaler, "warm")) >= 2


def test_a_template_is_replaced_when_a_module_changes(
    programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    for folder in (*PACKAGES, "keda"):
        shutil.copytree(
            PROJECT_ROOT / folder, checkout / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    scaler = programs.run(
        ["env", "-C", str(checkout), sys.executable, "-m", "consumer.local_scaler"]
    )
    scaler.wait_for_line("template_ready")

    with (checkout / "engine" / "engine.py").open("a") as module:
        module.write("\nENGINE_VERSION = 'changed'\n")
    (run_id,) = submitter.submit()

    wait_until(submitter.all_ended)
    wait_until(lambda: templates(scaler) == 2)
    assert submitter.row(run_id)["engine_version"] == "changed"


def test_a_template_is_replaced_when_the_manifest_changes(
    programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    changed = tmp_path / "scaledjob.yaml"
    changed.write_text(yaml.safe_dump(manifest))
    scaler = started_with(programs, SCALER_MANIFEST=str(changed))

    container = manifest["spec"]["jobTargetRef"]["template"]["spec"]["containers"][0]
    container["env"].append({"name": "IMAGE_TAG", "value": "of the new manifest"})
    changed.write_text(yaml.safe_dump(manifest))
    wait_until(lambda: templates(scaler) == 2)
    (run_id,) = submitter.submit()
    wait_until(submitter.all_ended)

    assert submitter.row(run_id)["image_tag"] == "of the new manifest"
    assert len(job_pids(scaler, "warm")) == 1


def test_a_template_holds_no_connection_and_no_thread(
    programs: Programs, submitter: Submitter
) -> None:
    scaler = started_with(programs)
    submitter.submit(3)
    wait_until(submitter.all_ended)

    template = template_of(scaler)

    assert template.num_threads() == 1
    assert template.net_connections("inet") == []
    assert [file.path for file in template.open_files() if not file.path.endswith(".log")] == []


def test_a_template_ends_with_its_scaler(programs: Programs) -> None:
    scaler = started_with(programs)
    template = template_of(scaler)

    scaler.send(signal.SIGKILL)

    template.wait(10)


KEEPS = """
import gc, os, sys
import consumer.job.template
environ = {id(os.environ._data)}  # the environment itself, as every process has it
for each in gc.get_objects():
    if id(each) in environ:
        continue
    for value in gc.get_referents(each):
        if isinstance(value, str) and value.startswith("sentinel-") and value != "sentinel-":
            print(type(each).__name__, value)
"""


def test_nothing_that_a_template_imports_keeps_a_value_of_its_environment() -> None:
    names = {each.name.upper() for each in fields(Settings)} | {
        "DB_HOST",
        "DB_USER",
        "DB_PASSWORD",
        "DB_NAME",
    }
    environ = {name: f"sentinel-{name}" for name in names}

    finished = subprocess.run(
        [sys.executable, "-c", KEEPS],
        cwd=PROJECT_ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert finished.stdout == ""


IMPORTS_MORE = """
import sys
from dataclasses import replace
from datetime import date
from tests.services.prices import DATA, packed_file
packed = packed_file(DATA, "AAPL")
import consumer.job.template
before = set(sys.modules)
import consumer.job.task, consumer.kinds.draw_charts, consumer.kinds.portfolio, consumer.kinds.screen
from consumer.kinds.backtest import backtest
from contracts.run_request import RunRequest
from tests.rules.loops import EVALUATED
from tests.kernel.test_packages import PACKAGES
request = RunRequest(ticker="AAPL", rule_type="RSI", start_date=date(2000, 3, 1), end_date=date(2013, 3, 1))
for rule_type in EVALUATED:
    backtest(replace(request, rule_type=rule_type), packed)
loaded = {name for name in set(sys.modules) - before if name.split(".")[0] in PACKAGES}
print(*sorted(loaded))
"""


def test_a_job_imports_nothing_of_ours_that_its_template_has_not() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", IMPORTS_MORE],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert finished.stdout.split() == []


def test_a_template_with_a_thread_is_not_used(
    programs: Programs, submitter: Submitter, tmp_path: Path
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    container = manifest["spec"]["jobTargetRef"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "OPENBLAS_NUM_THREADS", "value": "2"}]
    threaded = tmp_path / "scaledjob.yaml"
    threaded.write_text(yaml.safe_dump(manifest))
    scaler = programs.start("consumer.local_scaler", SCALER_MANIFEST=str(threaded))
    scaler.wait_for_line("template_ended .*was_ready=False")

    submitter.submit(2)
    wait_until(submitter.all_ended)

    assert len(job_pids(scaler, "plain")) == 2
    assert scaler.log.count("template_ended") == 1
