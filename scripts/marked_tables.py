"""Tables that a page takes from a catalog: they stand between two marker lines, and the text around them stays."""

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def renew(page_name: str, tables: str, command: str) -> int:
    """Write the tables into the page and return 0; with --check write nothing, and return 1 if it has others."""
    page = DOCS / page_name
    start, end = "<!-- catalog: start -->\n", "<!-- catalog: end -->\n"
    head, rest = page.read_text().split(start)
    wanted = f"{head}{start}\n{tables}\n{end}{rest.split(end)[1]}"
    if "--check" not in sys.argv[1:]:
        page.write_text(wanted)
    elif page.read_text() != wanted:
        print(f"docs/{page_name} differs from the catalog; run: {command}", file=sys.stderr)
        return 1
    return 0
