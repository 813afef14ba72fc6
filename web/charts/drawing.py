"""PNG charts of a run; a short-lived process draws missing ones, since web loads no Matplotlib.

A Job draws them right after its result is recorded. They are missing for a moment then, permanently when the Job was
killed in between, and for runs that were submitted without charts.
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from threading import BoundedSemaphore

from sqlalchemy import RowMapping

from adapters.runs.queries import chart_pngs
from adapters.settings import PROJECT_ROOT, environment_with
from contracts.errors import DrawingUnavailable
from contracts.run_result import CHART_NAMES
from web.app import ask_database, platform

DRAWING_S = 30.0  # usually 1 s, 3 s for a million bars; then the process is killed
JOB_DRAWS_S = 3.0  # after the end of a run its Job may still draw for so long
LOOK_EVERY_S = 0.05
_drawers = BoundedSemaphore(2)  # of this web process; each takes about 120 MB


def pictures(row: RowMapping) -> dict[str, bytes]:
    """Return the charts of a run by name, drawing missing ones; none before it has completed or without its series.

    DrawingUnavailable when too many others are being drawn, or it takes too long.
    """
    if row["equity_curve_json"] is None:
        return {}
    patience = time.monotonic() + _wait_s(row)
    # a run drawn by an earlier release lacks newer charts
    while {*CHART_NAMES} - (stored := ask_database(chart_pngs, row["run_id"])).keys():
        if time.monotonic() >= patience:
            _draw(row["run_id"])
            return ask_database(chart_pngs, row["run_id"])
        time.sleep(LOOK_EVERY_S)
    return stored


def _wait_s(row: RowMapping) -> float:
    """Return for how many seconds the run's Job may still be drawing, by the clock of this machine."""
    if not json.loads(row["request_json"])["charts"]:
        return 0.0
    ended: datetime = row["completed_at"]
    return JOB_DRAWS_S - (datetime.now(UTC).replace(tzinfo=None) - ended).total_seconds()


def _draw(run_id: str) -> None:
    """Draw and store the charts in a separate process; what it cannot draw stays missing."""
    if not _drawers.acquire(timeout=DRAWING_S):
        raise DrawingUnavailable("too many charts are being drawn; try again in a moment")
    try:
        command = [sys.executable, "-m", "consumer.kinds.draw_charts", run_id]
        environment = environment_with({"DATABASE_URL": platform().settings.database_url})
        subprocess.run(command, cwd=PROJECT_ROOT, env=environment, check=False, timeout=DRAWING_S)
    except subprocess.TimeoutExpired:
        raise DrawingUnavailable(f"the charts took longer than {DRAWING_S:.0f} s") from None
    finally:
        _drawers.release()
