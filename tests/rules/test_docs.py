"""The pages about rules and engine say what the catalog says, and their examples print what they show."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_what_is_written_from_code_is_current():
    check = subprocess.run(
        [sys.executable, "-m", "scripts.reference", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize(
    ("page", "count"), [("rules.md", 6), ("engine.md", 2), ("more-series.md", 5)]
)
def test_the_examples_print_what_the_page_shows(page, count):
    text = (ROOT / "docs" / page).read_text()
    examples = re.findall(r"```python\n(.*?)```\n\n```output\n(.*?)```", text, re.DOTALL)
    namespace = {}

    for code, output in examples:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)  # noqa: S102 - our own page
        assert printed.getvalue() == output

    assert len(examples) == count
