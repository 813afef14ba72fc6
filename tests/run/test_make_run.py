"""`make run` brings a platform up on one machine, gives a result over HTTP, and leaves nothing behind."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from psutil import Process

from contracts.run_result import CHART_NAMES
from tests.services.ports import free_port
from tests.services.processes import Program, Programs
from tests.services.redis_server import installed
from tests.services.waiting import slowness, wait_until

Start = Callable[..., Program]
REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 14, "oversold": 30, "overbought": 70},
    "start_date": "2004-01-01",
    "end_date": "2013-03-01",
}


@pytest.fixture
def platform_settings() -> dict[str, str]:
    """Nothing: `make run` brings its own database and queue."""
    return {}


def call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body else None
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10 * slowness()) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


def completed(url: str) -> dict[str, Any] | None:
    run = call(url)
    return run if run["status"] in ("completed", "failed") else None


def answers(url: str, **expected: str) -> bool:
    with suppress(OSError):
        return call(url).items() >= expected.items()
    return False


def exposed(folder: Path) -> list[Path]:
    """The folder and what is in it, as far as others than its owner may do anything with it."""
    return [path for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


def run_to_its_end(port: int) -> tuple[str, dict[str, Any]]:
    """The address of a new run, and its result."""
    accepted = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST)
    url = f"http://127.0.0.1:{port}/api/runs/{accepted['run_id']}"
    run = wait_until(lambda: completed(url), 60, "the result")
    assert run and run["status"] == "completed", run
    return url, run


def test_one_command_gives_a_backtest_and_a_second_start_goes_on_with_added_prices(
    programs: Programs, make_run: Start, checkout: Path
) -> None:
    port = free_port()

    platform = make_run(PORT=str(port))
    platform.wait_for_line(f"Backtests are ready at http://127.0.0.1:{port}", 60)
    url, run = run_to_its_end(port)
    waiting = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST | {"charts": False})
    platform.send(signal.SIGINT)

    assert "starting the bundled Redis" in platform.log
    assert run["metrics"]["num_trades"] == len(run["trades"]) > 0
    assert set(run["charts"]) == {f"{name}_base64" for name in CHART_NAMES}
    assert platform.wait(30) == 0
    assert programs.survivors() == []
    assert exposed(checkout / "var") == []

    (checkout / "data" / "NEW.csv").write_bytes((checkout / "data" / "FB.csv").read_bytes())
    second = make_run(PORT=str(port))
    second.wait_for_line("Backtests are ready", 60)
    kept = call(url)
    resumed = wait_until(
        lambda: completed(url.replace(run["run_id"], waiting["run_id"])), 60, "the result"
    )
    second.send(signal.SIGTERM)
    second.wait(30)

    assert kept == run
    assert resumed is not None
    assert resumed["status"] == "completed", resumed["error_message"]
    assert "prices_loaded file=NEW.csv new: 196 bars from 2012-05-18 to 2013-03-01" in second.log


def test_a_first_start_computes_examples_and_no_later_one_does(make_run: Start) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def ended() -> bool:
        batches = call(f"{url}/api/batches")["batches"]
        study = call(f"{url}/api/studies")["studies"][0]
        return study["status"] == "completed" and all(
            each["counts"]["completed"] == each["runs"] for each in batches
        )

    first = make_run(PORT=str(port), EXAMPLES="true")
    first.wait_for_line("a batch of 54 and a study are computed as examples", 60)
    wait_until(ended, 120, "the examples")
    examples = call(f"{url}/api/runs?tag=example&limit=200")["runs"]
    first.send(signal.SIGINT)
    first.wait(30)
    second = make_run(PORT=str(port), EXAMPLES="true")
    second.wait_for_line("Backtests are ready", 60)
    run_to_its_end(port)

    assert {run["label"] for run in examples} >= {
        "Example: averages on AAPL",
        "Example: pairs of averages",
    }
    assert {run["status"] for run in examples} == {"completed"}
    assert call(f"{url}/api/runs?tag=example&limit=200")["runs"] == examples
    assert "examples" not in second.log


def test_an_installed_redis_gives_a_backtest_where_no_bundled_one_fits(
    make_run: Start, checkout: Path, without_bundled: dict[str, str]
) -> None:
    server, client, port = installed("redis-server"), installed("redis-cli"), free_port()

    platform = make_run(PORT=str(port), **without_bundled)
    platform.wait_for_line("Backtests are ready", 60)
    run_to_its_end(port)
    seen = subprocess.check_output(
        [client, "-s", "var/redis.sock", "EXISTS", "rq:queues"], cwd=checkout
    )
    platform.send(signal.SIGINT)

    assert seen == b"1\n"
    assert platform.wait(30) == 0
    assert f"starting the installed Redis ({server}" in platform.log
    assert exposed(checkout / "var") == []


def test_a_folder_that_an_older_release_left_open_is_closed_to_others(
    make_run: Start, checkout: Path
) -> None:
    (checkout / "var").mkdir(mode=0o755)

    platform = make_run(PORT=str(free_port()))
    platform.wait_for_line("starting the bundled Redis", 60)

    assert exposed(checkout / "var") == []


@pytest.mark.timeout(180)
def test_whatever_dies_is_started_again(programs: Programs, make_run: Start) -> None:
    port = free_port()
    platform = make_run(PORT=str(port))
    platform.wait_for_line("Backtests are ready", 60)
    for child in map(Process, platform.children()):
        child.kill()

    for name in ("Redis", "web", "scaler", "reconciler"):
        platform.wait_for_line(f"{name} ended with exit code -9; it is restarted in 1 s")
    wait_until(lambda: answers(f"http://127.0.0.1:{port}/ready", redis="ok"), 60, "web and Redis")
    accepted = call(f"http://127.0.0.1:{port}/run_backtest", REQUEST | {"charts": False})
    run = wait_until(
        lambda: completed(f"http://127.0.0.1:{port}/api/runs/{accepted['run_id']}"),
        60,
        "the result",
    )
    platform.wait_for_line("reconciler_started", 60, times=2)
    platform.send(signal.SIGINT)

    assert run is not None
    assert run["status"] == "completed"
    assert platform.wait(60) == 0
    assert programs.survivors() == []


def test_an_interrupted_start_leaves_no_redis_behind(
    programs: Programs, make_run: Start, without_bundled: dict[str, str], tmp_path: Path
) -> None:
    silent = tmp_path / "silent" / "redis-server"
    silent.parent.mkdir()
    silent.write_text("#!/bin/sh\nexec sleep 1000\n")
    silent.chmod(0o755)
    path = f"{silent.parent}:{programs.environ['PATH']}"
    platform = make_run(PORT=str(free_port()), PATH=path, **without_bundled)
    platform.wait_for_line("starting the installed Redis", 60)
    wait_until(
        lambda: any(Process(pid).name() == "sleep" for pid in platform.children()),
        30,
        "the silent Redis",
    )

    platform.send(signal.SIGTERM)

    assert platform.wait(30) == 0
    assert programs.survivors() == []


def test_no_process_of_a_killed_start_is_lost_from_sight(
    programs: Programs, make_run: Start
) -> None:
    platform = make_run(PORT=str(free_port()))
    platform.wait_for_line("preparing the database", 60)

    platform.send(signal.SIGKILL)
    platform.wait(30)

    assert "valkey-server" in {process.name() for process in programs.survivors()}
