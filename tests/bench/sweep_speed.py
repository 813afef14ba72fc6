"""A sweep of 1,000 runs as a user sees it: `bulk_submit.py submit` until the leaderboard, on SQLite and on MariaDB.

Web tier, scaler and reconciler run as `make run` starts them, with the scaler's default number of processes. The peers
do the same 1,000 pairs of moving averages in memory, and keep nothing.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench.engine_speed import peers
from tests.bench.services import DATABASES, cores, platform, row

BUDGET_S = 45  # on two cores; fewer on more
ROOT = Path(__file__).resolve().parents[2]
SWEEP = """
name: 1,000 pairs
base: {ticker: AAPL, start_date: 2000-03-01, end_date: 2013-03-01, rule_type: MA_CROSS}
parameters:
  fast: {min: 2, max: 21, step: 1}
  slow: {min: 22, max: 71, step: 1}
"""


def main() -> None:
    """Print the rows as one line of JSON."""
    seconds = {database: sweep_s(database) for database in DATABASES}
    print(
        json.dumps(
            [
                each
                for database in seconds
                for each in rows_of(database, seconds[database], peers("sweep"))
            ]
        )
    )


def rows_of(database: str, ours: float, peer_ms: dict[str, float]) -> list[dict[str, Any]]:
    """Seconds of the sweep, with those of the peers and the budget."""
    what = f"sweep of 1,000 runs, {database}, {cores()} cores: submission to leaderboard"
    budget = row(
        what,
        ours,
        "s",
        BUDGET_S * 2 / cores(),
        budget="<= 1",
        note="reference: the budget for these cores",
    )
    return [
        budget,
        *(row("", ours, "s", ms / 1e3, note=f"against {name}") for name, ms in peer_ms.items()),
    ]


def sweep_s(database: str) -> float:
    """Seconds of one command, from its start to its end."""
    with platform(web_processes=2, database=database) as running:
        running.programs.start("consumer.reconciler")
        scaler = running.programs.start("consumer.local_scaler", LOG_LEVEL="INFO")
        scaler.wait_for_line("template_ready")
        sweep = Path(running.programs.environ["TMPDIR"]) / "sweep.yaml"
        sweep.write_text(SWEEP)
        command = [
            sys.executable,
            "scripts/bulk_submit.py",
            "submit",
            str(sweep),
            "--url",
            running.base_url,
        ]
        began = time.perf_counter()
        finished = subprocess.run(
            command, cwd=ROOT, env=dict(os.environ), check=True, stdout=subprocess.PIPE
        )
        seconds = time.perf_counter() - began
        assert finished.stdout.count(b"\n") > 20, finished.stdout
        return seconds


if __name__ == "__main__":
    main()
