"""Every setting in Markdown: words from .env.example, which has them all, readers from the code itself."""

import re
from pathlib import Path

from scripts.reference.markdown import cell, table

ROOT = Path(__file__).resolve().parents[2]
ROLES = {  # who runs a file, by what its path begins with; the first that fits
    "web/": "web",
    "consumer/local_scaler": "local scaler",
    "consumer/children": "local scaler",
    "consumer/rec": "reconciler",
    "consumer/repairs": "reconciler",
    "consumer/": "Job",
    "adapters/schema": "schema",
    "adapters/upkeep/retention": "reconciler, prune",
    "adapters/": "every role",
}


def setting_tables() -> str:
    """A table for each section of .env.example."""
    _, *sections = (ROOT / ".env.example").read_text(encoding="utf-8").split("\n# --- ")
    return "\n".join(map(_section, sections))


def _section(text: str) -> str:
    title, *lines = text.split("\n")
    rows, words, last = [], [], ""
    for line in lines:
        if line.startswith("# "):
            words.append(line[2:])
        elif line:
            name, default = line.split("=", 1)
            last, words = " ".join(words) or last, []
            rows.append((f"`{name}`", f"`{default}`" if default else "", cell(last), _readers(name)))
    heading = [f"## {title[0].upper()}{title[1:]}", ""]
    return "\n".join([*heading, *table("| name | default | meaning | read by |", rows)])


def _readers(name: str) -> str:
    """The roles whose code reads a setting; all of them where it is part of an address."""
    use = re.compile(rf"\.{name.lower()}\b")
    files = [path for room in ("web", "consumer", "adapters") for path in sorted((ROOT / room).rglob("*.py"))]
    read_in = {path.relative_to(ROOT).as_posix() for path in files if use.search(path.read_text(encoding="utf-8"))}
    read_in -= {"adapters/settings.py"}
    roles = {next(role for start, role in ROLES.items() if path.startswith(start)) for path in read_in}
    return "every role" if not roles or "every role" in roles else ", ".join(sorted(roles))
