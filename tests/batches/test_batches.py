"""GET /api/batches/<id> and what hangs below it: counts, times, ranks, pages, map, CSV."""

import csv
import io
import re
from datetime import datetime, timedelta
from itertools import chain

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from adapters.metrics.table import HEADLINE_NAMES
from adapters.plans import export as batch_export
from adapters.tables import runs
from contracts.status import RunStatus
from tests.services.finished_runs import break_down, succeed
from tests.services.web_app import run_values, sweep_values


@pytest.fixture
def batch(app: Flask, client: FlaskClient) -> list[str]:
    """Run ids of batch `b`: three completed, one failed, one waiting."""
    run_ids: list[str] = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(5)).json[
        "run_ids"
    ]
    engine = app.extensions["platform"].engine
    succeed(
        engine, run_ids[0], {"sharpe_ratio": 0.5, "sortino_ratio": 0.9, "max_drawdown_pct": 30.0}
    )
    succeed(
        engine, run_ids[1], {"sharpe_ratio": 1.5, "sortino_ratio": 0.7, "max_drawdown_pct": 10.0}
    )
    succeed(
        engine,
        run_ids[2],
        {"sharpe_ratio": None, "sortino_ratio": None, "max_drawdown_pct": 20.0},
    )
    break_down(engine, run_ids[3])
    return run_ids


def test_a_batch_is_counted_by_state_and_reason(client: FlaskClient, batch: list[str]) -> None:
    answer = client.get("/api/batches/b").json

    assert answer["runs"] == 5
    assert answer["counts"] == {"pending": 1, "running": 0, "completed": 3, "failed": 1}
    assert answer["failures"] == {"no_prices": 1}
    assert answer["completed_at"] is None
    assert answer["throughput_per_s"] > 0
    assert answer["queue_wait_s"]["p95"] >= answer["queue_wait_s"]["p50"] >= 0
    assert answer["note"].endswith("once all runs have ended; 1 to go.")
    assert answer["seconds_left"] is None  # too few have ended


def test_once_all_runs_have_ended_the_completed_ones_are_those_that_were_tried(
    client: FlaskClient, batch: list[str]
) -> None:
    client.post("/api/batches/b/cancel")

    note = client.get("/api/batches/b").json["note"]

    assert note.startswith("3 runs were tried")


def test_the_time_left_is_at_the_pace_of_what_runs_now_not_of_before_a_retry(
    app: Flask, client: FlaskClient
) -> None:
    run_ids = client.post("/api/runs/bulk?batch_id=b", json=sweep_values(20)).json["run_ids"]
    began = datetime(2026, 1, 2)
    with app.extensions["platform"].engine.begin() as connection:
        for number, run_id in enumerate(
            run_ids[:13]
        ):  # six ended the day before, six since, two seconds each, one runs
            day = timedelta(days=-1 if number < 6 else 0)
            times = {"waiting_since": began + day, "started_at": began + day}
            ended = {
                "completed_at": began + day + timedelta(seconds=2 * number),
                "status": RunStatus.SUCCEEDED,
            }
            values = times | (ended if number < 12 else {"status": RunStatus.RUNNING})
            connection.execute(update(runs).where(runs.c.run_id == run_id).values(**values))

    assert client.get("/api/batches/b").json["seconds_left"] == 8 * 2
    assert "about 16 s left" in client.get("/batches/b").text

    with app.extensions["platform"].engine.begin() as connection:  # between two runs
        ended = {"completed_at": began + timedelta(seconds=24), "status": RunStatus.SUCCEEDED}
        connection.execute(update(runs).where(runs.c.run_id == run_ids[12]).values(**ended))
    assert client.get("/api/batches/b").json["seconds_left"] == 7 * 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 0]),
        ("metric=sortino_ratio", [0, 1]),
        ("metric=max_drawdown_pct", [1, 2, 0]),
        ("metric=max_drawdown_pct&goal=max&top=1", [0]),
        ("metric=sortino_ratio&goal=min", [1, 0]),
    ],
)
def test_the_leaderboard_is_ranked_by_the_requested_metric(
    client: FlaskClient, batch: list[str], query: str, expected: list[int]
) -> None:
    answer = client.get(f"/api/batches/b?{query}").json

    assert [run["run_id"] for run in answer["leaderboard"]] == [
        batch[number] for number in expected
    ]


def test_all_runs_of_a_batch_are_paged_once_each(client: FlaskClient, batch: list[str]) -> None:
    seen, after = [], ""
    while after is not None:
        page = client.get(f"/api/batches/b/runs?limit=2&after={after}").json
        seen += [run["run_id"] for run in page["runs"]]
        after = page["next_after"]

    assert sorted(seen) == sorted(batch)


NONE = dict.fromkeys(HEADLINE_NAMES)


def shown_map(page: str) -> tuple[list[str], list[list[str]]]:
    """The heads of the map's columns and rows, and the texts of its cells by row."""
    table = page[page.index("heatmap") :].partition("</table>")[0]
    heads = re.findall(r'<th scope="(?:col|row)" class="number">([^<]*)<', table)
    rows = re.findall(r"<tr><th scope=\"row\".*?</tr>", table, re.DOTALL)
    cells = (re.findall(r"<td[^>]*><\w+[^>]*>([^<]*)<", row) for row in rows)
    return heads, list(cells)


@pytest.mark.parametrize("metric", ["total_return_pct", "expectancy"])
def test_a_run_that_once_had_nothing_left_or_never_traded_has_no_place_in_any_ranking(
    app: Flask, client: FlaskClient, metric: str
) -> None:
    grid = [
        {"period": period, "oversold": low, "overbought": 70}
        for period in (5, 10)
        for low in (20, 30)
    ]
    run_ids = client.post(
        "/api/runs/bulk?batch_id=r", json=[run_values(params=each) for each in grid]
    ).json["run_ids"]
    measured = [(900.0, 100.0, 1), (1.0, 99.9, 1), (3.0, None, None), (800.0, 0.0, 0)]
    for run_id, (value, drawdown, trades) in zip(run_ids, measured, strict=True):
        engine = app.extensions["platform"].engine
        succeed(
            engine,
            run_id,
            NONE | {metric: value, "max_drawdown_pct": drawdown, "num_trades": trades},
        )

    board = client.get(f"/api/batches/r?metric={metric}").json["leaderboard"]
    page = client.get(f"/batches/r?metric={metric}").text

    assert [run["metrics"][metric] for run in board] == [3.0, 1.0]
    assert sorted(chain.from_iterable(shown_map(page)[1])) == ["1.00", "3.00", "—", "—"]
    assert not [run_id for run_id in (run_ids[0], run_ids[3]) if run_id in page]


def test_a_two_parameter_grid_is_a_heatmap(app: Flask, client: FlaskClient) -> None:
    grid = [(period, oversold) for oversold in (20, 30) for period in (5, 10, 15)]
    params = [
        {"period": period, "oversold": oversold, "overbought": 70} for period, oversold in grid
    ]
    answer = client.post(
        "/api/runs/bulk?batch_id=g", json=[run_values(params=each) for each in params]
    )
    for number, run_id in enumerate(answer.json["run_ids"][:-1]):
        succeed(app.extensions["platform"].engine, run_id, NONE | {"sharpe_ratio": float(number)})

    page = client.get("/batches/g").text

    heads, cells = shown_map(page)
    assert "oversold ↓ period →" in page
    assert heads == ["5", "10", "15", "20", "30"]
    assert cells == [["0.00", "1.00", "2.00"], ["3.00", "4.00", "—"]]
    assert "a cell is the median" not in page


def test_a_cell_of_many_runs_is_their_median(app: Flask, client: FlaskClient) -> None:
    listed = [
        run_values(ticker=ticker, params={"period": period, "oversold": low, "overbought": 70})
        for ticker in ("AAPL", "IBM", "MSFT")
        for period in (5, 10)
        for low in (20, 30)
    ]
    run_ids = client.post("/api/runs/bulk?batch_id=g", json=listed).json["run_ids"]
    for run_id, sharpe in zip(run_ids, [1.0] * 4 + [2.0] * 4 + [9.0] * 4, strict=True):
        succeed(app.extensions["platform"].engine, run_id, NONE | {"sharpe_ratio": sharpe})

    overall = client.get("/batches/g?x=oversold&y=period").text
    alone = client.get("/batches/g?x=oversold&y=period&ticker=MSFT").text

    assert shown_map(overall)[1] == [["2.00", "2.00"], ["2.00", "2.00"]]
    assert "each cell is the median of up to 3 runs" in overall
    assert shown_map(alone) == (["20", "30", "5", "10"], [["9.00", "9.00"], ["9.00", "9.00"]])
    assert "a cell is the median" not in alone


def test_a_batch_without_two_varying_parameters_has_no_heatmap(
    client: FlaskClient, batch: list[str]
) -> None:
    assert "heatmap" not in client.get("/batches/b").text


def test_the_csv_export_has_a_line_for_each_run(client: FlaskClient, batch: list[str]) -> None:
    answer = client.get("/api/batches/b/runs.csv")

    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert answer.mimetype == "text/csv"
    assert [line["run_id"] for line in lines] == batch
    assert [line["sharpe_ratio"] for line in lines] == ["0.5", "1.5", "", "", ""]
    assert [line["params.period"] for line in lines] == ["2", "3", "4", "5", "6"]
    assert lines[3]["error_type"] == "no_prices"


def test_a_file_is_named_after_its_batch_in_any_script(client: FlaskClient) -> None:
    assert client.post("/api/runs/bulk?batch_id=日本", json=sweep_values(1)).status_code == 202

    answer = client.get("/api/batches/日本/runs.csv")

    named = answer.headers["Content-Disposition"]
    assert named.isascii(), named  # a server can send no other header
    assert "filename*=UTF-8''%E6%97%A5%E6%9C%AC.csv" in named


def test_words_outside_ascii_are_refused_where_the_column_has_none(
    client: FlaskClient, batch: list[str]
) -> None:
    for query in ("runs?after=日", "points?ticker=日"):
        assert client.get(f"/api/batches/b/{query}").status_code == 400, query


def test_the_csv_export_is_read_while_it_is_sent(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_export, "PORTION", 2)
    client.post("/api/runs/bulk?batch_id=b", json=sweep_values(5))

    lines = client.get("/api/batches/b/runs.csv").iter_encoded()
    header = next(lines)
    client.post("/api/runs/bulk?batch_id=b", json=sweep_values(6))

    assert header.startswith(b"run_id,ticker")
    assert len(list(lines)) == 6


@pytest.mark.parametrize("path", ["", "/runs", "/runs.csv", "/points"])
def test_an_unknown_batch_is_not_found(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/api/batches/nowhere{path}")

    assert (answer.status_code, answer.json) == (
        404,
        {"error": "no run belongs to batch 'nowhere'"},
    )


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("metric=luck", "metric"),
        ("goal=best", "goal"),
        ("top=5001", "top"),
        ("top=-1", "top"),
        ("top=x", "top"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_name(
    client: FlaskClient, batch: list[str], query: str, field: str
) -> None:
    answer = client.get(f"/api/batches/b?{query}")

    assert answer.status_code == 400
    assert list(answer.json["errors"]) == [field]
