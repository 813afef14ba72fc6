"""`python -m scripts.reference`: write what follows from code: parts of docs/, pictures of rules, new contract fields.

In docs/ they are between two marker lines, and the text around them stays; what is in between is in templates/. With
--check nothing is written; 1 when one differs.
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from adapters.metrics.table import METRICS
from adapters.settings import PROJECT_ROOT
from contracts.values import Values
from rules import catalog, language
from scripts.reference.api import operations
from scripts.reference.commands import commands
from scripts.reference.contract import freeze_new_fields
from scripts.reference.database import tables
from scripts.reference.pictures import draw_missing, stale_pictures
from scripts.reference.settings import sections

DOCS = PROJECT_ROOT / "docs"
START, END = (
    "<!-- written by scripts.reference: start -->\n",
    "<!-- written by scripts.reference: end -->\n",
)
PAGES: dict[str, Callable[[], Values]] = {
    "rules.md": lambda: vars(catalog) | vars(language),
    "metrics.md": lambda: {"metrics": METRICS},
    "api-reference.md": operations,
    "commands.md": lambda: {"commands": commands()},
    "settings.md": lambda: {"sections": sections()},
    "database.md": lambda: {"tables": tables()},
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=ChainableUndefined,  # a schema may lack any of its parts
    trim_blocks=True,
    lstrip_blocks=True,
)


def main() -> int:
    """Write or check every page; 0 when all of them are current afterwards."""
    only_check = "--check" in sys.argv[1:]
    stale = [name for name in PAGES if not _is_current(name, only_check)]
    if not only_check:
        draw_missing(DOCS)
        freeze_new_fields()
    stale += stale_pictures(DOCS)
    for name in stale:
        print(
            f"docs/{name} differs from the code; run: python -m scripts.reference",
            file=sys.stderr,
        )
    return 1 if stale else 0


def _is_current(name: str, only_check: bool) -> bool:
    """Whether a page has its written part, which is written into it first unless `only_check`."""
    path = DOCS / name
    page = path.read_text("utf-8")
    head, rest = page.split(START)
    wanted = f"{head}{START}\n{rendered(name, PAGES[name]())}\n\n{END}{rest.split(END)[1]}"
    if not only_check:
        path.write_text(wanted, "utf-8")
    return page == wanted or not only_check


def rendered(template: str, values: Values) -> str:
    """The template with these values; where its conditions leave several empty lines, there is one."""
    return re.sub(r"\n{3,}", "\n\n", _TEMPLATES.get_template(template).render(values)).strip()


def _cell(text: str) -> str:
    """A text that may have signs which Markdown would take for its own."""
    return str(text).replace("|", "\\|").replace("<", "&lt;")


_TEMPLATES.filters |= {
    "cell": _cell,
    "json": json.dumps,  # jinja's own is for HTML
    "short": lambda number: "" if number is None else f"{number:g}",
}


if __name__ == "__main__":
    raise SystemExit(main())
