"""The image in every role of docker-compose.yml, in real containers: `make test-image`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

import pytest

from backtests import Client
from backtests.client import Submitted
from scripts.verify_mvp import verify
from tests.faults.injection_point import INJECTION
from tests.faults.points import POINTS
from tests.image.containers import IMAGE, ROLES, Containers, build_image, docker, docker_daemon
from tests.services.processes import Programs
from tests.services.runs import Submitter, new_request
from tests.services.waiting import wait_until

pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

SEED = new_request()
PERIODS = range(5, 25)
REQUESTS = [
    {
        "ticker": SEED.ticker, "rule_type": SEED.rule_type, "params": {"period": period}, "charts": False,
        "start_date": str(SEED.start_date), "end_date": str(SEED.end_date),
    }
    for period in PERIODS
]  # fmt: skip
EATING = (
    "--volume", f"{INJECTION}:/faults:ro", "--env", "PYTHONPATH=/faults", "--env", "FAULT_DIR=/tmp",
    "--env", f"FAULT_AT={POINTS['during the engine'].call}", "--env", "FAULT_DO=eat_memory",
)  # fmt: skip


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Containers]:
    """Everything of docker-compose.yml, running and empty; nothing of it is left but the logs of a failure."""
    directory = tmp_path_factory.mktemp("docker")
    with docker_daemon(directory):
        containers = Containers(directory, build_image())
        containers.compose("down", "--volumes")
        try:
            containers.up()
            yield containers
        finally:
            logs = (
                containers.compose("logs", "--tail", "100") if request.session.testsfailed else ""
            )
            containers.compose("down", "--volumes", "--timeout", "30")
        assert not logs, logs


@pytest.fixture
def web(platform: Containers) -> Client:
    """A client of the platform once everything is up and connected."""
    client = Client(platform.url, patience_s=120)
    wait_until(
        lambda: "ok" == client.get("/ready")["database"] == client.get("/ready")["redis"],
        60,
        "readiness",
    )
    return client


@pytest.fixture(scope="module")
def hashes(platform: Containers) -> dict[int, str]:
    """The result hash by period, as undisturbed containers computed it; disturbed ones must find the same."""
    client = Client(platform.url, patience_s=120)
    return completed(client, submit(client))


def completed(web: Client, submitted: Submitted) -> dict[int, str]:
    """The result hash by period of a batch once all of its runs have succeeded."""
    counts = web.wait_batch(submitted.batch_id)["counts"]
    assert counts["completed"] == len(PERIODS), counts
    return {
        period: web.run(run_id)["result_hash"]
        for period, run_id in zip(PERIODS, submitted.run_ids, strict=True)
    }


def submit(web: Client) -> Submitted:
    """A batch of the same requests again."""
    return web.submit(REQUESTS, str(uuid4()))


def test_each_role_runs_as_nobody_on_a_root_that_cannot_be_written(
    platform: Containers, web: Client
) -> None:
    for role in ROLES:
        name = platform.inspect(role)["Name"]
        written = docker(
            "exec",
            name,
            "sh",
            "-c",
            "id -u; touch /app/x /opt/venv/x || touch /tmp/x && echo tmp",
        )

        assert written == "10001\ntmp", role
    assert platform.inspect("schema")["State"]["ExitCode"] == 0


def test_the_environment_holds_what_the_roles_need_and_little_else(platform: Containers) -> None:
    size_mb = int(docker("run", "--rm", IMAGE, "du", "-sm", "/opt/venv").split()[0])

    assert size_mb <= 220


def test_the_documentation_is_served(platform: Containers, web: Client) -> None:
    with urlopen(f"{platform.url}/docs/", timeout=30) as page:
        assert b"Traders" in page.read()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_results_equal_those_of_plain_processes(
    hashes: dict[int, str], programs: Programs, submitter: Submitter
) -> None:
    here = {
        period: submitter.submit(params={"period": period})[0]
        for period in (PERIODS[0], PERIODS[-1])
    }

    for _ in here:
        assert programs.start("consumer").wait() == 0

    assert {
        period: submitter.row(run_id)["result_hash"] for period, run_id in here.items()
    }.items() <= hashes.items()


def test_a_run_with_its_charts_is_whole(web: Client) -> None:
    verify(web, 120)


@pytest.mark.parametrize("service", [*ROLES, "redis", "mysql"])
def test_a_killed_container_is_restarted_and_no_run_is_lost(
    platform: Containers, web: Client, hashes: dict[int, str], service: str
) -> None:
    batch, restarts = submit(web), platform.inspect(service)["RestartCount"]

    platform.kill(service)

    assert completed(web, batch) == hashes
    assert platform.inspect(service)["RestartCount"] == restarts + 1


@pytest.mark.parametrize("service", ["redis", "mysql"])
def test_runs_survive_a_network_that_is_cut(
    platform: Containers, web: Client, hashes: dict[int, str], service: str
) -> None:
    batch = submit(web)

    with platform.cut_off(service):
        wait_until(lambda: state(web, service) != "ok", 60, "web noticing it")

    assert completed(web, batch) == hashes


def state(web: Client, service: str) -> str:
    """State of a service according to /ready, which answers whether or not web is ready."""
    name = "database" if service == "mysql" else service
    try:
        # a lost connection is given up after 30 s
        with urlopen(f"{web.url}/ready", timeout=90) as answer:
            return str(json.load(answer)[name])
    except HTTPError as refusal:
        return str(json.load(refusal)[name])


def test_a_run_that_the_kernel_kills_for_its_memory_is_lost_and_retried(
    platform: Containers, web: Client, hashes: dict[int, str]
) -> None:
    platform.compose("stop", "scaler")
    run_id = web.submit(REQUESTS[0])

    ended = platform.job("--memory", "256m", *EATING)
    lost = web.get(f"/api/runs/{run_id}/events")["events"][-1]
    platform.compose("start", "scaler")

    assert ended == "1 true"
    assert (lost["to_status"], lost["reason"]) == ("PENDING", "its process died (signal 9)")
    assert (web.wait(run_id, 120)["attempt"], web.run(run_id)["result_hash"]) == (
        2,
        hashes[PERIODS[0]],
    )


def test_a_run_that_eats_memory_under_its_own_limit_fails_with_that_reason(
    platform: Containers, web: Client
) -> None:
    platform.compose("stop", "scaler")
    run_id = web.submit(REQUESTS[0])

    ended = platform.job("--memory", "1g", "--env", "RUN_MEMORY_MB=400", *EATING)
    platform.compose("start", "scaler")

    assert ended == "1 false"
    assert (web.run(run_id)["status"], web.run(run_id)["error_type"]) == ("failed", "memory")


def test_volumes_survive_down_and_up(
    platform: Containers, web: Client, hashes: dict[int, str]
) -> None:
    before = completed(web, submit(web))
    platform.compose("stop", "scaler", "reconciler")  # nobody takes the message, nor puts it back
    waiting = submit(web)

    platform.compose("down")
    platform.compose("up", "--detach", "--no-build", "--wait", "redis")
    in_redis = platform.compose(
        "exec", "-T", "redis", "redis-cli", "LLEN", "rq:queue:backtests-bulk"
    )
    platform.up()

    assert int(in_redis) == len(PERIODS)
    assert completed(web, waiting) == before == hashes
