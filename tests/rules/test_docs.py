"""The page about rules says what the catalog says, and its examples print what it shows."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"


def test_the_tables_of_rules_and_metrics_are_the_catalogs():
    check = subprocess.run(
        [sys.executable, "-m", "scripts.catalog_tables", "--check"], cwd=ROOT, capture_output=True, text=True
    )

    assert check.returncode == 0, check.stderr


def test_the_examples_print_what_the_page_shows():
    examples = re.findall(r"```python\n(.*?)```\n\n```output\n(.*?)```", PAGE.read_text(), re.DOTALL)
    namespace = {}

    for code, output in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # noqa: S102 - our own page
        assert printed.getvalue() == output

    assert len(examples) == 7
