"""Settings: descriptions from .env.example, which has all of them, and readers from the code."""

import re
from collections.abc import Iterator

from adapters.settings import PROJECT_ROOT

ENTRY = re.compile(r"^((?:# .*\n)*)(\w+)=(.*)", re.MULTILINE)
ROLES = {  # the role that runs a file, by the start of its path; the first match counts
    "web/": "web",
    "consumer/local_scaler": "local scaler",
    "consumer/job_processes": "local scaler",
    "consumer/rec": "reconciler",
    "consumer/leader/lead": "reconciler",
    "consumer/": "Job",
    "adapters/schema": "schema",
    "adapters/maintenance/retention": "reconciler, prune",
    "adapters/": "every role",
}


def sections() -> list[tuple[str, list[tuple[str, ...]]]]:
    """Return the sections of .env.example: name, default, meaning and readers of each setting, below a title."""
    _, *texts = (PROJECT_ROOT / ".env.example").read_text("utf-8").split("\n# --- ")
    return [(text[0].upper() + text[1:].partition("\n")[0], list(_rows(text))) for text in texts]


def _rows(text: str) -> Iterator[tuple[str, ...]]:
    meaning = ""
    for words, name, default in ENTRY.findall(text):
        meaning = " ".join(re.findall(r"^# (.+)", words, re.MULTILINE)) or meaning
        yield name, default, meaning, _readers(name)


def _readers(name: str) -> str:
    """Return the roles whose code reads a setting; every role if it is part of an address."""
    use = re.compile(rf"\.{name.lower()}\b")
    roles = {
        _role(file.relative_to(PROJECT_ROOT).as_posix())
        for package in ("web", "consumer", "adapters")
        for file in (PROJECT_ROOT / package).rglob("*.py")
        if file.name != "settings.py" and use.search(file.read_text("utf-8"))
    }
    return "every role" if not roles or "every role" in roles else ", ".join(sorted(roles))


def _role(path: str) -> str:
    return next(role for start, role in ROLES.items() if path.startswith(start))
