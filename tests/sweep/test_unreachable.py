"""Exit codes of scripts/bulk_submit.py that need no platform."""

import subprocess
import sys
from pathlib import Path

from scripts.sweep import client
from scripts.sweep.faults import EXIT_UNREACHABLE
from tests.services.ports import free_port
from tests.services.processes import PROJECT_ROOT

PROGRAM = PROJECT_ROOT / "scripts" / "bulk_submit.py"


def test_a_platform_that_is_away_is_exit_code_3() -> None:
    quick = (
        "import sys; sys.path.insert(0, '.'); from scripts.sweep import client; client.FIRST_PAUSE_S = 0.01; "
        "from scripts import bulk_submit; sys.exit(bulk_submit.main(sys.argv[1:]))"
    )
    example = "docs/examples/runs.csv"
    url = f"http://127.0.0.1:{free_port()}"

    ended = subprocess.run(
        [sys.executable, "-c", quick, "plan", example, "--url", url],
        cwd=PROJECT_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert ended.returncode == EXIT_UNREACHABLE == 3
    assert ended.stderr.count("trying again") == client.TRIES - 1
    assert f"{url} cannot be reached" in ended.stderr.splitlines()[-1]


def test_a_bad_file_is_exit_code_2_before_anything_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("name: x\n", encoding="utf-8")

    ended = subprocess.run([sys.executable, PROGRAM, "submit", path], capture_output=True, text=True)

    assert ended.returncode == 2
    assert ended.stderr.startswith("line 1: base: a mapping of what all runs share is expected: ticker, ")


def test_help_shows_examples() -> None:
    shown = subprocess.run([sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True)

    assert "examples:" in shown.stdout
    assert "bulk_submit.py submit docs/examples/rsi.yaml" in shown.stdout
