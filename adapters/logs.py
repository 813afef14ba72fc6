"""Logging of every role: stdout/stderr only, one line per event, with run_id on every line about a run."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from adapters.settings import Settings, load_settings
from contracts.errors import InvalidSettings

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
EXIT_USAGE = 2
_context: ContextVar[Mapping[str, str]] = ContextVar("context", default=MappingProxyType({}))


def set_log_context(**fields: object) -> None:
    """Put these fields, and no others, on every later line of this thread: actor, run_id, batch_id, attempt."""
    _context.set(_as_text(fields))


@contextmanager
def log_context(**fields: object) -> Iterator[None]:
    """Add these fields to every line logged inside."""
    token = _context.set({**_context.get(), **_as_text(fields)})
    try:
        yield
    finally:
        _context.reset(token)


def _as_text(fields: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in fields.items() if value}


def current_actor() -> str | None:
    """Return the actor of the current request, or None."""
    return _context.get().get("actor")


class _TextFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, role: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {role} %(message)s")
        self.role = role

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Escape control characters, so that only a trace has more than one line."""
        return super().formatMessage(record).translate(_CONTROLS)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        fields = (
            f" {name}={value}"
            for name, value in _context.get().items()
            if f"{name}={value}" not in text
        )
        suffix = "".join(fields).translate(_CONTROLS)
        # a trace has many lines, and `grep <run_id>` must find all of them
        return text.replace("\n", f"{suffix}\n") + suffix


class _JsonFormatter(_TextFormatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "role": self.role,
            "message": record.getMessage(),
            **_context.get(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure_logging(settings: Settings, role: str) -> None:
    """Send the logs of this process to stderr in the configured form; `role` names the program."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = _JsonFormatter if settings.log_format == "json" else _TextFormatter
    handler.setFormatter(formatter(role))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    logging.getLogger("rq").setLevel(
        logging.WARNING
    )  # its lines repeat the platform's without a run_id


def run_program(role: str, work: Callable[[Settings], int]) -> int:
    """Return the exit code of `work`, a program of the platform; 2 when settings or manifest are invalid."""
    try:
        settings = load_settings()
        configure_logging(settings, role)
        return work(settings)
    except InvalidSettings as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
