"""`python -m consumer.study_verdict <study_id>`: judge a study whose runs have ended, and store the verdict once.

The reconciler's leader starts it. It may be killed and started again at any point: what it computes follows from the
runs and the study's seed, and only the first verdict is kept. 0 when there is one afterwards.
"""

import json
import logging
import sys
from functools import partial
from typing import Any

from sqlalchemy.engine import Connection, Engine

from adapters.logs import configure_logging
from adapters.settings import load_settings
from adapters.store.database import connect_database, reading
from adapters.store.studies import Study, move, result_of, study_of, study_row
from adapters.studies.path import RunData, run_data
from adapters.studies.verdict import verdict_of
from consumer.persistence import persist
from consumer.study_runs import training_runs
from contracts.study import StudyStatus

log = logging.getLogger("consumer.study_verdict")

PATIENCE_S = 60.0  # for a database that is away when the verdict is ready; the leader starts another process later


def main() -> int:
    """Judge the study that the command line names."""
    settings = load_settings()
    configure_logging(settings, role="verdict")
    engine = connect_database(settings.database_url, pool_size=1)
    with reading(engine) as connection:
        study = study_of(study_row(connection, sys.argv[1]))
    if study.status is StudyStatus.JUDGING:
        store(engine, study, judge(engine, study))
    return 0


def judge(engine: Engine, study: Study) -> dict[str, Any]:
    """The verdict of a study whose choices are made and whose runs have ended."""
    training = [training_runs(study, window.train) for window in study.plan.windows]
    load = partial(_loaded, engine, study.plan.request.base["initial_capital"])
    return verdict_of(study.plan, study.choices or [], training, load)


def _loaded(engine: Engine, capital: float, run_id: str) -> RunData | None:
    with reading(engine) as connection:  # not one for all: a server drops those that are silent during the statistics
        row = result_of(connection, run_id)
    return run_data(row, capital) if row else None


def store(engine: Engine, study: Study, verdict: dict[str, Any]) -> None:
    """Complete the study with its verdict, unless it has one."""
    columns = {"outcome": verdict["outcome"], "sentence": verdict["sentence"]}
    text = json.dumps(verdict, ensure_ascii=False, allow_nan=False)

    def write(connection: Connection) -> bool:
        end = (StudyStatus.JUDGING, StudyStatus.COMPLETED)
        return move(connection, study.study_id, *end, **columns, verdict_json=text)

    is_first = persist(engine, write, PATIENCE_S)
    log.info("study_judged study_id=%s outcome=%s stored=%s", study.study_id, verdict["outcome"], is_first)


if __name__ == "__main__":
    sys.exit(main())
