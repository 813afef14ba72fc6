"""Process server, `python -m tests.services.process_server`: forks a platform program, already imported, per request.

A test run starts hundreds of programs, and most of their time would be Python's start and imports. A fork is a process
like any other, with its own session, environment, signals, log and exit code.
"""

import gc
import importlib.util
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parents[2]
MODULES = ("consumer", "consumer.reconciler", "consumer.local_scaler")  # programs that it can run
# faults that must be injected before the imports, for which a fork is too late
NEEDS_NEW_PROCESS = {"FAULT_CLOCK_S", "FAULT_CONSTANT"}


class ForkedProcess:
    """A process forked by the server, with the interface of `subprocess.Popen`."""

    def __init__(
        self, module: str, arguments: tuple[str, ...], environ: dict[str, str], log_path: Path
    ) -> None:
        self._exit_file = log_path.with_suffix(".exit")
        self.returncode: int | None = None
        request = {
            "module": module,
            "arguments": arguments,
            "environ": environ,
            "log": str(log_path),
        }
        log_path.touch()
        requests, _ = _server()
        requests.send(json.dumps(request).encode())
        self.pid = int(requests.recv(64))

    def poll(self) -> int | None:
        """Return the exit code, negative when a signal killed it; None while it runs."""
        if self.returncode is None and self._exit_file.exists():
            self.returncode = int(self._exit_file.read_text())
        return self.returncode

    def wait(self, timeout: float) -> int:
        """Wait for the exit code; TimeoutExpired when it runs longer."""
        deadline = time.monotonic() + timeout
        while (exit_code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return exit_code

    def send_signal(self, signum: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signum)


@cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server and return the socket for requests with its process, which ends with this one."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.process_server"], cwd=PROJECT_ROOT, stdin=theirs.fileno(),
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}, start_new_session=True,
        )  # fmt: skip
    return ours, process


def main() -> None:
    """Serve the socket that is the standard input; in a fork, run the requested program."""
    requests = socket.socket(fileno=sys.stdin.fileno())
    exit_files: dict[int, Path] = {}
    signal.signal(signal.SIGCHLD, lambda signum, frame: _note_ended(exit_files))
    while request := requests.recv(1 << 20):
        program = json.loads(request)
        # no exit is recorded before its file is known
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            requests.close()
            _run_program(program)
            return
        exit_files[pid] = Path(program["log"]).with_suffix(".exit")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        requests.send(str(pid).encode())


def _note_ended(exit_files: dict[int, Path]) -> None:
    """Record each exit code before its pid can be reused."""
    with suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            exit_code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            _write(exit_files.pop(ended.si_pid, None), exit_code)
            os.waitpid(ended.si_pid, 0)


def _write(exit_file: Path | None, exit_code: int) -> None:
    """Write an exit code; without a file another signal's handler has already done so."""
    with suppress(OSError):  # the test is over, and its folder gone
        if exit_file:
            exit_file.with_suffix(".new").write_text(str(exit_code))
            exit_file.with_suffix(".new").rename(exit_file)


def _run_program(program: dict[str, Any]) -> None:
    """Run a module as `python -m` would, its imports already done."""
    os.setsid()
    # replaces the socket as standard input
    os.open(os.devnull, os.O_RDONLY)
    log = os.open(program["log"], os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.environ.clear()
    os.environ.update(program["environ"])
    gc.enable()
    if "FAULT_AT" in os.environ:
        _inject(Path(os.environ["PYTHONPATH"]) / "sitecustomize.py")
    sys.argv[1:] = program["arguments"]
    sys.modules.pop(
        program["module"], None
    )  # else runpy warns that the module is imported already
    runpy.run_module(program["module"], run_name="__main__", alter_sys=True)


def _inject(path: Path) -> None:
    """Inject the fault into modules that are loaded already."""
    spec = importlib.util.spec_from_file_location("sitecustomize", path)
    assert spec and spec.loader
    injection = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(injection)
    for name, patches in injection.patches.items():
        if name in sys.modules:
            for patch in patches:
                patch(sys.modules[name])


if __name__ == "__main__":
    main()
