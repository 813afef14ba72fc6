"""The local scaler starts one process per message, within its limits, and leaves none behind."""

import os
import shutil
import signal
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml
from sqlalchemy import select

from adapters.database import connect_database, reading
from adapters.queue.run_queue import RunQueue, ScalerState
from adapters.settings import PROJECT_ROOT, Settings, load_settings
from adapters.tables import runs
from consumer.local_scaler import POLLS_PER_KEDA_POLL, RETRY_S, _warn_of_unsealed
from tests.services.processes import Program, Programs
from tests.services.waiting import wait_until
from web import create_app

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2010-01-01",
    "end_date": "2013-03-01",
    "charts": False,
}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Use SQLite only, since the scaler itself never connects to the database."""
    return sqlite_url


def submit(platform_settings: dict[str, str], count: int) -> None:
    client = create_app(load_settings(platform_settings)).test_client()
    for period in range(2, count + 2):
        answer = client.post("/run_backtest", json=REQUEST | {"params": {"period": period}})
        assert answer.status_code == 202, answer.text


def statuses(platform_settings: dict[str, str]) -> list[str]:
    with reading(connect_database(platform_settings["DATABASE_URL"])) as connection:
        return list(connection.execute(select(runs.c.status)).scalars())


def finished(platform_settings: dict[str, str], count: int) -> bool:
    return statuses(platform_settings).count("SUCCEEDED") == count


def log_lines(scaler: Program, event: str) -> list[str]:
    return [line for line in scaler.log.splitlines() if f" {event} " in line]


def test_each_message_gets_a_process_of_its_own_and_none_too_many(
    programs: Programs, platform_settings: dict[str, str]
) -> None:
    submit(platform_settings, 6)

    scaler = programs.start("consumer.local_scaler", SCALER_MAX_PROCESSES="3")
    wait_until(lambda: finished(platform_settings, 6), 60, "six results")
    wait_until(lambda: len(log_lines(scaler, "job_ended")) == 6, 20, "six exits")

    running = [
        int(line.split("running=")[1].split()[0]) for line in log_lines(scaler, "job_started")
    ]
    assert len(running) == 6
    assert max(running) <= 3
    assert all("exit_code=0" in line for line in log_lines(scaler, "job_ended"))


def test_both_lists_are_scaled_for(programs: Programs, platform_settings: dict[str, str]) -> None:
    client = create_app(load_settings(platform_settings)).test_client()
    for fields in ({}, {"batch_id": "b"}):
        assert client.post("/run_backtest", json=REQUEST | fields).status_code == 202

    programs.start("consumer.local_scaler")

    wait_until(lambda: finished(platform_settings, 2), 60, "a result of each list")


def test_the_manifests_limit_holds_too(
    programs: Programs, platform_settings: dict[str, str], tmp_path: Path
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    manifest["spec"]["maxReplicaCount"] = 1
    limited = tmp_path / "scaledjob.yaml"
    limited.write_text(yaml.safe_dump(manifest))
    submit(platform_settings, 3)

    scaler = programs.start(
        "consumer.local_scaler", SCALER_MANIFEST=str(limited), SCALER_MAX_PROCESSES="4"
    )
    wait_until(lambda: finished(platform_settings, 3), 60, "three results")

    assert all("running=1" in line for line in log_lines(scaler, "job_started"))


def test_it_looks_as_often_as_the_manifest_says(
    programs: Programs, platform_settings: dict[str, str], tmp_path: Path
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    manifest["spec"]["pollingInterval"] = 60 * POLLS_PER_KEDA_POLL
    rare = tmp_path / "scaledjob.yaml"
    rare.write_text(yaml.safe_dump(manifest))
    # without a template, which wakes it once it is ready
    scaler = programs.start(
        "consumer.local_scaler", SCALER_MANIFEST=str(rare), SCALER_START="plain"
    )
    queue = RunQueue(load_settings(platform_settings))
    wait_until(lambda: queue.scaler_state() is not None, 20, "its first look")

    submit(platform_settings, 6)
    started_by_itself = log_lines(scaler, "job_started")
    scaler.send(signal.SIGCHLD)  # as the end of a Job does, after which it looks at once

    scaler.wait_for_line("job_started")
    assert started_by_itself == []


def test_a_paused_scaler_starts_nothing_until_it_is_resumed(
    programs: Programs, platform_settings: dict[str, str], tmp_path: Path
) -> None:
    pause = tmp_path / "paused"
    pause.touch()
    submit(platform_settings, 1)

    scaler = programs.start("consumer.local_scaler", SCALER_PAUSE_FILE=str(pause))
    scaler.wait_for_line("scaler_paused")
    started_while_paused = log_lines(scaler, "job_started")
    queue = RunQueue(load_settings(platform_settings))
    wait_until(
        lambda: queue.scaler_state() == ScalerState(os.cpu_count() or 1, paused=True),
        10,
        "what it says of itself",
    )
    pause.unlink()
    wait_until(lambda: finished(platform_settings, 1), 60, "the result")

    assert started_while_paused == []
    assert "scaler_resumed" in scaler.log
    assert queue.scaler_state() == ScalerState(os.cpu_count() or 1, paused=False)


def test_sigterm_is_passed_on_and_no_process_is_left(
    programs: Programs, platform_settings: dict[str, str]
) -> None:
    submit(platform_settings, 4)
    scaler = programs.start("consumer.local_scaler", SCALER_MAX_PROCESSES="4")
    scaler.wait_for_line("job_started")
    family = psutil.Process(scaler.pid).children(recursive=True)

    scaler.send(signal.SIGTERM)
    exit_code = scaler.wait(40)

    assert exit_code == 0
    assert not [
        process.pid
        for process in family
        if psutil.pid_exists(process.pid) and process.is_running()
    ]
    assert not set(statuses(platform_settings)) & {"RUNNING", "FAILED"}


def test_the_folder_of_a_killed_scaler_is_removed_by_the_next_one_and_that_of_a_living_one_is_not(
    programs: Programs, platform_settings: dict[str, str]
) -> None:
    def folders() -> set[Path]:
        return set(Path(programs.environ["TMPDIR"]).glob("backtest-scaler-*"))

    killed = programs.start("consumer.local_scaler")
    killed.wait_for_line("scaler_started")
    left = folders()
    killed.send(signal.SIGKILL)
    killed.wait()

    programs.start("consumer.local_scaler").wait_for_line("scaler_started")
    (kept,) = folders() - left
    programs.start("consumer.local_scaler").wait_for_line("scaler_started")

    assert not left & folders()
    assert kept in folders() and len(folders()) == 2


def test_a_missing_redis_is_reported_once_and_waited_for(
    programs: Programs, platform_settings: dict[str, str], redis_server: Any
) -> None:
    redis_server.stop()

    scaler = programs.start("consumer.local_scaler")
    scaler.wait_for_line("redis_unreachable")
    redis_server.start()
    scaler.wait_for_line("redis_reachable")
    submit(platform_settings, 1)
    wait_until(lambda: finished(platform_settings, 1), 60, "the result")

    assert scaler.log.count("redis_unreachable") == 1


def test_processes_that_fail_at_their_start_do_not_follow_each_other_at_once(
    programs: Programs, platform_settings: dict[str, str], tmp_path: Path
) -> None:
    manifest: dict[str, Any] = yaml.safe_load(
        (PROJECT_ROOT / "keda" / "scaledjob.yaml").read_text()
    )
    container = manifest["spec"]["jobTargetRef"]["template"]["spec"]["containers"][0]
    container["command"] = ["python", "-c", "raise SystemExit(1)"]
    broken = tmp_path / "scaledjob.yaml"
    broken.write_text(yaml.safe_dump(manifest))
    submit(platform_settings, 1)

    scaler = programs.start("consumer.local_scaler", SCALER_MANIFEST=str(broken))
    wait_until(lambda: len(log_lines(scaler, "job_failed_early")) == 2, 20, "the second failure")

    first, second = (
        datetime.fromisoformat(line.split()[0]) for line in log_lines(scaler, "job_started")
    )
    assert (second - first).total_seconds() >= RETRY_S
    assert statuses(platform_settings) == ["PENDING"]


def test_a_manifest_that_becomes_unreadable_is_reported_once_and_the_one_before_kept(
    programs: Programs, platform_settings: dict[str, str], tmp_path: Path
) -> None:
    manifest = tmp_path / "scaledjob.yaml"
    shutil.copy(PROJECT_ROOT / "keda" / "scaledjob.yaml", manifest)
    scaler = programs.start("consumer.local_scaler", SCALER_MANIFEST=str(manifest))
    scaler.wait_for_line("scaler_started")

    manifest.write_text("a: [")
    scaler.wait_for_line("manifest_unreadable .*not a ScaledJob")
    submit(platform_settings, 1)
    wait_until(lambda: finished(platform_settings, 1), 60, "the result")
    manifest.unlink()
    scaler.wait_for_line("manifest_unreadable .*No such file")
    submit(platform_settings, 2)
    wait_until(lambda: finished(platform_settings, 3), 60, "two more results")

    assert scaler.log.count("manifest_unreadable") == 2


def test_a_wrong_manifest_ends_it_with_a_sentence(programs: Programs) -> None:
    scaler = programs.start("consumer.local_scaler", SCALER_MANIFEST=os.devnull)

    assert scaler.wait(30) == 2
    assert "not a ScaledJob" in scaler.log


@pytest.mark.parametrize(
    ("settings", "can_seal", "words"),
    [
        ({}, True, None),
        ({"python_rules": "off"}, False, None),
        ({"python_rules": "trusted"}, True, "run unsealed: PYTHON_RULES=trusted"),
        ({}, False, "run unsealed: no seccomp, or no libseccomp"),
        ({"web_host": "0.0.0.0"}, False, "are refused: no seccomp, or no libseccomp"),
    ],
)
def test_one_line_says_that_strategies_in_python_run_unsealed(
    settings: dict[str, Any],
    can_seal: bool,
    words: str | None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("consumer.local_scaler.can_seal", lambda: can_seal)

    _warn_of_unsealed(Settings(**settings))

    lines = [each.getMessage() for each in caplog.records]
    assert lines == ([f"python_unsealed strategies in Python {words}"] if words else [])
