"""The README's commands, followed to the letter."""

import contextlib
import io
import json
import re
import subprocess

import pytest
from flask import Flask

from tests.services.live_web import served
from tests.services.processes import PROJECT_ROOT, Programs

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Database of `make run`: SQLite."""
    return sqlite_url


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_its_run_and_its_own_rule_give_results(app: Flask, programs: Programs) -> None:
    programs.start("consumer.local_scaler")
    [curl] = [block for block in blocks("sh") if block.startswith("curl")]
    [code] = blocks("python")
    printed = io.StringIO()

    with served(app) as url:
        answered = subprocess.check_output(
            ["sh", "-c", curl.replace("http://127.0.0.1:5000", url)]
        )
        with contextlib.chdir(PROJECT_ROOT), contextlib.redirect_stdout(printed):
            exec(code.replace("http://127.0.0.1:5000", url), {})  # noqa: S102 - our own page

    assert json.loads(answered).keys() >= {"run_id", "status_url", "result_url"}
    assert -2 < float(printed.getvalue()) < 2
