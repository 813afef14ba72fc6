"""Every container of the manifests, run with its own command, settings, user and Redis login on a read-only tree."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from tests.manifests.acl_redis import PASSWORDS, AclRedis
from tests.manifests.checks.documents import read_platform
from tests.manifests.checks.environment import STAND_IN
from tests.manifests.mysql_users import make_users
from tests.manifests.pods import ROOT, Cluster, as_user
from tests.manifests.test_redis_acl import KEDA_SCRIPT, LIST
from tests.services.mariadb_server import MariaDBServer
from tests.services.ports import free_port
from tests.services.waiting import wait_until

DATABASE, USER = "manifests", 10001
REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "start_date": "2004-01-01",
    "end_date": "2012-12-31",
    "charts": False,
}


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AclRedis]:
    started = AclRedis(read_platform(ROOT), tmp_path_factory.mktemp("acl"))
    started.start()
    yield started
    started.stop()


@pytest.fixture(scope="module")
def cluster(redis: AclRedis, mariadb_process: MariaDBServer) -> Iterator[Cluster]:
    """The platform without KEDA: schema, web and reconciler under the manifests' user."""
    as_user(USER)  # skips before anything is started
    make_users(mariadb_process, DATABASE, STAND_IN)
    here = {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(mariadb_process.port),
        "DB_NAME": DATABASE,
        "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0",
        "WEB_HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "RECONCILE_S": "0.2",
        "ENQUEUE_GRACE_S": "1",
    }
    with tempfile.TemporaryDirectory(prefix="manifests-") as directory:
        Path(directory).chmod(0o755)  # pytest's own directories are closed to other users
        started = Cluster(read_platform(ROOT), Path(directory), here, PASSWORDS)
        try:
            yield started
        finally:
            started.stop()


@pytest.fixture(scope="module")
def web(cluster: Cluster) -> Cluster:
    """The cluster after its schema Job, with web answering."""
    assert cluster.start("schema").wait() == 0, cluster.pods[-1].log
    pod = cluster.start("web")
    wait_until(lambda: answers(cluster, pod.is_running()), 30, "web's readiness")
    return cluster


def answers(cluster: Cluster, running: bool) -> bool:
    assert running, cluster.pods[-1].log
    try:
        return bool(cluster.ask("/ready"))
    except URLError:
        return False


def submit(cluster: Cluster) -> str:
    return str(cluster.ask("/run_backtest", REQUEST)["run_id"])


def waiting(redis: AclRedis) -> int:
    """Return the number of messages that KEDA counts."""
    with redis.client("keda") as keda:
        return int(keda.eval(KEDA_SCRIPT, 1, LIST))


def test_web_is_alive_and_ready(web: Cluster) -> None:
    assert web.ask("/health") == {"status": "ok"}
    assert web.probe_web() == {"status": "ready", "database": "ok", "redis": "ok"}


def test_web_stays_ready_while_redis_hangs(web: Cluster, redis: AclRedis) -> None:
    with redis.hanging():
        answer = web.probe_web()

    assert answer["status"] == "ready"
    assert answer["redis"].startswith("unreachable")


def test_one_message_becomes_one_job_and_one_result(web: Cluster, redis: AclRedis) -> None:
    run_id = submit(web)
    seen_by_keda = waiting(redis)

    job = web.start("backtest")
    became_ready = job.probe("readinessProbe")
    exit_code = job.wait()
    result: dict[str, Any] = web.ask(f"/api/runs/{run_id}")

    assert (seen_by_keda, waiting(redis)) == (1, 0)
    assert (became_ready, exit_code) == (0, 0), job.log
    assert result["status"] == "completed"
    assert result["image_tag"] == "0123abc"
    assert redis.refusals() == []


def test_a_job_that_finds_nothing_ends_well_and_becomes_ready(
    web: Cluster, redis: AclRedis
) -> None:
    job = web.start("backtest")

    assert (job.probe("readinessProbe"), job.wait()) == (0, 0), job.log


def test_a_terminated_job_ends_within_its_grace_period_and_loses_nothing(
    web: Cluster, redis: AclRedis
) -> None:
    run_id = submit(web)

    job = web.start("backtest")
    job.terminate()
    if web.ask(f"/status/{run_id}")["status"] == "pending":
        assert web.start("backtest").wait() == 0

    assert web.ask(f"/status/{run_id}")["status"] == "completed"
    assert redis.refusals() == []


def test_the_reconciler_enqueues_again_what_redis_lost(web: Cluster, redis: AclRedis) -> None:
    run_id = submit(web)
    redis.lose_everything()

    reconciler = web.start("reconciler")
    wait_until(lambda: waiting(redis) == 1, 30, "the message")
    stopped = reconciler.terminate()
    web.start("backtest").wait()

    assert web.ask(f"/status/{run_id}")["status"] == "completed"
    assert stopped == 0, reconciler.log
    assert redis.refusals() == []


def script(web: Cluster, log_path: Path, *command: str) -> subprocess.Popen[bytes]:
    """One of the scripts for people, pointed at web."""
    environ = {**os.environ, "API_TOKEN": STAND_IN, "PYTHON": sys.executable}
    with log_path.open("wb") as log:
        return subprocess.Popen(
            [*command, web.url], cwd=ROOT, stdout=log, stderr=log, env=environ
        )


def run_its_job(web: Cluster, redis: AclRedis, started: subprocess.Popen[bytes]) -> int:
    """Exit code of a script after the Job that its submission needs."""
    wait_until(
        lambda: waiting(redis) == 1 or started.poll() is not None, 60, "the script's message"
    )
    web.start("backtest").wait()
    return started.wait(60)


def test_the_demo_shows_a_result_and_how_to_trace_it(
    web: Cluster, redis: AclRedis, tmp_path: Path
) -> None:
    log = tmp_path / "demo.log"

    exit_code = run_its_job(web, redis, script(web, log, "sh", "scripts/demo.sh"))

    printed = log.read_text()
    assert exit_code == 0, printed
    assert "total_return_pct" in printed
    assert "image_tag          0123abc" in printed
    assert f"{web.url}/result/" in printed


def test_the_smoke_check_finds_the_platform_whole(
    web: Cluster, redis: AclRedis, tmp_path: Path
) -> None:
    log = tmp_path / "verify.log"

    exit_code = run_its_job(web, redis, script(web, log, sys.executable, "scripts/verify_mvp.py"))

    assert exit_code == 0, log.read_text()
    assert "6 charts" in log.read_text()


def test_the_smoke_check_says_what_is_wrong(
    web: Cluster, redis: AclRedis, tmp_path: Path
) -> None:
    log = tmp_path / "verify.log"

    # no Job runs, so it stays
    checked = script(web, log, sys.executable, "scripts/verify_mvp.py", "--wait-s", "0")

    assert checked.wait(60) == 1
    assert "FAILED: run" in log.read_text()
    assert "is still pending after 0 s" in log.read_text()
    assert web.start("backtest").wait() == 0


def test_no_workload_may_write_into_its_tree(web: Cluster) -> None:
    touched = subprocess.run(
        [*as_user(USER), sys.executable, "-c", "open('adapters/new.py', 'w')"],
        cwd=web.tree, check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert "PermissionError" in touched.stderr
    assert not list(web.tree.rglob("__pycache__"))


def test_no_password_stands_in_a_log_or_in_argv(web: Cluster) -> None:
    commands = [
        Path(f"/proc/{pod.pid}/cmdline").read_text() for pod in web.pods if pod.is_running()
    ]

    spoken = "".join(pod.log for pod in web.pods) + "".join(commands)

    assert commands
    assert not [word for word in [STAND_IN, *PASSWORDS.values()] if word in spoken]


def test_web_finishes_on_sigterm(web: Cluster) -> None:
    pod = next(pod for pod in web.pods if pod.is_running())

    assert pod.terminate() == 0, pod.log
