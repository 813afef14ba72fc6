"""Run the benchmarks and write docs/benchmarks.md; `--subject engine` renews one section and keeps the others.

A subject is a file `<subject>_speed.py` in this folder whose `main()` prints a JSON list of rows {what, ours,
reference, ratio, budget, unit, note}: a measurement of ours, that of the reference in the same run, and a budget for
the ratio such as ">= 25". Every subject runs in a process of its own. With TEST_MYSQL, which names a folder with MySQL
(CONTRIBUTING.md), the section is one of its own, "Submit on MySQL".
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.subject import exit_on_sigterm
from tests.services.mariadb_server import TEST_MYSQL

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    """Run the named subjects, or all, and write the page after each."""
    subjects = sorted(
        path.name.removesuffix("_speed.py") for path in Path(__file__).parent.glob("*_speed.py")
    )
    parser = argparse.ArgumentParser(
        description="run the benchmarks and write docs/benchmarks.md"
    )
    parser.add_argument(
        "--subject", choices=subjects, help="only this one; the other sections stay"
    )
    chosen = parser.parse_args().subject
    exit_on_sigterm()
    for subject in [chosen] if chosen else subjects:
        rows = measure(subject)
        write_section(subject, rows)
        print(table(rows))


def measure(subject: str) -> list[dict[str, Any]]:
    """The rows that the subject's program prints; its last line of output is the JSON."""
    command = [sys.executable, "-m", "tests.bench.subject", subject]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'scripts'}",
        "OPENBLAS_NUM_THREADS": "1",
    }
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        try:
            output, _ = process.communicate()
        except SystemExit:  # a Ctrl-C reaches the subject without our help
            process.terminate()
            raise
    if process.returncode:
        raise SystemExit(f"{subject}: exit code {process.returncode}")
    rows: list[dict[str, Any]] = json.loads(output.splitlines()[-1])
    return rows


def write_section(subject: str, rows: list[dict[str, Any]]) -> None:
    """Put the subject's section into the page, in the place of its last one or at the end."""
    heading = f"## {subject.capitalize()}{' on MySQL' if TEST_MYSQL else ''}\n"
    section = f"{heading}\n{machine()}\n\n{table(rows)}\n"
    page = PAGE.read_text()
    old = re.compile(rf"^{heading}.*?(?=^## |\Z)", re.DOTALL | re.MULTILINE)
    page, replaced = old.subn(lambda _: f"{section}\n", page)
    PAGE.write_text((page if replaced else f"{page.rstrip()}\n\n{section}").rstrip() + "\n")


def machine() -> str:
    """When and where the section was measured."""
    today = datetime.now(UTC).date().isoformat()
    cores = os.cpu_count()
    return f"{today}, {processor()}, {cores} cores, {platform.system()}, Python {platform.python_version()}."


def processor() -> str:
    """The CPU's own name where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = (
        re.findall(r"^model name\s*: (.*)$", info.read_text(), re.MULTILINE)
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor() or platform.machine()


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | reference | ratio | budget | |", "|---|---|---|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(cells(row))} |" for row in rows])


def cells(row: dict[str, Any]) -> list[str]:
    """One row's cells; a budget that is missed says so."""
    met = within(row["ratio"], row["budget"])
    budget = row["budget"] if met is not False else f"{row['budget']} **missed**"
    return [
        row["what"],
        quantity(row["ours"], row["unit"]),
        quantity(row["reference"], row["unit"]),
        "" if row["ratio"] is None else f"{row['ratio']:.3g}",
        budget or "",
        row["note"] or "",
    ]


def quantity(value: float | None, unit: str) -> str:
    """A number with its unit at three significant digits."""
    if value is None:
        return ""
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def within(ratio: float | None, budget: str | None) -> bool | None:
    """Return whether the ratio is within a budget such as ">= 25" or "<= 1.25"; None without one."""
    if ratio is None or not budget:
        return None
    comparison, bound = budget.split()
    return ratio >= float(bound) if comparison == ">=" else ratio <= float(bound)


if __name__ == "__main__":
    main()
