"""The services of docker-compose.yml as local processes: their commands, settings and Redis configuration."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.manifests.mysql_users import make_users
from tests.manifests.pods import ROOT, image_environment
from tests.services.mariadb_server import MariaDBServer
from tests.services.ports import free_port
from tests.services.processes import Program, Programs
from tests.services.redis_server import redis_binary

DATABASE = "compose"


def compose() -> Any:
    """docker-compose.yml with the defaults of its variables."""
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", (ROOT / "docker-compose.yml").read_text())
    return yaml.safe_load(text)


class Services:
    """Starts services of the compose file; hosts and ports are this machine's, all else is theirs."""

    def __init__(self, programs: Programs, here: dict[str, str]) -> None:
        self._programs, self._here = programs, here
        self.url = f"http://127.0.0.1:{here['PORT']}"

    def start(self, name: str) -> Program:
        service, image = compose()["services"][name], image_environment()
        command = service.get(
            "command", ["python", "-m", "gunicorn", "--config", "web/gunicorn.conf.py", "web:create_app()"]
        )
        own = {key: "" if value is None else str(value) for key, value in service["environment"].items()}
        environ = {**image, **own, **self._here}
        return self._programs.run([sys.executable, *command[1:]], **environ)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory, mariadb_process: MariaDBServer) -> Iterator[Services]:
    directory, file = tmp_path_factory.mktemp("compose"), compose()
    make_users(mariadb_process, DATABASE, file["services"]["mysql"]["environment"]["WEB_PASSWORD"])
    redis_port = free_port()
    config = directory / "redis.conf"
    config.write_text(f"{file['configs']['redis']['content']}\nport {redis_port}\nbind 127.0.0.1\ndir {directory}\n")
    here = {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(mariadb_process.port),
        "DB_NAME": DATABASE,
        "REDIS_URL": f"redis://127.0.0.1:{redis_port}/0",
        "WEB_HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "MPLCONFIGDIR": str(directory / "matplotlib"),
    }
    programs = Programs(directory, {})
    redis = programs.run([redis_binary(), str(config)])
    try:
        redis.wait_for_line("Ready to accept connections")
        yield Services(programs, here)
    finally:
        redis.send(signal.SIGKILL)  # it renames itself, so that `reap` would not know it
        programs.reap()


def test_the_composed_platform_is_whole(services: Services, tmp_path: Path) -> None:
    assert services.start("schema").wait() == 0
    for name in ("web", "scaler", "reconciler"):
        services.start(name)

    checked = subprocess.run(
        [sys.executable, "scripts/verify_mvp.py", services.url], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stderr
    assert "the platform is whole" in checked.stdout


def test_nobody_waits_for_a_service_that_has_no_health() -> None:
    services = compose()["services"]
    waited_for = {
        (name, condition["condition"])
        for service in services.values()
        for name, condition in service.get("depends_on", {}).items()
    }

    assert waited_for == {
        ("mysql", "service_healthy"),
        ("redis", "service_healthy"),
        ("schema", "service_completed_successfully"),
    }
    assert all("healthcheck" in services[name] for name in ("mysql", "redis"))


def test_what_dies_is_started_again() -> None:
    policies = {name: service.get("restart") for name, service in compose()["services"].items()}

    assert policies.pop("schema") == "on-failure"  # it ends when the tables are there
    assert set(policies.values()) == {"unless-stopped"}


def test_runs_and_queue_are_in_named_volumes() -> None:
    file = compose()

    kept = {volume.partition(":")[0] for service in file["services"].values() for volume in service.get("volumes", [])}

    assert kept == file["volumes"].keys()
