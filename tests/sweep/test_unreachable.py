"""Ends of scripts/bulk_submit.py that need no platform."""

import subprocess
import sys
import time

from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT

PROGRAM = "scripts/bulk_submit.py"


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, PROGRAM, *arguments]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_a_platform_that_is_away_is_exit_code_3_within_seconds() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    start = time.monotonic()

    ended = run("plan", "docs/examples/runs.csv", "--url", url)

    # of which 3 are the client's
    assert (ended.returncode, time.monotonic() - start < 20) == (3, True)
    assert "trying again" in ended.stderr
    assert f"{url} cannot be reached" in ended.stderr.splitlines()[-1]


def test_a_wrong_address_is_exit_code_2() -> None:
    ended = run("plan", "docs/examples/runs.csv", "--url", "127.0.0.1:5000")

    assert (ended.returncode, "does not begin with http://" in ended.stderr) == (2, True)


def test_help_shows_examples_that_can_be_called_so() -> None:
    help_text = run("--help").stdout

    assert "examples:" in help_text
    assert f"{sys.executable} scripts/bulk_submit.py submit docs/examples/rsi.yaml" in help_text
