"""Studies worked off inside the test process: the leader's steps, their runs and the verdict, without waiting."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.plans.store import plan_row
from adapters.plans.study import study_of
from consumer.leader.lead import Plans
from consumer.leader.verdict import judge, store
from contracts.status import PlanKind
from contracts.study import StudyStatus
from tests.services.jobs import run_all

BASE = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2003-01-01",
    "end_date": "2008-12-31",
    "size_type": "percent",
    "position_size": 100,
}
GRID = [{"fast": fast, "slow": slow} for fast in (5, 10, 20) for slow in (50, 100)]
WALK_FORWARD = {
    "kind": "walk_forward",
    "base": BASE,
    "combinations": GRID,
    "train_days": 730,
    "test_days": 365,
}


def submit_study(client: FlaskClient, **changes: Any) -> str:
    """The id of a new study."""
    answer = client.post("/api/studies", json=WALK_FORWARD | changes)
    assert answer.status_code == 202, answer.text
    return str(answer.json["study_id"])


def leader(engine: Engine) -> Plans:
    """The leader's plans, without messages and without a process for verdicts."""
    return Plans(engine, lambda run_ids: None)


def state_of(engine: Engine, study_id: str) -> StudyStatus:
    """The state of a study."""
    with reading(engine) as connection:
        return study_of(plan_row(connection, PlanKind.STUDY, study_id)).status


def judge_here(engine: Engine, study_id: str) -> dict[str, Any]:
    """The verdict, computed and stored as the verdict's process does it."""
    with reading(engine) as connection:
        study = study_of(plan_row(connection, PlanKind.STUDY, study_id))
    verdict = judge(engine, study)
    store(engine, study, verdict)
    return verdict


def work_through(engine: Engine, study_id: str) -> None:
    """Take a study to its verdict."""
    studies = leader(engine)
    while state_of(engine, study_id) is not StudyStatus.JUDGING:
        studies.advance()
        run_all(engine)
    judge_here(engine, study_id)


def run_training_part(
    client: FlaskClient, engine: Engine, study: dict[str, Any], number: int
) -> list[str]:
    """Run every combination of a study on the training part of one window; the ids in the order of the plan."""
    request = study["request"]
    start, end = study["windows"][number]["train"]
    base = {name: value for name, value in request["base"].items() if value is not None}
    base |= {"start_date": start, "end_date": end, "charts": False}
    del base["data_hash"]
    requests = [base | {"params": params} for params in request["combinations"]]
    answer = client.post("/api/runs/bulk", json=requests)
    assert answer.status_code == 202, answer.text
    run_all(engine)
    run_ids: list[str] = answer.json["run_ids"]
    return run_ids


def complete(client: FlaskClient, engine: Engine, **changes: Any) -> dict[str, Any]:
    """A study from its submission to its end, as the API shows it."""
    study_id = submit_study(client, **changes)
    work_through(engine, study_id)
    study: dict[str, Any] = client.get(f"/api/studies/{study_id}").json
    return study
