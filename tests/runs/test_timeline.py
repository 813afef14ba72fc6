"""Timeline and log of a run: what real Jobs store of themselves, however they end."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from contracts.timeline import CHARTS, JOB_PARTS
from tests.faults.injection_point import Fault
from tests.services.processes import Programs
from tests.services.runs import Submitter

IN_ORDER = ["submitted", "queued", *JOB_PARTS, CHARTS]


@pytest.fixture
def fault(tmp_path: Any) -> Callable[..., Fault]:
    return lambda at, do, **options: Fault(tmp_path, at, do, **options)


def parts(client: FlaskClient, run_id: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get(f"/api/runs/{run_id}/timeline").get_json()["parts"]
    return listed


def log(client: FlaskClient, run_id: str) -> str:
    return client.get(f"/api/runs/{run_id}/log").get_data(as_text=True)


@pytest.mark.parametrize("charts", [False, True])
def test_the_parts_of_a_run_add_up_to_the_whole(
    charts: bool, programs: Programs, submitter: Submitter, client: FlaskClient
) -> None:
    (run_id,) = submitter.submit(charts=charts)

    programs.start("consumer").wait()

    row, listed = submitter.row(run_id), parts(client, run_id)
    whole_s = (row["completed_at"] - row["created_at"]).total_seconds()
    names = [part["name"] for part in listed]
    assert sum(part["seconds"] for part in listed if part["in_total"]) == pytest.approx(
        whole_s, rel=0.05
    )
    assert {"imports", "libraries", "engine", "stored"} <= {*names}
    assert names == sorted(names, key=IN_ORDER.index)
    assert [part["name"] for part in listed if not part["in_total"]] == ["charts"] * charts
    assert "run_computed" in log(client, run_id)


def test_an_attempt_whose_process_is_killed_keeps_its_times_and_its_log(
    programs: Programs,
    submitter: Submitter,
    client: FlaskClient,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()
    programs.start("consumer", **fault("during the engine", "kill").environ).wait()
    programs.start("consumer").wait()

    listed, text = parts(client, run_id), log(client, run_id)

    assert {(part["attempt"], part["lost"]) for part in listed} == {(1, True), (2, False)}
    assert {"imports", "prepared"} <= {part["name"] for part in listed if part["lost"]}
    assert "its process died (signal 9)" in text
    assert text.count("run_claimed") == 2
    page = client.get(f"/result/{run_id}/timeline").get_data(as_text=True)
    assert "Attempt 2" in page
    assert 'class="lost"' in page


def test_a_crash_leaves_the_trace_of_its_python_code(
    programs: Programs,
    submitter: Submitter,
    client: FlaskClient,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()
    pause = fault("during the engine", "pause")
    job = programs.start("consumer", **pause.environ)
    pause.wait()

    os.kill(job.children()[0], signal.SIGABRT)
    job.wait()

    assert "Fatal Python error: Aborted" in log(client, run_id)
    assert "in run_backtest" in log(client, run_id)


def test_an_internal_error_leaves_its_trace_for_those_who_may_see_the_run(
    programs: Programs,
    submitter: Submitter,
    client: FlaskClient,
    fault: Callable[..., Fault],
) -> None:
    (run_id,) = submitter.submit()

    programs.start("consumer", **fault("during the engine", "fail").environ).wait()

    assert "run_traceback" in log(client, run_id)
    assert "Traceback (most recent call last)" in log(client, run_id)


def test_a_run_that_nobody_took_has_no_log(submitter: Submitter, client: FlaskClient) -> None:
    (run_id,) = submitter.submit()

    assert [part["name"] for part in parts(client, run_id)] == ["submitted"]
    assert log(client, run_id) == ""
