"""The rotations of two pages, run by their commands: they print what the pages say."""

import re
from itertools import pairwise
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from tests.services.jobs import run_all
from tests.services.studies import work_through
from tests.sweep.test_command_line import run

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    (ROOT / "docs" / name).read_text("utf-8").partition("## Rotation")[2]
    for name in ("portfolios.md", "more-series.md")
]
COMMANDS = re.findall(
    r"bulk_submit.py (\w+) (\S+)\n```\n\n```output\n(.*?)```", "".join(PAGES), re.DOTALL
)


def printed(base_url: str, app: Flask, command: str, file: str) -> str:
    """Output of a command whose Jobs are done in this process."""
    detached = run(base_url, command, ROOT / file, "--detach")
    assert detached.returncode == 0, detached.stderr
    engine = app.extensions["platform"].engine
    if command == "study":
        work_through(engine, detached.stdout.strip())
    run_all(engine)
    return str(run(base_url, command, ROOT / file).stdout)


def test_the_examples_print_what_the_pages_say(
    app: Flask, client: FlaskClient, base_url: str
) -> None:
    commands = [command for command, *_ in COMMANDS]
    assert commands == ["portfolio", "submit", "study", "portfolio", "study"]
    outputs: dict[str, str] = {}
    for command, file, expected in COMMANDS:
        if file not in outputs:
            outputs[file] = printed(base_url, app, command, file)
        output = outputs[file]

        rows = [line.split() for line in output.splitlines()]
        for line in expected.splitlines():
            words = line.split()
            assert any(words == row[: len(words)] for row in rows), (line, output)


def test_a_batch_of_portfolios_is_ranked_by_its_sharpe_ratio(
    app: Flask, client: FlaskClient, base_url: str
) -> None:
    output = printed(base_url, app, "submit", "docs/examples/rotations.yaml")

    ratios = [float(each) for each in re.findall(r"n = \d+ +(-?[\d.]+)", output)]
    assert len(ratios) == 8, output
    assert all(a >= b for a, b in pairwise(ratios))
