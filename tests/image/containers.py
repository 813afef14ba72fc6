"""The platform of docker-compose.yml in real containers: started, killed, cut off from each other, and removed."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT
from tests.services.waiting import service_missing, wait_until

ROLES = ("web", "scaler", "reconciler")
TAG = os.environ.get("IMAGE_TAG", "")  # of an image that is there already
PROJECT, IMAGE = "stock-backtest-test", f"stock-backtest:{TAG or 'test'}"
# so that losses are noticed within seconds
QUICK = {"LEASE_S": "10", "RECONCILE_S": "2", "ENQUEUE_GRACE_S": "4"}
STAND_INS = Path(__file__).with_name("stand_ins.sh")


def docker(*arguments: str, check: bool = True, **options: Any) -> str:
    """Run docker and return its output; AssertionError with its errors when it fails."""
    command = ["docker", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False, **options
    )
    assert not check or done.returncode == 0, (
        f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    )
    return done.stdout.strip()


@contextmanager
def docker_daemon(directory: Path) -> Iterator[None]:
    """The daemon that answers already, or one that is started as root; skips with the reason where there is none."""
    if not shutil.which("docker"):
        service_missing("docker is not installed")
    version = docker("compose", "version", "--short", check=False).lstrip("v")
    if tuple(map(int, re.findall(r"\d+", version)[:3])) < (2, 23, 1):
        service_missing(
            f"docker compose is {version or 'not installed'}; docker-compose.yml needs 2.23.1"
        )
    if docker("info", "--format", "{{.ServerVersion}}", check=False):
        yield
        return
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        service_missing(
            "no docker daemon answers, and none can be started: not root, or no dockerd"
        )
    os.environ["DOCKER_HOST"] = host = f"unix://{directory}/docker.sock"
    command = [
        "dockerd",
        "--host",
        host,
        "--pidfile",
        f"{directory}/pid",
        "--exec-root",
        f"{directory}/exec",
    ]
    with (
        (directory / "dockerd.log").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log) as daemon,
    ):
        try:
            wait_until(
                lambda: docker("info", "--format", "{{.ServerVersion}}", check=False),
                60,
                "the docker daemon",
            )
            yield
        finally:
            daemon.terminate()
            daemon.wait()
            # which it leaves behind
            subprocess.run(["umount", f"{directory}/exec/netns/default"], check=False)


def build_image() -> dict[str, str]:
    """Build the image unless one is named; returns stand-ins by service where the registry cannot be reached."""
    if TAG:
        return {}
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text()
    base = re.search(r"^FROM (\S+) AS base$", dockerfile, re.MULTILINE)
    assert base
    stand_ins = {}
    if not any(
        docker(*look, base[1], check=False).strip("[]")
        for look in (("image", "inspect"), ("pull", "--quiet"))
    ):
        if os.geteuid() != 0 or not shutil.which("debootstrap"):
            service_missing(
                "no registry can be reached, and no stand-in be made: not root, or no debootstrap"
            )
        subprocess.run(["sh", STAND_INS, Path(sys.executable).with_name("pip")], check=True)
        dockerfile = dockerfile.replace(base[1], "stock-backtest-python")
        stand_ins = {name: f"stock-backtest-{name}" for name in ("mysql", "redis")}
    docker(
        "build",
        "--tag",
        IMAGE,
        "--build-arg",
        "IMAGE_TAG=test",
        "--file",
        "-",
        ".",
        input=dockerfile,
    )
    return stand_ins


class Containers:
    """The services of docker-compose.yml, with settings under which losses are noticed soon."""

    def __init__(self, directory: Path, stand_ins: dict[str, str]) -> None:
        self._environ = {**os.environ, "IMAGE_TAG": TAG or "test", "PORT": str(free_port())}
        self.url = f"http://127.0.0.1:{self._environ['PORT']}"
        services: dict[str, Any] = {name: {"image": image} for name, image in stand_ins.items()}
        services |= {name: {"environment": QUICK} for name in ROLES}
        self._override = directory / "override.yml"
        self._override.write_text(yaml.safe_dump({"services": services}))

    def compose(self, *arguments: str) -> str:
        """Run docker compose for this platform and return its output."""
        files = ("-f", "docker-compose.yml", "-f", str(self._override))
        return docker("compose", "-p", PROJECT, *files, *arguments, env=self._environ)

    def up(self) -> None:
        """Start everything in the order of the compose file; returns when it has been started."""
        self.compose("up", "--detach", "--no-build", "--quiet-pull")

    def inspect(self, service: str) -> dict[str, Any]:
        """Return docker's description of the service's container."""
        containers: list[dict[str, Any]] = json.loads(
            docker("inspect", self.compose("ps", "--all", "--quiet", service))
        )
        return containers[0]

    def kill(self, service: str) -> None:
        """SIGKILL to its first process from outside, as a crash: `docker kill` would keep it from being restarted."""
        pid = self.inspect(service)["State"]["Pid"]
        docker(
            "run",
            "--rm",
            "--pid",
            "host",
            "--user",
            "0",
            IMAGE,
            "python",
            "-c",
            f"import os; os.kill({pid}, 9)",
        )

    @contextmanager
    def cut_off(self, service: str) -> Iterator[None]:
        """Nobody reaches the service, nor it anybody, until the block ends."""
        name, network = self.inspect(service)["Name"], f"{PROJECT}_default"
        docker("network", "disconnect", network, name)
        try:
            yield
        finally:
            docker("network", "connect", "--alias", service, network, name)

    def job(self, *options: str) -> str:
        """Run one Job in a container of its own, as KEDA would, with the scaler's settings; returns how it ended."""
        scaler = self.inspect("scaler")
        settings = [f"--env={each}" for each in scaler["Config"]["Env"]]
        ours = [
            "--network",
            f"{PROJECT}_default",
            "--read-only",
            "--tmpfs",
            "/tmp",
            "--cap-drop",
            "ALL",
            *settings,
        ]
        job = docker("create", *ours, *options, IMAGE, "python", "-m", "consumer")
        try:
            docker("start", "--attach", job, check=False)
            return docker("inspect", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}", job)
        finally:
            docker("rm", "--force", job)
