"""A real Redis server of a test's own: started, stopped, emptied and paused at will."""

import shutil
import signal
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from run_local import CannotRun, redis_server
from tests.services.ports import free_port
from tests.services.waiting import service_missing, wait_until

_FORGETFUL = ("--save", "", "--appendonly", "no")
# for measurements: as in production
APPEND_ONLY = ("--save", "", "--appendonly", "yes", "--hash-max-ziplist-value", "1024")


def redis_binary() -> str:
    """An installed server, as the cluster has one, else the one that `make run` brings along."""
    try:
        return shutil.which("redis-server") or redis_server()[1]
    except CannotRun as error:
        service_missing(str(error))


def installed(program: str) -> str:
    """The path of a program of an installed Redis, which a test cannot do without."""
    return shutil.which(program) or service_missing(f"{program} is not installed")


class RedisServer:
    """redis-server on a free port of 127.0.0.1, without persistence: a restart comes up empty."""

    def __init__(self, directory: Path, options: tuple[str, ...] = _FORGETFUL) -> None:
        self._directory = directory
        self._options = options
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Run the server, unless it runs; returns when it answers."""
        if self._process:
            return
        with (self._directory / "redis.log").open("ab") as log:
            command = [
                redis_binary(),
                "--port",
                str(self.port),
                "--bind",
                "127.0.0.1",
                "--dir",
                str(self._directory),
            ]
            # a title is written over the environment and its tag
            command += ["--set-proc-title", "no"]
            self._process = subprocess.Popen(
                [*command, *self._options], stdout=log, stderr=log, start_new_session=True
            )
        wait_until(self._answers, 20, "redis-server's answer")

    def stop(self, by: signal.Signals = signal.SIGKILL) -> None:
        """Kill the server, or end it as `by` does; without an append-only file everything in it is lost."""
        if not self._process:
            return
        self._process.send_signal(by)
        self._process.wait()
        self._process = None

    def pause(self) -> None:
        """Freeze the server: connections stay open and nothing is answered."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on; nothing happens when it runs."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def reset(self) -> None:
        """Reset the server: running, empty, every command allowed."""
        self.resume()
        self.start()
        with self.client() as client:
            client.flushall()

    def client(self) -> Redis:
        """A client for the test itself, which answers text."""
        return Redis.from_url(
            self.url,
            socket_timeout=10,
            decode_responses=True,
            encoding_errors="backslashreplace",
        )

    def _answers(self) -> bool:
        assert self._process and self._process.poll() is None, (
            self._directory / "redis.log"
        ).read_text()
        try:
            with self.client() as client:
                return bool(client.ping())
        except RedisError:
            return False
