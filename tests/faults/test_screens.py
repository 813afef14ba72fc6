"""A screen that is killed, flushed or cut off: it ends once, with the figures of an undisturbed one, or with none."""

import json
import signal
import time
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from adapters.columns import unpack
from adapters.database import reading
from adapters.plans.screen import search_of
from adapters.tables import screens
from consumer.kinds.screen import screen
from consumer.kinds.setup import Setup
from contracts.run_request import RunRequest
from tests.faults.injection_point import Fault
from tests.faults.test_studies import STEADY, Killer
from tests.services.invariants import check_queue_is_clean, check_tables
from tests.services.prices import run_prices
from tests.services.processes import Programs
from tests.services.redis_server import RedisServer
from tests.services.runs import Submitter
from tests.services.waiting import wait_until

BASE = {
    "ticker": "AAPL",
    "rule_type": "MA_CROSS",
    "start_date": "2000-03-01",
    "end_date": "2013-03-01",
}
SMALL = {"fast": {"min": 5, "max": 14, "step": 1}, "slow": {"min": 50, "max": 59, "step": 1}}
# seconds of work
LARGE = {"fast": {"min": 2, "max": 101, "step": 1}, "slow": {"min": 150, "max": 349, "step": 1}}


def submitted(client: FlaskClient, parameters: dict[str, Any]) -> str:
    answer = client.post("/api/screens", json={"base": BASE, "parameters": parameters})
    screen_id: str = answer.json["screen_id"]
    return screen_id


def figures(submitter: Submitter, screen_id: str) -> dict[str, list[float]]:
    """Metrics of a completed screen in the database."""
    with reading(submitter.engine) as connection:
        packed = connection.execute(
            select(screens.c.metrics).where(screens.c.run_id == screen_id)
        ).scalar_one()
    return {name: column.tolist() for name, column in unpack(packed).items()}


def undisturbed(submitter: Submitter, screen_id: str) -> dict[str, list[float]]:
    """Metrics of the same screen, computed in this process."""
    request = RunRequest.from_json(json.loads(submitter.row(screen_id)["request_json"]))
    with reading(submitter.engine) as connection:
        prices, tried = run_prices(connection, request), search_of(connection, screen_id)[0]
    setup = Setup.of(request, prices)
    packed, _ = screen(setup, tried, lambda done: None, setup.trials())
    return {name: column.tolist() for name, column in unpack(packed).items()}


LOSSES = {
    "between pop and claim": 0,
    "after the claim": 1,
    "during a screen": 1,
    "inside the result's transaction": 1,
}


@pytest.mark.parametrize("point", LOSSES)
def test_a_killed_screen_is_done_again_with_the_same_figures(
    point: str,
    client: FlaskClient,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
    fault: Callable[..., Fault],
) -> None:
    pause = fault(point, "pause")
    screen_id = submitted(client, SMALL)
    programs.start("consumer.reconciler").wait_for_line("lead_taken")
    victim = programs.start("consumer", **pause.environ)
    pause.wait()
    programs.start("consumer.local_scaler").wait_for_line("started")

    victim.send(signal.SIGKILL)
    wait_until(submitter.all_ended, 60)

    row = submitter.row(screen_id)
    assert (row["status"], row["losses"]) == ("SUCCEEDED", LOSSES[point])
    assert figures(submitter, screen_id) == undisturbed(submitter, screen_id)
    check_tables(submitter.engine)
    check_queue_is_clean(redis_server.client())


def test_a_stopped_screen_is_handed_back_and_done_by_the_next(
    client: FlaskClient, programs: Programs, submitter: Submitter
) -> None:
    screen_id = submitted(client, LARGE)
    first = programs.start("consumer", HEARTBEAT_S="0.2")
    wait_until(
        lambda: client.get(f"/api/screens/{screen_id}").json["done"] > 0,
        60,
        "the first word of progress",
    )

    first.send(signal.SIGTERM)
    assert first.wait() == 0
    between = client.get(f"/api/screens/{screen_id}").json
    assert (between["status"], between["leaderboard"]) == ("pending", [])
    assert programs.start("consumer").wait() == 0

    row, after = submitter.row(screen_id), client.get(f"/api/screens/{screen_id}").json
    assert (row["status"], row["handbacks"], row["attempt"]) == ("SUCCEEDED", 1, 2)
    assert (after["done"], after["combinations"], len(after["leaderboard"])) == (
        20_000,
        20_000,
        10,
    )
    check_tables(submitter.engine)


def test_a_screen_that_takes_too_long_fails_and_shows_nothing(
    client: FlaskClient, programs: Programs, submitter: Submitter
) -> None:
    screen_id = submitted(client, LARGE)

    assert programs.start("consumer", RUN_TIMEOUT_S="1", LEASE_S="30").wait() == 1

    answer = client.get(f"/api/screens/{screen_id}").json
    assert (answer["status"], answer["error_type"], answer["leaderboard"]) == (
        "failed",
        "timeout",
        [],
    )
    assert "time limit of 1 s" in answer["error_message"]
    check_tables(submitter.engine)


def test_a_cancelled_screen_ends_at_its_next_heartbeat(
    client: FlaskClient, programs: Programs, submitter: Submitter
) -> None:
    screen_id = submitted(client, LARGE)
    job = programs.start("consumer", HEARTBEAT_S="0.2")
    wait_until(
        lambda: client.get(f"/api/screens/{screen_id}").json["done"] > 0,
        60,
        "the first word of progress",
    )

    client.post(f"/api/screens/{screen_id}/cancel")
    job.wait()

    answer = client.get(f"/api/screens/{screen_id}").json
    assert (answer["status"], answer["error_type"], answer["leaderboard"]) == (
        "failed",
        "cancelled",
        [],
    )
    check_tables(submitter.engine)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_screens_survive_the_death_of_everything(
    app: Flask,
    client: FlaskClient,
    programs: Programs,
    submitter: Submitter,
    redis_server: RedisServer,
) -> None:
    screen_ids = [submitted(client, LARGE) for _ in range(3)]
    killer, rng = Killer(programs), Random(7)

    for strike in range(2):  # a third loss of the same run would be its end
        wait_until(partial(works, submitter), 120, f"work before strike {strike}")
        time.sleep(rng.uniform(0.0, 4.0))
        assert killer.strike() >= len(STEADY)
        redis_server.client().flushall()
        killer.start()
    wait_until(submitter.all_ended, 300)

    expected = undisturbed(submitter, screen_ids[0])
    for screen_id in screen_ids:
        assert submitter.row(screen_id)["status"] == "SUCCEEDED"
        assert figures(submitter, screen_id) == expected
    check_tables(app.extensions["platform"].engine)


def works(submitter: Submitter) -> bool:
    return "RUNNING" in submitter.statuses()
