"""A study on the real platform, by its own processes."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.services.processes import Programs
from tests.services.studies import GRID, submit_study
from tests.services.waiting import wait_until


def ended(client: FlaskClient, study_id: str) -> dict[str, Any] | None:
    study: dict[str, Any] = client.get(f"/api/studies/{study_id}").json
    return study if study["completed_at"] else None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_walk_forward_goes_through_by_itself(client: FlaskClient, programs: Programs) -> None:
    study_id = submit_study(client, combinations=GRID[:2], test_days=700)
    programs.start("consumer.reconciler")
    programs.start("consumer.local_scaler")

    study = wait_until(lambda: ended(client, study_id), 90, "the verdict")

    assert study is not None
    assert (study["status"], study["outcome"] in ("holds", "luck", "fails")) == (
        "completed",
        True,
    ), study["sentence"]
    assert study["counts"] == {"pending": 0, "running": 0, "completed": 2 + 2, "failed": 0}
