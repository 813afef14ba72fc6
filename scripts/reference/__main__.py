"""`python -m scripts.reference`: write what follows from code: parts of docs/, pictures of rules, new contract fields.

In docs/ they are between two marker lines, and the text around them stays. With --check nothing is written; 1 when one
differs.
"""

import sys
from pathlib import Path

from scripts.reference.api import operations
from scripts.reference.commands import command_tables
from scripts.reference.contract import freeze_new_fields
from scripts.reference.database import database_tables
from scripts.reference.metrics import metric_tables
from scripts.reference.pictures import draw_missing, stale_pictures
from scripts.reference.rules import rule_tables
from scripts.reference.settings import setting_tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
START, END = "<!-- written by scripts.reference: start -->\n", "<!-- written by scripts.reference: end -->\n"
PAGES = {
    "rules.md": rule_tables,
    "metrics.md": metric_tables,
    "api-reference.md": operations,
    "commands.md": command_tables,
    "settings.md": setting_tables,
    "database.md": database_tables,
}


def main() -> int:
    """Write or check every page; 0 when all of them are current afterwards."""
    only_check = "--check" in sys.argv[1:]
    stale = [name for name, written in PAGES.items() if not _is_current(DOCS / name, written(), only_check)]
    if not only_check:
        draw_missing(DOCS)
        freeze_new_fields()
    stale += stale_pictures(DOCS)
    for name in stale:
        print(f"docs/{name} differs from the code; run: python -m scripts.reference", file=sys.stderr)
    return 1 if stale else 0


def _is_current(path: Path, written: str, only_check: bool) -> bool:
    """Whether a page has this part, which is written into it first unless `only_check`."""
    page = path.read_text(encoding="utf-8")
    head, rest = page.split(START)
    wanted = f"{head}{START}\n{written}\n{END}{rest.split(END)[1]}"
    if not only_check:
        path.write_text(wanted, encoding="utf-8")
    return page == wanted or not only_check


if __name__ == "__main__":
    raise SystemExit(main())
