"""The commands of the page about receipts print what it shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.services.live_web import served
from tests.services.processes import PROJECT_ROOT, Programs

PAGE = (PROJECT_ROOT / "docs" / "receipts.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|output)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Database of `make run`: SQLite."""
    return sqlite_url


def test_its_commands_print_what_it_shows(app: Flask, programs: Programs, tmp_path: Path) -> None:
    programs.start("consumer.local_scaler")
    blocks = BLOCK.findall(PAGE)
    outputs = [text for kind, text in blocks if kind == "output"]
    with served(app) as url:
        lines = ["set -e"]
        for kind, text in blocks:
            lines.append(text if kind == "sh" else "echo ---")
        script = "\n".join(lines).replace("http://127.0.0.1:5000", url)
        script = script.replace(
            ".venv/bin/python scripts", f"{sys.executable} {PROJECT_ROOT}/scripts"
        )
        script = script.replace("python -I", f"{sys.executable} -I")

        printed = subprocess.run(
            ["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=300
        )

    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.split("---\n")[: len(outputs)] == outputs
