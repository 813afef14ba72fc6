"""The leader takes a study from state to state; whatever is repeated or comes too late changes nothing."""

import subprocess
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.plan_tables import plans
from adapters.plans.store import plan_row
from adapters.plans.study import study_of
from adapters.tables import runs, screens
from consumer.leader import studies as module
from consumer.leader.studies import MAX_JUDGEMENTS
from consumer.leader.verdict import store
from contracts.status import PlanKind
from contracts.study import TRAINED_AT_ONCE, StudyStatus
from tests.services.finished_runs import break_down
from tests.services.jobs import run_all
from tests.services.studies import GRID, complete, leader, state_of, submit_study


def recorded(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(select(runs.c.run_id).order_by(runs.c.id)).scalars())


def column(engine: Engine, name: str) -> Any:
    with reading(engine) as connection:
        return connection.execute(select(plans.c[name])).scalar_one()


def test_a_walk_forward_goes_from_state_to_state(client: FlaskClient, engine: Engine) -> None:
    study_id, leading = submit_study(client), leader(engine)
    seen = []
    while state_of(engine, study_id) is not StudyStatus.JUDGING:
        leading.advance()
        seen.append((state_of(engine, study_id).public, run_all(engine)))

    assert seen == [("training", 4), ("testing", 4), ("judging", 0)]


def test_steps_wait_until_all_runs_have_ended(client: FlaskClient, engine: Engine) -> None:
    study_id, leading = submit_study(client), leader(engine)
    for _ in range(3):
        leading.advance()

    assert state_of(engine, study_id) is StudyStatus.TRAINING
    assert len(recorded(engine)) == 4


def test_a_step_of_a_leader_that_comes_too_late_changes_nothing(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id = submit_study(client)
    with reading(engine) as connection:
        stale = study_of(plan_row(connection, PlanKind.STUDY, study_id))
    for _ in range(2):
        leader(engine).advance()
        run_all(engine)

    with monkeypatch.context() as patched:
        patched.setattr(module, "study_of", lambda row: stale)  # it was read before all that
        leader(engine).advance()

    assert state_of(engine, study_id) is StudyStatus.TESTING
    assert len(recorded(engine)) == 4 + 4


def test_a_crash_between_state_and_runs_leaves_neither(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id = submit_study(client)

    def crash(*arguments: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patched, pytest.raises(SystemExit):
        patched.setattr(module, "insert_runs", crash)
        leader(engine).advance()

    assert (state_of(engine, study_id), recorded(engine)) == (StudyStatus.ACCEPTED, [])
    leader(engine).advance()
    assert (state_of(engine, study_id), len(recorded(engine))) == (StudyStatus.TRAINING, 4)


def test_a_test_part_that_is_a_later_training_part_is_a_job_of_each(
    client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, train_days=365, test_days=365, combinations=GRID[:1])

    assert study["runs"] == {"training": 5, "test": 5}
    assert study["counts"]["completed"] == 10


def test_the_holdout_runs_only_what_was_chosen_and_only_after_the_choice(
    client: FlaskClient, engine: Engine
) -> None:
    study_id, leading = (
        submit_study(client, kind="holdout", holdout_share=0.25, chosen=2),
        leader(engine),
    )
    leading.advance()
    split = client.get(f"/api/studies/{study_id}").json["windows"][0]["test"][0]
    with reading(engine) as connection:
        requests = connection.execute(select(runs.c.request_json)).scalars().all()
    assert not any(split in request for request in requests)
    run_all(engine)
    leading.advance()

    assert run_all(engine) == 2


def test_combinations_of_a_failed_job_are_counted_and_never_chosen(
    client: FlaskClient, engine: Engine
) -> None:
    many = [{"fast": fast, "slow": slow} for fast in range(2, 17) for slow in range(30, 40)]
    study_id, leading = submit_study(client, kind="selection", combinations=many), leader(engine)
    leading.advance()
    broken, _ = recorded(engine)
    break_down(engine, broken)
    run_all(engine)
    for _ in range(2):
        leading.advance()

    choice = client.get(f"/api/studies/{study_id}").json["choices"][0]
    assert (choice["failed"], choice["eligible"]) == (TRAINED_AT_ONCE, 50)
    assert choice["chosen"][0]["place"] >= TRAINED_AT_ONCE


def test_a_second_verdict_is_not_stored(client: FlaskClient, engine: Engine) -> None:
    study = complete(client, engine, kind="selection")
    with reading(engine) as connection:
        judged = study_of(plan_row(connection, PlanKind.STUDY, study["study_id"]))

    # as by a process that was started before the first one was done
    store(engine, replace(judged, status=StudyStatus.JUDGING), {"outcome": "", "sentence": ""})

    assert client.get(f"/api/studies/{study['study_id']}").json == study


def test_a_cancelled_study_stays_so_and_its_runs_with_it(
    client: FlaskClient, engine: Engine
) -> None:
    study_id, leading = submit_study(client), leader(engine)
    leading.advance()

    answer = client.post(f"/api/studies/{study_id}/cancel")

    assert answer.json["cancelled"] == 4
    leading.advance()
    assert state_of(engine, study_id) is StudyStatus.CANCELLED
    assert run_all(engine) == 0
    assert client.post(f"/api/studies/{study_id}/cancel").status_code == 409


def test_a_fault_ends_its_study_alone(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = submit_study(client, name="bad"), submit_study(client, name="good")
    original = module.search_jobs

    def failing(study: Any, *arguments: Any) -> Any:
        if study.plan.request.name == "bad":
            raise KeyError("a fault")
        return original(study, *arguments)

    monkeypatch.setattr(module, "search_jobs", failing)
    leader(engine).advance()

    assert state_of(engine, bad) is StudyStatus.FAILED
    assert state_of(engine, good) is StudyStatus.TRAINING
    assert "internal error: KeyError" in client.get(f"/api/studies/{bad}").json["sentence"]


class _Dead:
    """A process that has died."""

    pid = 0

    def poll(self) -> int:
        return -9


def test_a_judge_that_always_dies_ends_the_study(
    client: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    study_id, leading = (
        submit_study(client, kind="selection", combinations=GRID[:1]),
        leader(engine),
    )
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda command: started.append(command) or _Dead())
    for _ in range(15):
        leading.advance()
        run_all(engine)

    assert state_of(engine, study_id) is StudyStatus.FAILED
    assert len(started) == column(engine, "starts") == MAX_JUDGEMENTS
    assert f"died {MAX_JUDGEMENTS} times" in column(engine, "sentence")


def test_the_same_plan_means_the_same_runs(client: FlaskClient, engine: Engine) -> None:
    submit_study(client, combinations=GRID[:2])
    leader(engine).advance()
    first = recorded(engine)
    with engine.begin() as connection:  # as if the transaction had been lost
        connection.execute(screens.delete())
        connection.execute(runs.delete())
        connection.execute(plans.update().values(status=StudyStatus.ACCEPTED))
    leader(engine).advance()

    assert recorded(engine) == first
