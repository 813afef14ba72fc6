"""Log lines of every role: stdout/stderr only, one line per event, the run_id on each line that concerns a run."""

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from adapters.settings import Settings

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
_run_id: ContextVar[str] = ContextVar("run_id", default="")
_actor: ContextVar[str] = ContextVar("actor", default="")


@contextmanager
def run_context(run_id: str) -> Iterator[None]:
    """Every line logged inside carries this run_id."""
    token = _run_id.set(run_id)
    try:
        yield
    finally:
        _run_id.reset(token)


def set_run_id(run_id: str) -> None:
    """Every line logged from here on carries this run_id; for a process that works on one run only."""
    _run_id.set(run_id)


def current_run_id() -> str:
    """The run_id of the context, or the empty string."""
    return _run_id.get()


def set_actor(name: str) -> None:
    """Every line logged from here on, in this thread, names who asked; the empty string: nobody."""
    _actor.set(name)


def current_actor() -> str | None:
    """Who asked, or None."""
    return _actor.get() or None


def _context() -> list[tuple[str, str]]:
    return [(name, value.get()) for name, value in (("actor", _actor), ("run_id", _run_id)) if value.get()]


class _TextFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self, role: str) -> None:
        super().__init__(f"%(asctime)s.%(msecs)03dZ %(levelname)s {role} %(message)s", "%Y-%m-%dT%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever an address or a name holds; only a trace has more."""
        return super().formatMessage(record).translate(_CONTROLS)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        known = (f" {name}={value}" for name, value in _context() if f"{name}={value}" not in text)
        told = "".join(known)
        return text.replace("\n", f"{told}\n") + told  # a trace has many lines, and `grep <run_id>` must find them all


class _JsonFormatter(logging.Formatter):
    def __init__(self, role: str) -> None:
        super().__init__()
        self._role = role

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "role": self._role,
            "message": record.getMessage(),
            **dict(_context()),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(settings: Settings, role: str) -> None:
    """Send the logs of this process to stderr in the configured form; `role` names the program."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonFormatter(role) if settings.log_format == "json" else _TextFormatter(role))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("rq").setLevel(logging.WARNING)  # its lines name no run and repeat ours
