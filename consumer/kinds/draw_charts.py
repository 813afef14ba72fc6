"""`python -m consumer.kinds.draw_charts <run_id>`: draw and store the charts that a completed run lacks.

Exit code 0: all charts are stored. 1: the run or its prices do not exist, or the run has not completed.
"""

import logging
import sys
from contextlib import suppress

from sqlalchemy import Engine

from adapters.charts.render import render_charts
from adapters.database import committed, connect_database, reading
from adapters.database_errors import DuplicateKey
from adapters.logs import run_program
from adapters.prices.store import PriceStore
from adapters.runs.queries import chart_pngs, run_row
from adapters.runs.series import run_bars
from adapters.runs.states import save_charts
from adapters.settings import Settings
from contracts.errors import Conflict, PlatformError
from contracts.run_result import CHART_NAMES
from contracts.status import RunStatus

log = logging.getLogger(__name__)


def draw_charts(engine: Engine, run_id: str) -> None:
    """Draw and store the charts that a completed run lacks; PlatformError where that is impossible."""
    with reading(engine) as connection:
        row = run_row(connection, run_id)
        if row["status"] != RunStatus.SUCCEEDED:
            raise Conflict(f"run {run_id} has not completed, so there is nothing to draw")
        stored = chart_pngs(connection, run_id)
    if stored.keys() >= {*CHART_NAMES}:
        return
    drawn = render_charts(run_bars(row, PriceStore(engine).bars))
    charts = {name: png for name, png in drawn.items() if name not in stored}
    with suppress(DuplicateKey):  # another process has stored the same charts
        committed(engine, lambda connection: save_charts(connection, run_id, charts))


def main() -> int:
    """Draw the charts of the run that the command line names."""
    return run_program("charts", _draw)


def _draw(settings: Settings) -> int:
    try:
        draw_charts(connect_database(settings.database_url), sys.argv[1])
    except PlatformError as error:
        log.warning("charts_not_drawn reason=%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
