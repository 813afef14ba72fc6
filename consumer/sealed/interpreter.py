"""The Job's side of a strategy's process: start it, fork it for each run of the code, and tell why a fork ended."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from adapters.settings import PROJECT_ROOT, Settings
from consumer.sealed import seal
from consumer.sealed.protocol import COUNT, MAX_FRAME, SEALED, frame
from contracts.errors import (
    BadParams,
    CodeError,
    CodeOutOfMemory,
    PlatformError,
    RunTimeout,
    SealUnavailable,
)
from contracts.values import Json
from rules.python.source import FILE_NAME, SourceError, read_source

_START = (
    "import socket, sys; sys.path.insert(0, sys.argv[1]); from consumer.sealed.process import main; "
    "main(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))"
)
_WORDS = re.compile(r"[A-Za-z_]\w*(?:/[A-Za-z_/]+)?")  # names, and zones such as America/New_York
_OOM_COUNTER = Path("/sys/fs/cgroup/memory.events")
CPU_GRACE_S = 5  # beyond the run's time limit, which ends it first


class Interpreter:
    """A process with the modules of one strategy, which runs its code in forks."""

    def __init__(self, code: str, settings: Settings) -> None:
        """Start it; BadParams for code that may not run here."""
        if settings.python_rules == "off":
            raise BadParams("strategies in Python are switched off here (PYTHON_RULES=off)")
        try:
            source = read_source(code, settings.python_modules)
        except SourceError as error:
            raise BadParams(f"code: {error.with_place(code)}") from error
        self.code, self.function, self._settings = code, source.function, settings
        self.seed = zlib.crc32(code.encode())
        self._began = time.monotonic()
        self.words = {*_WORDS.findall(code)}
        modules = [*source.imports, *(["pandas"] if "frame" in self.words else [])]
        seal.hide_memory()
        self._control, theirs = socket.socketpair()
        command = [sys.executable, "-s", "-P", "-c", _START, str(PROJECT_ROOT)]
        with theirs:
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(os.getpid())],
                env={"PYTHONHASHSEED": str(self.seed)},
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._ready: Json | None = None
        self._control.sendall(frame({"modules": modules, "words": [*self.words]}))

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and of the loaded modules."""
        versions: dict[str, str] = self._loaded()["versions"]
        return versions

    @property
    def is_sealed(self) -> bool:
        """True unless the code runs without the seal; SealUnavailable where neither is allowed."""
        loaded = self._loaded()
        if self._settings.python_rules == "trusted":
            return False
        if loaded["can_seal"]:
            return True
        if not self._settings.is_private:
            raise SealUnavailable(
                "this machine cannot seal a strategy in Python: that needs Linux with seccomp and libseccomp; "
                "PYTHON_RULES=trusted runs code without the seal"
            )
        return False

    @property
    def start_s(self) -> float:
        """Seconds that the process took to load its modules."""
        return float(self._loaded()["start_s"])

    def left_s(self) -> float:
        """Return the seconds until the time limit of the run."""
        return self._began + self._settings.run_timeout_s - time.monotonic()

    def _loaded(self) -> Json:
        if self._ready is None:
            self._ready = self._answer()
            if "error" in self._ready:
                raise BadParams(f"code: a module cannot be loaded: {self._ready['error']}")
            self._ready["start_s"] = time.monotonic() - self._began
        return self._ready

    def _answer(self) -> Any:
        """Read a frame of the process, which runs nobody's code."""
        (size,) = COUNT.unpack(self._receive(COUNT.size))
        return json.loads(self._receive(size))

    def _receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._control.recv(size - len(data))
            if not part:
                raise CodeError("the process of the code was killed")
            data += part
        return data

    @contextmanager
    def fork(
        self, mode: str, inputs: Iterable[Json], is_quiet: bool, further: Sequence[str]
    ) -> Any:
        """Run the code in a new fork that knows nothing of earlier ones; it is dead afterwards.

        further: columns of the bars in addition to prices and volume.
        """
        is_sealed = self.is_sealed
        setup = {
            "code": self.code, "file": FILE_NAME, "function": self.function, "seed": self.seed, "inputs": [*inputs],
            "mode": mode, "is_quiet": is_quiet, "further": [*further], "is_sealed": is_sealed,
            "memory": self._settings.run_memory_mb * 2**19, "cpu_s": self._settings.run_timeout_s + CPU_GRACE_S,
        }  # fmt: skip
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        try:
            try:
                socket.send_fds(self._control, [COUNT.pack(0)], [theirs_in, theirs_out])
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            fork = Fork(self, self._answer(), ours_in, ours_out)
            try:
                fork.send(frame(setup))
                if (fork.receive(1) == SEALED) != is_sealed:
                    raise SealUnavailable("the process of the code could not be sealed")
                yield fork
            finally:
                fork.end()
        finally:
            os.close(ours_in)
            os.close(ours_out)

    def end_fork(self, pid: int) -> int:
        """Kill a fork, unless it has ended; return its status."""
        with suppress(OSError):  # the process was killed, and so is its fork
            self._control.sendall(COUNT.pack(pid))
        status: int = self._answer()
        return status

    def close(self) -> None:
        """End the process; its forks die with it."""
        self._control.close()
        self._process.kill()
        self._process.wait()


class Fork:
    """A run of the code in a sealed fork; no byte that comes from it is trusted."""

    def __init__(self, interpreter: Interpreter, pid: int, source: int, sink: int) -> None:
        self.pid, self.source, self.sink = pid, source, sink
        self._interpreter = interpreter
        self._ooms = _count_ooms()
        self._status: int | None = None

    def send(self, data: bytes | memoryview) -> None:
        """Write all bytes; PlatformError says why the fork has ended."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[os.write(self.sink, rest) :]
        except BrokenPipeError:
            self.fail()

    def receive(self, size: int) -> bytes:
        """Read exactly so many bytes; PlatformError says why the fork has ended."""
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self.source, min(size - len(parts), 1 << 20))
            if not part:
                self.fail()
            parts += part
        return bytes(parts)

    def receive_frame(self) -> Json:
        """Read a JSON object."""
        (size,) = COUNT.unpack(self.receive(COUNT.size))
        message = None
        if size <= MAX_FRAME:
            with suppress(ValueError, RecursionError):
                message = json.loads(self.receive(size))
        if not isinstance(message, dict):
            raise CodeError("the process of the code broke the protocol")
        return message

    def end(self) -> int:
        """Kill the fork, unless it has ended; return its status."""
        if self._status is None:
            self._status = self._interpreter.end_fork(self.pid)
        return self._status

    def fail(self) -> NoReturn:
        """Raise why the fork has ended by itself."""
        raise self._reason(os.waitstatus_to_exitcode(self.end()))

    def _reason(self, exit_code: int) -> PlatformError:
        if exit_code >= 0:
            return CodeError(f"the code ended its process with exit code {exit_code}")
        if exit_code == -signal.SIGXCPU:
            return RunTimeout("the code needed more CPU time than a run may take")
        if _count_ooms() > self._ooms:
            return CodeOutOfMemory("the machine had no memory left for the code")
        name = signal.Signals(-exit_code).name
        return CodeError(f"the process of the code was ended by {name}")


def _count_ooms() -> int:
    """Count the processes of this container that the kernel has killed to free memory."""
    with suppress(OSError, ValueError):
        counters = dict(line.split() for line in _OOM_COUNTER.read_text().splitlines())
        return int(counters["oom_kill"])
    return 0


def error_of(fault: Any, code: str, moment: str) -> PlatformError:
    """Put a fault, as a fork reports it, into words: the line with its text, and the calls that led to it."""
    try:
        name, message = clean(str(fault["type"])), clean(str(fault["message"]))
        lines = [(int(line), clean(str(function))) for line, function in fault["lines"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        return CodeError("the process of the code broke the protocol")
    text = dict(enumerate(code.split("\n"), start=1))
    if not lines:  # an answer that is no signal
        return CodeError(f"{message}{moment}")
    words = [f"line {lines[-1][0]}: {name}{': ' * bool(message)}{message}{moment}"]
    words += [f"    {text.get(lines[-1][0], '').strip()}"]
    if len(lines) > 1:
        words += [
            f"line {line}, in {function}: {text.get(line, '').strip()}"
            for line, function in lines
        ]
    kind = CodeOutOfMemory if name == "MemoryError" else CodeError
    return kind("\n".join(words))


def clean(text: str) -> str:
    """Replace what a database or a page cannot show."""
    text = text.encode("utf-8", "replace").decode()
    return "".join(
        each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for each in text
    )
