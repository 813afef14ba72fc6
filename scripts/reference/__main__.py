"""`python -m scripts.reference`: regenerate parts of docs/, pictures of rules, and schemas of new contract fields.

In docs/ a generated part is between two marker lines; its template is in templates/, and the text around it is not
changed. With --check nothing is written, and the exit code is 1 when a part differs.
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
from docs.tools.rule_pictures import draw_missing, stale_pictures
from rules import catalog, language
from scripts.reference.pages import commands, operations, sections, tables
from web.documents.openapi import (
    portfolio_schema,
    request_schema,
    result_schema,
    sweep_schema,
)

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
    """Write or check every page; return 0 when all of them are current afterwards."""
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
    """Write the generated part of a page, unless `only_check`; return whether the page is current."""
    path = DOCS / name
    page = path.read_text("utf-8")
    head, rest = page.split(START)
    current = f"{head}{START}\n{rendered(name, PAGES[name]())}\n\n{END}{rest.split(END)[1]}"
    if not only_check:
        path.write_text(current, "utf-8")
    return page == current or not only_check


def rendered(template: str, values: Values) -> str:
    """Render a template with values; several empty lines become one."""
    return re.sub(r"\n{3,}", "\n\n", _TEMPLATES.get_template(template).render(values)).strip()


def _cell(text: str) -> str:
    """Escape characters that have a meaning in Markdown."""
    return str(text).replace("|", "\\|").replace("<", "&lt;")


_TEMPLATES.filters |= {
    "cell": _cell,
    "json": json.dumps,  # jinja's own is for HTML
    "short": lambda number: "" if number is None else f"{number:g}",
}


def freeze_new_fields() -> None:
    """Add new fields of the contracts, and new parts of the result, to their frozen schemas; existing ones stay."""
    schemas = {
        "run_request": request_schema(),
        "run_result": result_schema(),
        "sweep": sweep_schema(),
        "portfolio_request": portfolio_schema(),
    }
    for name, now in schemas.items():
        path = PROJECT_ROOT / f"contracts/{name}.schema.json"
        frozen = json.loads(path.read_text("utf-8"))
        for group in frozen.keys() & {"properties", "$defs"}:
            # new ones at the end, existing ones unchanged
            frozen[group] = frozen[group] | now[group] | frozen[group]
        path.write_text(json.dumps(frozen, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
