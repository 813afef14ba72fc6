"""The containers of the manifests as local processes: their commands, settings, user and read-only tree."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.manifests.checks.documents import Platform, Workload
from tests.manifests.checks.environment import STAND_IN, environment_of
from tests.services.waiting import service_missing

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(sys.executable)  # the interpreter that stands in for the image's


def image_tree(target: Path) -> Path:
    """Copy the files that .dockerignore lets into the image, owned by root and not writable."""
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        source = ROOT / line.removeprefix("!").rstrip("/")
        if line.startswith("!") and source.is_dir():
            shutil.copytree(
                source, target / source.name, ignore=shutil.ignore_patterns("__pycache__")
            )
        elif line.startswith("!"):
            (target / source.relative_to(ROOT).parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / source.relative_to(ROOT))
    for path in [target, *target.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    return target


def image_environment() -> dict[str, str]:
    """The ENV of the Dockerfile's last stage."""
    last_stage = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2].replace("\\\n", " ")
    pairs = [
        pair
        for line in re.findall(r"^ENV (.*)$", last_stage, re.MULTILINE)
        for pair in line.split()
    ]
    environ = dict(pair.split("=", 1) for pair in pairs)
    return {
        **environ,
        "IMAGE_TAG": "0123abc",
        "PATH": f"{PYTHON.parent}:/usr/bin:/bin",
        "HOME": "/",
    }


def as_user(uid: int) -> list[str]:
    """The words before a command that take every privilege from it; skips where that cannot be done.

    Where Python lies in root's home, the right to read there stays; the right to write never does.
    """
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        service_missing(
            "only root with setpriv can give the workloads the user of their manifests"
        )
    base = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"]
    reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    for words in ([*base, "--inh-caps=-all", "--bounding-set=-all"], [*base, *reading]):
        if (
            subprocess.run(
                [*words, sys.executable, "-c", "import rq"], check=False, capture_output=True
            ).returncode
            == 0
        ):
            return words
    return service_missing(f"uid {uid} may not run {sys.executable}")


class Pod:
    """One started container."""

    def __init__(
        self, workload: Workload, tree: Path, tmp: Path, environ: dict[str, str]
    ) -> None:
        self._workload, self._tree, self._tmp = workload, tree, tmp
        user = workload.pod["securityContext"]["runAsUser"]
        self._as_user = as_user(user)
        tmp.mkdir()
        os.chown(tmp, user, user)
        # PATH is this machine's own, and the checkout itself may lie under /tmp
        self._environ = {
            name: value if name == "PATH" else self._in_pod(value)
            for name, value in environ.items()
        }
        self._log = tmp.with_suffix(".log")
        self._process = self._run(workload.container["command"], self._log)
        self.pid = self._process.pid

    def _in_pod(self, text: str) -> str:
        return text.replace("/tmp/", f"{self._tmp}/")

    def _run(self, command: list[str], output: Path) -> subprocess.Popen[bytes]:
        words = [*self._as_user, *(self._in_pod(word) for word in command)]
        with output.open("wb") as log:
            return subprocess.Popen(
                words, cwd=self._tree, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def probe(self, kind: str, timeout_s: float = 60) -> int:
        """Exit code of an exec probe's command, run as the pod runs it."""
        started = self._run(self._workload.container[kind]["exec"]["command"], Path(os.devnull))
        return started.wait(timeout_s)

    def wait(self, timeout_s: float = 60) -> int:
        """Exit code of the container."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"{self._workload.name} did not end in {timeout_s:g} s:\n{self.log}"
            ) from None

    def terminate(self) -> int:
        """Terminate it as when its grace period starts; return the exit code, which must come within that period."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait(self._workload.pod.get("terminationGracePeriodSeconds", 30))

    def kill(self) -> None:
        """End it and all that it has started."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait()

    def is_running(self) -> bool:
        return self._process.poll() is None


class Cluster:
    """Starts pods of the manifests; hosts, ports and patience are this machine's, all else is theirs."""

    def __init__(
        self, platform: Platform, directory: Path, here: dict[str, str], redis: dict[str, str]
    ) -> None:
        self._platform, self._directory, self._here, self._passwords = (
            platform,
            directory,
            here,
            redis,
        )
        self.tree = image_tree(directory / "app")
        self.url = f"http://127.0.0.1:{here['PORT']}"
        self.pods: list[Pod] = []

    def start(self, name: str) -> Pod:
        """The pod of the workload with this name."""
        workload = next(each for each in self._platform.workloads if each.name == name)
        environ = {
            **image_environment(),
            **environment_of(workload, self._platform.config),
            **self._here,
        }
        environ["REDIS_PASSWORD"] = self._passwords.get(environ.get("REDIS_USERNAME", ""), "")
        pod = Pod(workload, self.tree, self._directory / f"{name}-{len(self.pods)}", environ)
        self.pods.append(pod)
        return pod

    def stop(self) -> None:
        """Kill every pod."""
        for pod in self.pods:
            pod.kill()

    def probe_web(self) -> Any:
        """Send web's readiness probe and return the answer, within the timeout of its manifest."""
        pod = next(each for each in self._platform.workloads if each.name == "web")
        probe = pod.container["readinessProbe"]
        with urlopen(
            self.url + probe["httpGet"]["path"], timeout=probe["timeoutSeconds"]
        ) as answer:
            return json.loads(answer.read())

    def ask(self, path: str, body: object = None) -> Any:
        """JSON from web, with the token that its API_TOKENS name."""
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {STAND_IN}"}
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self.url + path, data, headers), timeout=10) as answer:
            return json.loads(answer.read())
