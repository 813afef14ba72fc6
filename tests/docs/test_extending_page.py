"""docs/extending.md, followed to the letter in a copy of the project."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.kernel.test_packages import PACKAGES
from tests.services.processes import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "extending.md"


def blocks(language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )


def run(folder: Path, *command: str, text: str | None = None) -> str:
    finished = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def test_a_rule_is_added_as_the_page_says(tmp_path: Path) -> None:
    for folder in (*PACKAGES, "data", "docs"):
        shutil.copytree(
            PROJECT_ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(PROJECT_ROOT / ".env.example", tmp_path)
    module, check = blocks("python")
    [change], [command], [printed] = blocks("diff"), blocks("sh"), blocks("output")

    (tmp_path / "rules" / "streaks.py").write_text(module, encoding="utf-8")
    run(tmp_path, "git", "apply", "--unidiff-zero", "-", text=change)
    run(tmp_path, sys.executable, *command.split()[1:])

    assert run(tmp_path, sys.executable, "-c", check) == printed
    assert "### STREAK: Streak of closes" in (tmp_path / "docs" / "rules.md").read_text(
        encoding="utf-8"
    )
