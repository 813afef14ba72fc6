"""A batch as a page: progress, the best runs, and a map over two parameters."""

import math
import re
import statistics

import pytest
from flask import Flask
from flask.testing import FlaskClient

from adapters.database import reading
from adapters.metrics.moments import MeasuredSharpe, luck_sharpe, timing_probability
from adapters.plans.batch import plan_of_batch
from adapters.plans.combinations import Surface
from adapters.plans.export import batch_evidence
from tests.services.finished_runs import succeed
from tests.web.conftest import ON_BOTH_DATABASES, RunMaker
from web.batches.pages import heat_map, shade
from web.formats import number
from web.titles import run_title


def crossing(make_run: RunMaker, state: str, fast: int, slow: int) -> str:
    return make_run(
        state, batch_id="grid <1>", rule_type="MA_CROSS", params={"fast": fast, "slow": slow}
    )


def crossing_of(make_run: RunMaker, ticker: str) -> list[str]:
    """Four completed runs of one ticker."""
    return [
        make_run(
            batch_id="both",
            ticker=ticker,
            rule_type="MA_CROSS",
            params={"fast": fast, "slow": slow},
        )
        for fast in (5, 10)
        for slow in (50, 100)
    ]


def test_a_batch_of_several_tickers_is_read_for_one_of_them(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    apple, ibm = crossing_of(make_run, "AAPL"), crossing_of(make_run, "IBM")
    first = browser_client.get(f"/api/runs/{ibm[0]}").get_json()["metrics"]["sharpe_ratio"]

    every = browser_client.get("/batches/both").get_data(as_text=True)
    page = browser_client.get("/batches/both?ticker=IBM").get_data(as_text=True)

    assert (
        '<option value="">all 2 tickers</option><option value="AAPL">AAPL · 4 runs</option>'
        in every
    )
    assert "each cell is the median of up to 2 runs" in every
    assert '<option value="IBM" selected>' in page
    assert not any(run_id in page for run_id in apple)
    # in the leaderboard and in the map
    assert all(page.count(f"/result/{run_id}") == 2 for run_id in ibm)
    assert f'/result/{ibm[0]}">{number(first)}</a>' in page
    assert "a cell is the median" not in page
    assert "4 runs were tried" in page


def test_a_batch_of_one_ticker_offers_no_choice(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    crossing(make_run, "pending", 5, 50)

    assert 'name="ticker"' not in browser_client.get("/batches/grid <1>").get_data(as_text=True)


def test_a_ticker_that_the_batch_does_not_have_is_refused(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    crossing(make_run, "pending", 5, 50)

    answer = browser_client.get("/batches/grid <1>?ticker=IBM")

    assert answer.status_code == 400
    expected = "&#39;IBM&#39; is not accepted; accepted: one of 1 tickers; the nearest are AAPL"
    assert expected in answer.get_data(as_text=True)


@pytest.mark.parametrize("metric", ["sharpe_ratio", "calmar_ratio"])
def test_no_column_of_the_leaderboard_stands_there_twice(
    browser_client: FlaskClient, make_run: RunMaker, metric: str
) -> None:
    crossing(make_run, "completed", 5, 50)

    page = browser_client.get(f"/batches/grid <1>?metric={metric}").get_data(as_text=True)

    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', page)
    assert heads.count("Sharpe ratio") == 1
    assert len(heads) == len(set(heads))


def test_a_batch_shows_its_progress_and_leads_to_its_best_runs(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    done = [crossing(make_run, "completed", fast, slow) for fast in (5, 10) for slow in (50, 100)]
    crossing(make_run, "failed", 20, 50)
    crossing(make_run, "pending", 20, 100)

    page = browser_client.get("/batches/grid <1>").get_data(as_text=True)

    assert "5 of 6 finished" in page
    assert "4 completed, 1 failed, 0 cancelled, 0 running, 1 pending" in page
    assert "grid &lt;1&gt;" in page
    assert 'data-refresh-s="2"' in page
    # in the leaderboard and in the map
    assert all(page.count(f"/result/{run_id}") == 2 for run_id in done)
    assert "Sharpe ratio over" in page


def test_a_batch_is_ranked_by_the_chosen_metric(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    for slow in (50, 100, 150):
        crossing(make_run, "completed", 10, slow)
    best = browser_client.get("/api/batches/grid <1>?metric=num_trades").get_json()[
        "leaderboard"
    ][0]["run_id"]

    page = browser_client.get("/batches/grid <1>?metric=num_trades").get_data(as_text=True)

    assert page.index(f'href="/result/{best}') == page.index('href="/result/')
    assert "data-refresh-s" not in page


def test_a_batch_is_ranked_and_mapped_as_it_was_submitted(
    browser_client: FlaskClient, page_app: Flask
) -> None:
    grid = [
        {"ticker": "AAPL", "rule_type": "MA_CROSS", "params": {"fast": fast, "slow": slow}, "charts": False,
         "start_date": "2005-01-03", "end_date": "2009-12-31"} for fast in (5, 9) for slow in (30, 60)
    ]  # fmt: skip
    ranking = {
        "metric": "calmar_ratio",
        "goal": "min",
        "constraint": "num_trades >= 5 and calmar_ratio < 9",
    }
    run_ids = browser_client.post(
        "/api/runs/bulk", query_string={"batch_id": "b"} | ranking, json=grid
    ).json["run_ids"]
    for run_id, trades, ratio in zip(run_ids, (5, 1, 8, 30), (0.5, 0.1, 0.2, 9.5), strict=True):
        metrics = {"num_trades": trades, "calmar_ratio": ratio, "sharpe_ratio": ratio}
        metrics |= {"total_return_pct": 1.0, "max_drawdown_pct": 2.0}
        succeed(page_app.extensions["platform"].engine, run_id, metrics)

    batch = browser_client.get("/api/batches/b").get_json()
    other = browser_client.get("/api/batches/b?metric=sharpe_ratio&constraint=").get_json()
    points = browser_client.get("/api/batches/b/points").get_json()
    page = browser_client.get("/batches/b").get_data(as_text=True)

    assert [run["run_id"] for run in batch["leaderboard"]] == [run_ids[2], run_ids[0]]
    assert (batch["metric"], batch["goal"], batch["constraints"]) == (
        "calmar_ratio",
        "min",
        [ranking["constraint"]],
    )
    assert "2 excluded: constraint" in batch["note"]
    assert [run["run_id"] for run in other["leaderboard"]][0] == run_ids[3]
    assert (points["params"], points["metrics"]["calmar_ratio"]) == ({"fast": [5, 9]}, [0.5, 0.2])
    assert page.index(f'href="/result/{run_ids[2]}') == page.index('href="/result/')
    assert "num_trades &gt;= 5 and calmar_ratio &lt; 9" in page
    assert run_ids[1] not in page and run_ids[3] not in page


def test_cancelled_runs_were_not_tried(browser_client: FlaskClient, make_run: RunMaker) -> None:
    for slow in (50, 100, 150):
        crossing(make_run, "pending", 10, slow)
    crossing(make_run, "completed", 5, 50)
    browser_client.post("/api/batches/grid <1>/cancel")

    batch = browser_client.get("/api/batches/grid <1>").get_json()

    assert (batch["runs"], batch["cancelled"], batch["counts"]["failed"]) == (4, 3, 3)
    assert batch["note"].startswith("1 run was tried")
    page = browser_client.get("/batches/grid <1>").text
    assert "1 run was tried" in page and "Failures" not in page


def test_luck_is_not_judged_before_all_runs_have_ended(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    for slow in (50, 100):
        crossing(make_run, "completed", 10, slow)
    crossing(make_run, "failed", 10, 150)
    crossing(make_run, "pending", 5, 50)
    before = browser_client.get("/batches/grid <1>").text
    browser_client.post("/api/batches/grid <1>/cancel")
    after = browser_client.get("/batches/grid <1>").text

    assert "; 1 to go" in before and "tried" not in before and "Skill or luck?" not in before
    assert "2 runs were tried" in after and "Skill or luck?" in after
    assert "Failures: engine error 1<" in after


@pytest.mark.parametrize(
    "query", ["metric=evil", "goal=up", "constraint=evil > 1", "constraint=1 < 2"]
)
def test_an_unknown_ranking_is_refused(
    browser_client: FlaskClient, make_run: RunMaker, query: str
) -> None:
    crossing(make_run, "pending", 5, 50)

    assert browser_client.get(f"/batches/grid <1>?{query}").status_code == 400


def test_an_unknown_batch_is_not_found(browser_client: FlaskClient) -> None:
    page = browser_client.get("/batches/<script>alert(1)</script>")

    assert page.status_code == 404
    assert "<script>alert" not in page.get_data(as_text=True)


@ON_BOTH_DATABASES
@pytest.mark.parametrize(
    "path", ["/batches/ours%20", "/api/batches/ours%20", "/api/batches/ours%20%20/runs"]
)
def test_a_batch_is_not_found_under_its_name_and_a_space(
    browser_client: FlaskClient, make_run: RunMaker, path: str
) -> None:
    make_run("pending", batch_id="ours")

    assert browser_client.get(path.replace("%20", "")).status_code == 200
    assert browser_client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("value", "low", "high", "expected"),
    [(1, 1, 1, "up-5"), (0.9, 0.9, 1.9, "up-1"), (1.9, 0.9, 1.9, "up-5"), (-2, -2, 1, "down-5"),
     (-0.1, -2, 1, "down-1"), (0.0, -2, 1, "up-1")],
)  # fmt: skip
def test_shades_go_from_the_lowest_to_the_highest_value(
    value: float, low: float, high: float, expected: str
) -> None:
    assert shade(value, low, high) == expected


def test_a_cell_without_run_leads_nowhere() -> None:
    params = {"fast": [5, 10], "slow": [50, 50]}

    heatmap = heat_map(
        Surface([1.0, None], ["the run", "another"], params), "fast", "slow", "max"
    )

    assert heatmap is not None
    assert heatmap["rows"] == [(50, [(1.0, "up-5", "the run"), (None, "none", None)])]
    assert {*heatmap["scale"]} == {("up-5", 1.0)}


@ON_BOTH_DATABASES
@pytest.mark.parametrize("most", ["9" * 20, "9" * 400, "1e400"])
@pytest.mark.parametrize("metric", ["num_trades", "calmar_ratio"])
def test_a_constraint_may_have_any_number(
    browser_client: FlaskClient, make_run: RunMaker, metric: str, most: str
) -> None:
    make_run("completed", batch_id="ours")

    for text in (f"{metric} < {most}", f"{metric} * {most} > 1"):
        answer = browser_client.get("/api/batches/ours", query_string={"constraint": text})

        assert answer.status_code == 200


@ON_BOTH_DATABASES
def test_the_best_run_is_compared_with_luck_by_default(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    crossing_of(make_run, "IBM")
    runs = [
        browser_client.get(f"/api/runs/{run_id}").get_json()
        for run_id in crossing_of(make_run, "AAPL")
    ]
    make_run("failed", batch_id="both", rule_type="MA_CROSS", params={"fast": 7, "slow": 50})

    page = browser_client.get("/batches/both?ticker=AAPL").get_data(as_text=True)
    with reading(page_app.extensions["platform"].engine) as connection:
        plan = plan_of_batch(connection, "both")
        proof = batch_evidence(connection, plan["plan_id"], "AAPL")

    best = max(runs, key=lambda run: run["metrics"]["sharpe_ratio"])["metrics"]
    per_bar = [run["metrics"]["timing_sharpe_ratio"] / math.sqrt(252) for run in runs]
    ratio, moments = (
        best["timing_sharpe_ratio"],
        (best["timing_skewness"], best["timing_kurtosis"] + 3),
    )
    measured = MeasuredSharpe(ratio / math.sqrt(252), len(runs[0]["equity_curve"]) - 1, *moments)
    # a fifth one failed
    expected = timing_probability(measured, luck_sharpe(statistics.variance(per_bar), 4))
    assert proof is not None
    assert proof["evidence"]["sharpe_variance"] == pytest.approx(
        statistics.variance(per_bar), rel=1e-9
    )
    assert f"{expected * 100:.1f}%" in page
    assert f"<strong>{run_title(proof['run'])}</strong>" in page
    assert "everything that was tried here" in page
    assert f"Return {best['total_return_pct']:+.1f}%" in page.replace("−", "-")


def test_a_batch_without_a_ratio_says_nothing_about_luck(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    crossing(make_run, "pending", 5, 50)

    assert "Skill or luck?" not in browser_client.get("/batches/grid <1>").get_data(as_text=True)
