"""The strategy's process: it loads modules and forks for each run of the code; a fork seals itself first.

Started by consumer.sealed.interpreter with an environment that has nothing but the seed of hashes. Whatever code does
in a fork reaches nobody but itself: its descriptors are two pipes, and the other end trusts no byte.
"""

import os

for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"  # a thread could not be sealed any more

import json  # noqa: E402
import random  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import suppress  # noqa: E402
from functools import partial  # noqa: E402
from importlib import import_module  # noqa: E402
from types import CodeType, TracebackType  # noqa: E402
from typing import Any  # noqa: E402

import numpy as np  # noqa: E402

from consumer.sealed import seal  # noqa: E402
from consumer.sealed.bars import Bars  # noqa: E402
from consumer.sealed.protocol import (  # noqa: E402
    BUY,
    COUNT,
    FAILED,
    MAX_LINES,
    MAX_NAME,
    MAX_PRINTED,
    MORE,
    NOTHING,
    SEALED,
    SELL,
    UNSEALED,
    frame,
    record_type,
)

Json = dict[str, Any]
CODES = {None: NOTHING, 0: NOTHING, 1: BUY, -1: SELL}
PANDAS_LAZY = ("pandas.io.formats.string", "pandas.core.methods.to_dict")
RESERVE = 4 * 2**20  # bytes that are released to report that there is no memory
TRACE = 8  # of the latest calls of an error


def main(control: socket.socket, parent_pid: int) -> None:
    """Load what the first message names, then fork for each pair of pipes, and kill the forks that are named."""
    seal.die_with(parent_pid)
    setup = read_frame(control.fileno())
    try:
        _load(setup["modules"], setup["words"])
    except ImportError as error:
        control.sendall(frame({"error": str(error)}))
        return
    sys.path.clear()  # a module that was not loaded does not exist
    versions = {
        name: str(getattr(sys.modules[name], "__version__", None))
        for name in dict.fromkeys(
            ["numpy", *(each.partition(".")[0] for each in setup["modules"])]
        )
        if hasattr(sys.modules.get(name), "__version__")
    }
    versions = {"python": sys.version.split()[0], **versions}
    control.sendall(frame({"can_seal": seal.can_seal(), "versions": versions}))
    os.environ.clear()
    while True:
        message, pipes, _, _ = socket.recv_fds(control, COUNT.size, 2)
        if not message:
            return
        if pipes:
            pid = os.fork()
            if pid == 0:
                _run(control, pipes)
            for each in pipes:
                os.close(each)
            control.sendall(frame(pid))
            continue
        (pid,) = COUNT.unpack(message)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        control.sendall(frame(os.waitpid(pid, 0)[1]))


def _load(modules: list[str], words: list[str]) -> None:
    """Import the modules, and those of their parts that the code names, since nothing can be imported in the seal."""
    for name in modules:
        import_module(name)
    for name in {each.partition(".")[0] for each in modules} | {"numpy"}:
        if not hasattr(sys.modules[name], "__path__") or name in ("consumer", "rules"):
            continue
        for part in words:
            with suppress(ImportError):
                import_module(f"{name}.{part}")
    if "pandas" in sys.modules:
        for name in PANDAS_LAZY:
            with suppress(ImportError):  # another release
                import_module(name)
    if "zoneinfo" in modules or "tz_convert" in words or "tz_localize" in words:
        _load_zones(words)


def _load_zones(words: list[str]) -> None:
    """Read the time zones that the code names; they stay in the cache of zoneinfo."""
    import zoneinfo

    for word in words:
        with suppress(Exception):  # it is no zone
            _ZONES.append(zoneinfo.ZoneInfo(word))


_ZONES: list[Any] = []


def _run(control: socket.socket, pipes: list[int]) -> None:
    """Seal this fork, and run the code; never returns."""
    with suppress(BaseException):
        parent_pid = os.getppid()
        control.detach()
        for target, source in enumerate(pipes):
            os.dup2(source, target + 100)
        os.dup2(100, 0)
        os.dup2(101, 1)
        os.closerange(2, 1 << 20)
        seal.die_with(parent_pid)
        setup = read_frame(0)
        seal.limit(setup["memory"], setup["cpu_s"])
        # addresses differ between two runs, so that signals that depend on them are noticed
        _ZONES.append([object() for _ in range(random.SystemRandom().randrange(4096))])
        if setup["is_sealed"]:
            seal.filter_calls()
        os.write(1, SEALED if setup["is_sealed"] else UNSEALED)
        Strategy(setup).run()
        os._exit(0)
    os._exit(1)


class Strategy:
    """Instances of the code, each with its inputs and its own names, on the same bars."""

    def __init__(self, setup: Json) -> None:
        self._mode, self._name, self._seed = setup["mode"], setup["function"], setup["seed"]
        self._inputs, self._text, self._file = setup["inputs"], setup["code"], setup["file"]
        self._is_quiet = setup["is_quiet"]  # nobody reads what is printed and plotted
        self._printed, self._room = list[str](), MAX_PRINTED
        self._plotted: dict[str, Any] = {}
        self.bars = Bars.of(setup["further"])
        self._size = record_type(setup["further"]).itemsize
        self._reserve = bytes(RESERVE)
        sys.stdout = sys.stderr = self  # `write` and `flush` are all that print needs

    def write(self, text: str) -> None:
        """Keep printed text, as far as there is room."""
        if self._room > 0 and not self._is_quiet:
            self._printed.append(text[: self._room])
            self._room -= len(text)

    def flush(self) -> None:
        """Do nothing, since text is kept in memory."""

    def plot(self, name: str, value: Any) -> None:
        """Draw a line of this name: its value on this bar, or on all bars."""
        if self._is_quiet:
            return
        name = str(name)[:MAX_NAME]
        if self._mode == "stream":
            value = None if value is None else float(value)
        self._plotted[name] = value
        if len(self._plotted) > MAX_LINES:
            raise ValueError(f"plot: more than {MAX_LINES} lines")

    def run(self) -> None:
        """Load the code, then answer until the bars end."""
        try:
            code = compile(self._text, self._file, "exec", dont_inherit=True)
            functions = [self._load(code, inputs) for inputs in self._inputs]
        except BaseException as error:
            write_all(frame({"error": fault_of(error, self._file)}))
            return
        write_all(frame({"printed": self._take_printed()}))
        if self._mode == "stream":
            self._stream(functions)
        elif self._mode == "whole":
            self._whole(functions)
        else:
            self._last(code)

    def _load(self, code: CodeType, inputs: Json) -> Callable[[], Any]:
        """Execute the code in a namespace of its own; return its function with inputs and bars."""
        random.seed(self._seed)
        if "numpy.random" in sys.modules:
            np.random.seed(self._seed)
        names: Json = {"__name__": "strategy", "plot": self.plot}
        exec(code, names)  # noqa: S102  # what this process is for
        return partial(names[self._name], self.bars, **inputs)

    def _stream(self, functions: list[Callable[[], Any]]) -> None:
        numbers, count = range(len(functions)), self._size
        read, write, append, alive = os.read, os.write, self.bars.append, [*functions]
        while record := read(0, count):
            if len(record) < count:  # the rest of it did not fit into the pipe
                record += read_all(0, count - len(record))
            append(record)
            answers, frames = bytearray(len(alive)), b""
            for number in numbers:
                try:
                    answers[number] = code_of(alive[number]())
                except BaseException as error:
                    answers[number], alive[number] = FAILED, _nothing
                    self._reserve = b""
                    frames += frame({"error": fault_of(error, self._file)})
            if self._printed or self._plotted:
                answers[0] |= MORE
                frames += frame(self._take_more())
            if frames:
                write_all(bytes(answers) + frames)
            else:
                write(1, answers)

    def _last(self, code: CodeType) -> None:
        for _ in self._counts():
            answers = bytearray()
            for inputs in self._inputs:
                try:
                    signals, _ = self._signals(self._load(code, inputs))
                    answers.append(signals[-1])
                except BaseException:
                    answers.append(FAILED)
            write_all(bytes(answers))

    def _whole(self, functions: list[Callable[[], Any]]) -> None:
        for _ in self._counts():
            for function in functions:
                try:
                    signals, lines = self._signals(function)
                except BaseException as error:
                    self._reserve = b""
                    write_all(bytes([FAILED]) + frame({"error": fault_of(error, self._file)}))
                    continue
                head = {"lines": [*lines], "printed": self._take_printed()}
                parts = [signals, *(each.tobytes() for each in lines.values())]
                write_all(bytes([NOTHING]) + frame(head) + b"".join(parts))

    def _counts(self) -> Iterator[int]:
        """Read more bars, and yield how many there are, until they end."""
        while head := os.read(0, COUNT.size):
            (count,) = COUNT.unpack(head)
            self.bars.extend(read_all(0, count * self._size))
            yield len(self.bars)

    def _signals(self, function: Callable[[], Any]) -> tuple[bytes, dict[str, Any]]:
        """Call `signals`; return the codes of its signals and its lines, with one value for each bar."""
        self._plotted = {}
        result = function()
        signals, named = (
            result if isinstance(result, tuple) and len(result) == 2 else (result, {})
        )
        for name, line in {} if self._is_quiet else dict(named).items():
            self.plot(name, line)
        lines, self._plotted = self._plotted, {}
        bars = len(self.bars)
        return codes_of(signals, bars), {
            name: line_of(name, line, bars) for name, line in lines.items()
        }

    def _take_printed(self) -> str:
        text, self._printed = "".join(self._printed), []
        return text

    def _take_more(self) -> Json:
        plotted, self._plotted = self._plotted, {}
        return {"printed": self._take_printed(), "plotted": plotted}


def _nothing() -> None:
    """Answer for an instance that has failed."""


def code_of(answer: Any) -> int:
    """Return the code of an answer; ValueError unless it is None or equal to 1, -1 or 0."""
    try:  # once a bar, where `suppress` would cost as much as all else
        return CODES[answer]
    except (KeyError, TypeError, ValueError):
        pass
    raise ValueError(
        f"on_bar returned {_quoted(answer)}; accepted: 1 (buy), -1 (sell), 0 or None"
    )


def codes_of(signals: Any, bars: int) -> bytes:
    """Return a code for each bar; ValueError for another length, or a value that is not 1, -1 or 0."""
    array = np.asarray(signals)
    if array.shape != (bars,):
        raise ValueError(
            f"signals returned an array of shape {array.shape}; expected ({bars},): one per bar"
        )
    if array.dtype.kind not in "biuf":
        array = np.array([np.nan if each is None else float(each) for each in array.tolist()])
    is_wrong = ~((array == 0) | (array == 1) | (array == -1))
    if is_wrong.any():
        bar = int(is_wrong.argmax())
        raise ValueError(
            f"signals[{bar}] is {_quoted(array[bar])}; accepted: 1 (buy), -1 (sell) or 0"
        )
    return np.where(array == -1, SELL, array).astype(np.uint8).tobytes()


def line_of(name: str, line: Any, bars: int) -> Any:
    """Return a line as float64; ValueError for another length."""
    values = np.asarray(line, np.float64)
    if values.shape != (bars,):
        raise ValueError(f"the line {name!r} has the shape {values.shape}; expected ({bars},)")
    return values


def _quoted(value: object) -> str:
    return f"{repr(value)[:100]} ({type(value).__name__})"


def fault_of(error: BaseException, file: str) -> Json:
    """Return type, message and the lines of the file of the strategy that led to an error."""
    try:
        message = str(error)[:300]
        if isinstance(error, AttributeError) and isinstance(error.obj, Bars):
            message += f"; the columns are {', '.join(error.obj.names)} and time"
    except BaseException:
        message = ""
    lines = [*_lines_of(error.__traceback__, file)]
    if isinstance(error, SyntaxError) and error.lineno:
        lines.append((error.lineno, "<module>"))
    return {"type": type(error).__name__[:100], "message": message, "lines": lines[-TRACE:]}


def _lines_of(trace: TracebackType | None, file: str) -> Iterator[tuple[int, str]]:
    while trace:
        if trace.tb_frame.f_code.co_filename == file:
            yield trace.tb_lineno, trace.tb_frame.f_code.co_name
        trace = trace.tb_next


def read_frame(descriptor: int) -> Any:
    """Read one message."""
    (size,) = COUNT.unpack(read_all(descriptor, COUNT.size))
    return json.loads(read_all(descriptor, size))


def read_all(descriptor: int, size: int) -> bytes:
    """Read exactly so many bytes; end the process where there are no more."""
    parts = bytearray()
    while len(parts) < size:
        part = os.read(descriptor, min(size - len(parts), 1 << 20))
        if not part:
            os._exit(0)
        parts += part
    return bytes(parts)


def write_all(data: bytes) -> None:
    """Write all bytes to the Job."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]
