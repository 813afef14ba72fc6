"""Log lines of every role: stdout/stderr only, one line per event, the run_id on each that concerns a run."""

import json
import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

from adapters.settings import Settings

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
_known: ContextVar[Mapping[str, str]] = ContextVar("known", default=MappingProxyType({}))


def set_log_context(**known: object) -> None:
    """Every line logged from here on, in this thread, says these and no others: actor, run_id, batch_id, attempt."""
    _known.set(_words(known))


@contextmanager
def log_context(**known: object) -> Iterator[None]:
    """Every line logged inside says these, too."""
    token = _known.set({**_known.get(), **_words(known)})
    try:
        yield
    finally:
        _known.reset(token)


def _words(known: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in known.items() if value}


def current_actor() -> str | None:
    """Who asked, or None."""
    return _known.get().get("actor")


class _TextFormatter(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self, role: str) -> None:
        super().__init__(f"%(asctime)s %(levelname)s {role} %(message)s")
        self.role = role

    def formatMessage(self, record: logging.LogRecord) -> str:
        """One line, whatever an address or a name holds; only a trace has more."""
        return super().formatMessage(record).translate(_CONTROLS)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        known = (
            f" {name}={value}"
            for name, value in _known.get().items()
            if f"{name}={value}" not in text
        )
        told = "".join(known).translate(_CONTROLS)
        # a trace has many lines, and `grep <run_id>` must find them all
        return text.replace("\n", f"{told}\n") + told


class _JsonFormatter(_TextFormatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": self.formatTime(record),
            "level": record.levelname,
            "role": self.role,
            "message": record.getMessage(),
            **_known.get(),
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
    logging.getLogger("rq").setLevel(logging.WARNING)  # its lines name no run and repeat ours
