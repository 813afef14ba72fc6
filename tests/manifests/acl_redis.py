"""Redis as k8s/redis.yaml starts it, its own script and configuration included, at other paths and on a free port."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from adapters.queue.run_queue import connect_redis
from tests.manifests.checks.documents import Platform
from tests.services.ports import free_port
from tests.services.redis_server import installed
from tests.services.waiting import wait_until

PASSWORDS = {
    user: f"the {user}'s $ecret #1" for user in ("web", "worker", "reconciler", "keda", "inspect")
}

ADMIN = "test-admin"  # reads the log of refused commands; no user of the manifest may


class AclRedis:
    """A server whose users are those of the manifest."""

    def __init__(self, platform: Platform, directory: Path) -> None:
        self.port = free_port()
        self._log = directory / "redis.log"
        self._paths = {
            "/run/redis": directory / "run",
            "/etc/redis": directory / "etc",
            "dir /data": directory / "data",
        }
        for path in self._paths.values():
            path.mkdir()
        for name, text in platform.one("ConfigMap", "redis-config").body["data"].items():
            (directory / "etc" / name).write_text(self._moved(text))
        with (directory / "etc" / "redis.conf").open("a") as config:
            config.write(f"port {self.port}\nbind 127.0.0.1\n")
        self._script = directory / "etc" / "start.sh"
        script = self._script.read_text().replace(
            "user default off", f"user {ADMIN} on nopass ~* +@all\nuser default off"
        )
        self._script.write_text(script)
        self._process: subprocess.Popen[bytes] | None = None

    def _moved(self, text: str) -> str:
        for theirs, ours in self._paths.items():
            text = text.replace(theirs, f"dir {ours}" if theirs.startswith("dir ") else str(ours))
        return text

    def start(self, **missing: None) -> None:
        """Run the manifest's script; returns when the probe's user is answered."""
        installed("redis-server")
        environ = {
            f"{user.upper()}_PASSWORD": word
            for user, word in PASSWORDS.items()
            if user not in missing
        }
        environ["PATH"] = os.environ["PATH"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                ["sh", str(self._script)],
                env=environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        wait_until(self._answers, 20, "redis-server's answer")

    def _answers(self) -> bool:
        assert self._process and self._process.poll() is None, self._log.read_text()
        try:
            with connect_redis(f"redis://probe:probe@127.0.0.1:{self.port}/0") as client:
                return bool(client.ping())
        except RedisError:
            return False

    def stop(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Kill the server, or end it as `by` does."""
        if self._process:
            self._process.send_signal(by)
            self._process.wait()

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Meanwhile connections stay open and nothing is answered."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def run_inside(self, line: str, *arguments: str) -> str:
        """Run a shell command as `kubectl exec redis-0 -- sh -c` does; return its output."""
        cli = f"{installed('redis-cli')} -p {self.port}"
        command = ["sh", "-c", self._moved(line).replace("redis-cli", cli), "-", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def client(self, user: str) -> Redis:
        """A client that is logged in as one of the manifest's users."""
        return Redis(
            port=self.port, username=user, password=PASSWORDS[user], decode_responses=True
        )

    def settings(self, user: str) -> dict[str, str]:
        """Environment of a role that logs in as `user`."""
        return {
            "REDIS_URL": f"redis://127.0.0.1:{self.port}/0",
            "REDIS_USERNAME": user,
            "REDIS_PASSWORD": PASSWORDS[user],
        }

    def administrator(self) -> Redis:
        """A client that may do everything; only tests have one."""
        return Redis(
            port=self.port,
            username=ADMIN,
            password="any",
            decode_responses=True,
            encoding_errors="backslashreplace",
        )

    def lose_everything(self) -> None:
        """Delete all data, as if Redis restarted on an empty volume."""
        with self.administrator() as client:
            client.flushall()

    def refusals(self) -> list[str]:
        """Every command that a user was refused since the last call, as `user: command`.

        Without CLIENT, with which redis-py's own default client says who it is and takes no for an answer.
        """
        with self.administrator() as client:
            refused = [
                f"{entry['username']}: {entry['object']}"
                for entry in client.acl_log()
                if entry["object"] != "client"
            ]
            client.acl_log_reset()
        return refused
