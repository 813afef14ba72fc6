"""`make run` brings a platform up on one machine, gives a result over HTTP, and leaves nothing behind."""

import json
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from psutil import Process

import run_local as script
from adapters.settings import PROJECT_ROOT
from contracts.run_result import CHART_NAMES
from tests.services.ports import free_port
from tests.services.processes import Program, Programs
from tests.services.waiting import slowness, wait_until

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 14, "oversold": 30, "overbought": 70},
    "start_date": "2004-01-01",
    "end_date": "2013-03-01",
}


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git knows or would add; what is compiled in it is kept."""
    copy = tmp_path_factory.mktemp("checkout")
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (PROJECT_ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_ROOT / name, copy / name)
    return copy


@pytest.fixture
def checkout(copied: Path) -> Iterator[Path]:
    """The copy without the database and the logs of other tests; all of them stay out of this checkout."""
    yield copied
    shutil.rmtree(copied / "var", ignore_errors=True)


@pytest.fixture
def platform_settings() -> dict[str, str]:
    """Nothing: `make run` brings its own database and queue."""
    return {}


def run_local(programs: Programs, checkout: Path, **settings: str) -> Program:
    return programs.run([sys.executable, str(checkout / "scripts" / "run_local.py")], **settings)


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10 * slowness()) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def completed(url: str) -> dict[str, Any] | None:
    run = call(url)
    return run if run["status"] in ("completed", "failed") else None


def answers(url: str, **expected: str) -> bool:
    with suppress(OSError):
        return call(url).items() >= expected.items()
    return False


def test_one_command_gives_a_backtest_and_a_second_start_goes_on_with_added_prices(
    programs: Programs, checkout: Path
) -> None:
    port = free_port()

    platform = run_local(programs, checkout, PORT=str(port))
    platform.wait_for_line(f"Backtests are ready at http://127.0.0.1:{port}", 60)
    accepted = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST)
    url = f"http://127.0.0.1:{port}/api/runs/{accepted['run_id']}"
    run = wait_until(lambda: completed(url), 60, "the result")
    waiting = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST | {"charts": False})
    platform.send(signal.SIGINT)

    assert run is not None
    assert run["status"] == "completed", run["error_message"]
    assert run["metrics"]["num_trades"] == len(run["trades"]) > 0
    assert set(run["charts"]) == {f"{name}_base64" for name in CHART_NAMES}
    assert platform.wait(30) == 0
    assert programs.survivors() == []

    (checkout / "data" / "NEW.csv").write_bytes((checkout / "data" / "FB.csv").read_bytes())
    second = run_local(programs, checkout, PORT=str(port))
    second.wait_for_line("Backtests are ready", 60)
    kept = call(url)
    resumed = wait_until(lambda: completed(url.replace(accepted["run_id"], waiting["run_id"])), 60, "the result")
    second.send(signal.SIGTERM)
    second.wait(30)

    assert kept == run
    assert resumed is not None
    assert resumed["status"] == "completed", resumed["error_message"]
    assert "prices_taken_in file=NEW.csv new: 196 bars from 2012-05-18 to 2013-03-01" in second.log


@pytest.mark.timeout(180)
def test_whatever_dies_is_started_again(programs: Programs, checkout: Path) -> None:
    port = free_port()
    platform = run_local(programs, checkout, PORT=str(port))
    platform.wait_for_line("Backtests are ready", 60)
    for child in map(Process, platform.children()):
        child.kill()

    for name in ("Redis", "web", "scaler", "reconciler"):
        platform.wait_for_line(f"{name} ended with exit code -9; it is started again in 1 s")
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/ready", redis="ok"), 60, "web and Redis")
    accepted = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST | {"charts": False})
    run = wait_until(lambda: completed(f"http://127.0.0.1:{port}/api/runs/{accepted['run_id']}"), 60, "the result")
    platform.wait_for_line("reconciler_started", 60, times=2)
    platform.send(signal.SIGINT)

    assert run is not None
    assert run["status"] == "completed"
    assert platform.wait(60) == 0
    assert programs.survivors() == []


SILENT_REDIS = """#!/bin/sh
[ "$1" = --version ] && echo "Redis server v=7.0.0" && exit
exec sleep 1000
"""


def test_an_interrupted_start_leaves_no_redis_behind(programs: Programs, checkout: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent" / "redis-server"
    silent.parent.mkdir()
    silent.write_text(SILENT_REDIS)
    silent.chmod(0o755)
    path = f"{silent.parent}:{programs.environ['PATH']}"
    platform = run_local(programs, checkout, PORT=str(free_port()), PATH=path)
    platform.wait_for_line("starting Redis", 60)
    wait_until(lambda: any(Process(pid).name() == "sleep" for pid in platform.children()), 30, "the silent Redis")

    platform.send(signal.SIGTERM)

    assert platform.wait(30) == 0
    assert programs.survivors() == []


def test_no_process_of_a_killed_start_is_lost_from_sight(programs: Programs, checkout: Path) -> None:
    platform = run_local(programs, checkout, PORT=str(free_port()))
    platform.wait_for_line("preparing the database", 60)

    platform.send(signal.SIGKILL)
    platform.wait(30)

    assert "redis-server" in {process.name() for process in programs.survivors()}


def test_a_port_in_use_is_said_with_the_way_out(programs: Programs, checkout: Path, redis_server: Any) -> None:
    taken = str(redis_server.port)

    platform = run_local(programs, checkout, PORT=taken)

    assert platform.wait(30) == 1
    assert f"port {taken} is in use" in platform.log
    assert f"PORT={int(taken) + 1} make run" in platform.log


def test_a_database_that_does_not_exist_is_said(programs: Programs, checkout: Path) -> None:
    platform = run_local(programs, checkout, PORT=str(free_port()), DATABASE_URL="postgres://nowhere/x")

    assert platform.wait(60) == 1
    assert "DATABASE_URL=…: a URL that starts with sqlite://" in platform.log


def test_a_value_of_the_env_file_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    written = "# why\nKEY=b#c  # a comment\nHOSTS=a, b\nQUOTED='x # y'\nPRICE=$HOME\nPORT=5001\nEMPTY=\n"
    (tmp_path / ".env").write_text(written)
    monkeypatch.setattr(script, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "5002")
    monkeypatch.delenv("EMPTY", raising=False)

    read = script._environment()

    expected = {"KEY": "b#c", "HOSTS": "a, b", "QUOTED": "x # y", "PRICE": "$HOME", "PORT": "5002"}
    assert {name: read.get(name) for name in (*expected, "EMPTY")} == expected | {"EMPTY": None}
