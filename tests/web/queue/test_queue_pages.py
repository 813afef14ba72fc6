"""The queue now and over time, against a plain count of what was true at each moment."""

import random
import re
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select

from adapters.database import database_now, reading
from adapters.queue.history import Liveness, queue_state
from adapters.queue.run_queue import RunQueue, ScalerState
from adapters.runs.times import percentile
from adapters.tables import run_events, runs
from tests.services.redis_server import RedisServer
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker
from web.queue import MOST_LABELS, describe, history_svg, time_labels

Event = tuple[str, str | None, str, datetime]  # run, from, to, at


def story(chance: random.Random, begins: datetime, now: datetime) -> list[Event]:
    """One run's events from its submission until now: some wait still, some were handed back, some failed."""
    run_id, at, state = str(uuid4()), begins, "PENDING"
    events: list[Event] = [(run_id, None, "PENDING", at)]
    while state not in ("SUCCEEDED", "FAILED"):
        at += timedelta(milliseconds=chance.randint(100, 90_000))
        if at >= now:
            break
        choices = (
            ["RUNNING"] * 5 + ["FAILED"]
            if state == "PENDING"
            else ["SUCCEEDED"] * 4 + ["PENDING", "FAILED"]
        )
        arrived = chance.choice(choices)
        events.append((run_id, state, arrived, at))
        state = arrived
    return events


def record(app: Flask, stories: list[list[Event]]) -> None:
    rows, events = [], []
    for number, each in enumerate(stories):
        run_id, _, state, _ = each[-1]
        started = [at for _, _, arrived, at in each if arrived == "RUNNING"]
        rows.append({
            "run_id": run_id, "ticker": "AAPL", "rule_type": "RSI", "params_json": "{}", "request_json": "{}",
            "request_hash": f"{number:064d}", "status": state, "waiting_since": each[0][3], "created_at": each[0][3],
            "started_at": started[-1] if started else None,
            "completed_at": each[-1][3] if state in ("SUCCEEDED", "FAILED") else None,
        })  # fmt: skip
        events += [
            {"run_id": run_id, "attempt": 1, "from_status": left, "to_status": arrived, "at": at}
            for _, left, arrived, at in each
        ]
    with app.extensions["platform"].engine.begin() as connection:
        connection.execute(insert(runs), rows)
        connection.execute(insert(run_events), events)


def most_at_a_time(stories: list[list[Event]], state: str, start: datetime, end: datetime) -> int:
    """The largest number of runs that were in a state at once between `start` and `end`."""
    events = [
        (at, left == state, arrived == state) for each in stories for _, left, arrived, at in each
    ]
    events.sort(key=itemgetter(0))  # those of one moment stay in the order of their ids
    level = most = sum(arrived - left for at, left, arrived in events if at < start)
    for at, left, arrived in events:
        if start <= at < end:
            level += arrived - left
            most = max(most, level)
    return most


@ON_BOTH_DATABASES
def test_what_happens_at_the_very_beginning_of_a_step_is_in_it(page_app: Flask) -> None:
    with reading(page_app.extensions["platform"].engine) as connection:
        begins = [each.at for each in queue_state(connection, 900, 5).points[60:120]]
    record(page_app, [[(str(uuid4()), "RUNNING", "SUCCEEDED", at)] for at in begins])

    with reading(page_app.extensions["platform"].engine) as connection:
        points = queue_state(connection, 900, 5).points

    assert [each.at for each in points if each.ended] == begins


@ON_BOTH_DATABASES
def test_every_step_says_the_most_that_waited_and_ran_at_a_time(page_app: Flask) -> None:
    chance = random.Random(11)
    with reading(page_app.extensions["platform"].engine) as connection:
        now = connection.execute(select(database_now())).scalar_one()
    stories = [
        story(chance, now - timedelta(milliseconds=chance.randint(1000, 1_500_000)), now)
        for _ in range(120)
    ]
    record(page_app, stories)

    with reading(page_app.extensions["platform"].engine) as connection:
        state = queue_state(connection, 900, 5)

    assert len(state.points) == 180
    for point in state.points:
        end = point.at + timedelta(seconds=5)
        expected = tuple(
            most_at_a_time(stories, name, point.at, end) for name in ("PENDING", "RUNNING")
        )
        assert (point.waiting, point.running) == expected, point
    ended = [
        at for each in stories for _, _, arrived, at in each if arrived in ("SUCCEEDED", "FAILED")
    ]
    assert sum(point.ended for point in state.points) == sum(
        at >= state.points[0].at for at in ended
    )


@ON_BOTH_DATABASES
def test_now_is_counted_and_the_oldest_is_named(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    oldest, _, _ = make_run("pending"), make_run("pending", batch_id="b"), make_run("running")

    answer = browser_client.get("/api/queue").get_json()

    # nobody popped the third message
    assert (answer["waiting"], answer["running"], answer["messages"]) == (2, 1, 3)
    assert answer["queues"] == {"backtests": 2, "backtests-bulk": 1}
    assert answer["oldest_waiting"]["run_id"] == oldest
    assert answer["points"][-1]["running"] == 1
    assert answer["queue_wait_s"]["p50"] >= 0


def test_no_place_is_before_the_first_though_the_list_was_emptied_meanwhile(
    browser_client: FlaskClient, make_run: RunMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run("pending", batch_id="sweep")
    monkeypatch.setattr(RunQueue, "depths", lambda _: {"backtests": 0, "backtests-bulk": 0})

    status = browser_client.get(f"/status/{run_id}").get_json()

    assert status["position"] == 0


def test_the_depth_of_each_queue_is_shown_and_scraped(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    make_run("pending"), make_run("pending", batch_id="b")

    page, metrics = (
        browser_client.get(path).get_data(as_text=True) for path in ("/queue", "/metrics")
    )

    assert re.search(
        "Waiting: 1 interactive <code[^>]*>backtests</code>, 1 batch <code[^>]*>backtests-bulk</code>",
        page,
    )
    assert 'backtest_queue_depth{queue="backtests"} 1.0' in metrics
    assert 'backtest_queue_depth{queue="backtests-bulk"} 1.0' in metrics


def test_without_redis_the_page_says_that_nothing_is_lost(
    browser_client: FlaskClient, make_run: RunMaker, redis_server: RedisServer
) -> None:
    make_run("pending")
    redis_server.stop()

    page = browser_client.get("/queue")

    assert page.status_code == 200
    assert "Redis, which holds the queue, does not answer. Runs are recorded" in page.get_data(
        as_text=True
    )
    redis_server.start()


@pytest.mark.parametrize("window", ["15m", "1h", "6h", "24h"])
def test_each_window_has_its_page(browser_client: FlaskClient, window: str) -> None:
    page = browser_client.get(f"/queue?window={window}").get_data(as_text=True)

    assert f"over the last {window}" in page
    assert "The queue is empty" in page


def test_each_line_across_the_picture_is_drawn_where_the_number_on_it_is() -> None:
    start = datetime(2024, 1, 2, 10)
    for values, limit, numbers in (
        ([0, 1500, 20], None, ["750", "1,500"]),
        ([0, 5, 1], None, ["2", "5"]),
        ([0, 1, 1], 1, ["1", "limit 1"]),
    ):
        picture = history_svg(
            [start + timedelta(minutes=5 * n) for n in range(3)], values, "waiting", limit
        )

        heights = [(1 - float(y) / 88) for y in re.findall(r'y1="([\d.]+)%"', picture)]
        labels = re.findall(r'dy="-4"[^>]*>([^<]+)<', picture)
        steps = [1 - float(y) / 100 for y in re.findall(r"V([\d.]+)H", picture)]
        per_run = max(steps) / max(values)
        assert labels == numbers
        for height, label in zip(heights, labels, strict=True):
            assert height / per_run == pytest.approx(
                int(label.removeprefix("limit ").replace(",", "")), rel=1e-3
            )


def test_an_unknown_window_is_refused(browser_client: FlaskClient) -> None:
    assert browser_client.get("/queue?window=1y").status_code == 400
    assert "window" in browser_client.get("/api/queue?window=1y").get_json()["errors"]


def test_every_window_is_described_for_programs(browser_client: FlaskClient) -> None:
    paths = browser_client.get("/api/openapi.json").get_json()["paths"]

    [described] = paths["/api/queue"]["get"]["parameters"]

    assert described["name"] == "window"
    assert described["schema"]["enum"] == ["5m", "15m", "1h", "6h", "24h"]


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 95, None), ([3.0], 50, 3.0), ([1.0, 2.0, 3.0, 4.0], 50, 2.0)],
)
def test_a_percentile_is_the_nearest_rank(
    values: list[float], percent: int, expected: float | None
) -> None:
    assert percentile(values, percent) == expected


@ON_BOTH_DATABASES
def test_events_are_counted_by_the_index(page_app: Flask) -> None:
    columns = {tuple(index.columns.keys()) for index in run_events.indexes}

    assert ("at", "from_status", "to_status") in columns


@pytest.mark.parametrize("window", [300, 900, 3600, 21_600, 86_400])
@pytest.mark.parametrize(
    "ends", [datetime(2026, 11, 21, 0, 7, 3), datetime(2026, 11, 21, 16, 33)]
)
def test_labels_of_the_time_axis_are_round_apart_and_short(window: int, ends: datetime) -> None:
    moments = [ends - timedelta(seconds=window), ends]

    labels = time_labels(moments)

    assert 2 <= len(labels) <= MOST_LABELS
    assert all(moment.second == 0 for moment, _ in labels)
    assert all(moments[0] <= moment <= moments[1] for moment, _ in labels)
    gaps = [after - before for (_, before), (_, after) in pairwise(labels)]
    assert all(gap == pytest.approx(gaps[0]) and gap > 0.12 for gap in gaps)


def seen(**changes: object) -> Liveness:
    """Two runs wait and none runs; a Job started a minute ago, and a reconciler works."""
    now = datetime(2026, 11, 21, 12, 0, 0)
    usual = {
        "last_start": now - timedelta(seconds=60),
        "oldest_waiting": {"waiting_since": now - timedelta(seconds=45)},
        "waiting": 2,
    }
    return Liveness(**({"now": now, "running": 0, "reconciler_until": now} | usual | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("state", "scaler", "words"),
    [
        (seen(), None, "No Job has started for 45.0 s; 2 runs are waiting."),
        (seen(running=1), None, None),  # KEDA's limit is unknown
        (seen(running=1), ScalerState(2, False), "No Job has started"),
        (seen(running=2), ScalerState(2, False), None),
        (seen(waiting=0, oldest_waiting=None), None, None),
        (seen(), ScalerState(2, True), "paused"),
        (seen(waiting=1), None, "No Job has started for 45.0 s; 1 run is waiting."),
        (seen(running=1, reconciler_until=None), None, "The reconciler has never run"),
        (
            seen(running=1, reconciler_until=datetime(2026, 11, 21, 11, 58)),
            None,
            "has been gone for 2 min 00 s",
        ),
    ],
)
def test_reasons_that_keep_runs_waiting_are_listed(
    state: Liveness, scaler: ScalerState | None, words: str | None
) -> None:
    reasons = describe(state, scaler, queue_answers=True)

    assert len(reasons) == (0 if words is None else 1)
    assert words is None or words in reasons[0]


def test_a_paused_scaler_is_reported_on_the_queue_page_and_on_the_page_of_a_waiting_run(
    browser_client: FlaskClient, make_run: RunMaker, page_app: Flask
) -> None:
    settings = page_app.extensions["platform"].settings
    RunQueue(settings).publish_scaler_state(ScalerState(capacity=7, paused=True))

    for path in ("/queue", f"/result/{make_run('pending')}"):
        assert "The scaler is paused" in browser_client.get(path).get_data(as_text=True)
    assert browser_client.get("/api/queue").get_json()["scaler"] == {
        "capacity": 7,
        "paused": True,
    }
    assert "limit 7" in browser_client.get("/queue").get_data(as_text=True)


def test_the_lines_across_the_picture_say_the_most_and_half_of_it() -> None:
    moments = [datetime(2024, 3, 1, 13) + timedelta(seconds=5 * step) for step in range(180)]
    drawn = history_svg(moments, [0] * 179 + [1200], "waiting", limit=1200)

    heights = {
        words: y
        for y, words in re.findall(r'<text [^>]*y="([\d.]+)%" dy="-4"[^>]*>([^<]+)<', drawn)
    }
    assert heights["1,200"] == heights["limit 1,200"]
    assert float(heights["600"]) == pytest.approx((88 + float(heights["1,200"])) / 2, abs=0.01)
