"""Studies over HTTP: what is refused, what one costs, that a repeated call makes no second one, and their pages."""

import json
import re
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from sqlalchemy.engine import Engine

from adapters.plan_tables import plans
from adapters.plans.store import plan_row
from adapters.plans.study import fail_study, study_of
from adapters.runs.series import packed_json, unpacked_json
from adapters.tables import runs
from contracts.status import PlanKind
from contracts.study import VERDICT_METHOD
from tests.services.finished_runs import succeed
from tests.services.studies import (
    BASE,
    GRID,
    WALK_FORWARD,
    complete,
    judge_here,
    leader,
    submit_study,
    work_through,
)
from tests.services.web_app import sweep_values, web_app
from web.studies.views import _tried

MANY = [{"fast": 2 + number % 150, "slow": 200 + number // 150} for number in range(5000)]


@pytest.mark.parametrize(
    ("changes", "field", "fault"),
    [
        (
            {"kind": "luck"},
            "kind",
            "Input should be 'selection', 'holdout', 'walk_forward' or 'permutation'",
        ),
        ({"colour": "red"}, "colour", "Unexpected keyword argument"),
        ({"train_by": "screens"}, "train_by", "Unexpected keyword argument"),
        ({"combinations": []}, "combinations", "at least 1 item"),
        ({"combinations": [*GRID, {"fast": 1}]}, "combinations.6.fast", "1 is out of range"),
        (
            {"combinations": [{"fast": 60, "slow": 50}]},
            "combinations.0.fast",
            "60 must be less than slow",
        ),
        ({"metric": "luck"}, "metric", "'luck' is not accepted; accepted: total_return_pct"),
        (
            {"constraints": ["num_trades > 3", "luck > 3"]},
            "constraints.1",
            "'luck > 3' is not accepted",
        ),
        ({"base": BASE | {"ticker": "NONE"}}, "base.ticker", "no 1d prices of ticker 'NONE'"),
        ({"base": BASE | {"fee_rate": 2}}, "base.fee_rate", "2 is not accepted"),
        ({"base": BASE | {"rule_type": "LUCK"}}, "base.rule_type", "'LUCK' is not one of"),
        ({"base": BASE | {"params": {}}}, "base.params", "decided by the study"),
        (
            {"train_days": 3000},
            "train_days",
            "3,365 days of train_days and test_days are longer than the 2,192 days",
        ),
        (
            {"test_days": 20},
            "test_days",
            "only 13 bars from 2004-12-31 to 2005-01-19; a part needs at least 30",
        ),
        ({"kind": "holdout", "holdout_share": 0.01}, "holdout_share", "a part needs at least 30"),
        ({"kind": "holdout", "holdout_share": 1.0}, "holdout_share", "less than 1"),
        (
            {"combinations": MANY},
            "combinations",
            "20,004 runs in all; at most 20,000 are accepted",
        ),
        ({"seed": -1}, "seed", "greater than or equal to 0"),
    ],
)
def test_a_bad_study_is_refused_with_the_fault_at_its_field(
    client: FlaskClient, changes: dict[str, Any], field: str, fault: str
) -> None:
    answer = client.post("/api/studies", json=WALK_FORWARD | changes)

    assert answer.status_code == 400, answer.text
    assert fault in answer.json["errors"][field]
    assert client.get("/api/studies").json["studies"] == []


def test_what_is_not_json_is_refused(client: FlaskClient) -> None:
    answer = client.post("/api/studies", data="{", content_type="application/json")

    assert answer.status_code == 400
    assert client.post("/api/studies", data="x").status_code == 415


def test_a_dry_run_says_what_it_costs_and_records_nothing(
    app: Flask, client: FlaskClient
) -> None:
    unknown = client.post("/api/studies?dry_run=true", json=WALK_FORWARD).json
    bulk = client.post("/api/runs/bulk", json=sweep_values(20)).json
    for run_id in bulk["run_ids"]:
        succeed(app.extensions["platform"].engine, run_id, {"sharpe_ratio": 1.0})
    cost = client.post("/api/studies?dry_run=true", json=WALK_FORWARD).json

    assert (unknown["runs"], unknown["seconds"]) == ({"training": 4, "test": 4}, None)
    assert cost["windows"][0] == {
        "train": ["2003-01-01", "2004-12-30"],
        "test": ["2004-12-31", "2005-12-30"],
    }
    assert len(cost["windows"]) == 4
    assert cost["seconds"] == pytest.approx(
        (4 + 24 // 10 + 4 + cost["waiting"]) / cost["runs_per_s"], abs=0.1
    )
    assert client.get("/api/studies").json["studies"] == []


def test_anchored_windows_begin_with_the_study(client: FlaskClient) -> None:
    cost = client.post("/api/studies?dry_run=true", json=WALK_FORWARD | {"anchored": True}).json

    assert {window["train"][0] for window in cost["windows"]} == {"2003-01-01"}
    ends, starts = (
        [window[part][at] for window in cost["windows"]]
        for part, at in (("train", 1), ("test", 0))
    )
    assert all(end < start for end, start in zip(ends, starts, strict=True))


def test_combinations_that_mean_the_same_count_once(client: FlaskClient) -> None:
    same = [
        {"fast": 20, "slow": 50},
        {},
        {"fast": 20, "slow": 50, "kind": "sma"},
        {"fast": 10, "slow": 50},
    ]

    cost = client.post(
        "/api/studies?dry_run=true", json=WALK_FORWARD | {"combinations": same}
    ).json

    assert cost["combinations"] == 2


def test_the_same_key_makes_no_second_study(client: FlaskClient) -> None:
    key = {"Idempotency-Key": "mine"}
    first = client.post("/api/studies", json=WALK_FORWARD, headers=key)
    again = client.post("/api/studies", json=WALK_FORWARD, headers=key)
    other = client.post("/api/studies", json=WALK_FORWARD | {"seed": 2}, headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (202, 200, 409)
    assert first.json == again.json
    assert len(client.get("/api/studies").json["studies"]) == 1


def test_a_known_key_is_answered_although_the_queue_is_full(
    platform_settings: dict[str, str],
) -> None:
    jobs = 4  # of its training parts, more of which may not wait
    with web_app(platform_settings | {"MAX_QUEUE_DEPTH": str(jobs)}) as app:
        send = {"json": WALK_FORWARD, "headers": {"Idempotency-Key": "mine"}}
        first = app.test_client().post("/api/studies", **send)
        app.test_client().post("/api/runs/bulk", json=sweep_values(1))
        other = app.test_client().post("/api/studies", json=WALK_FORWARD)
        again = app.test_client().post("/api/studies", **send)

    assert [answer.status_code for answer in (first, other, again)] == [202, 429, 200]


def test_an_unknown_study_is_404(client: FlaskClient) -> None:
    missing = "/api/studies/b6b1c1f0-0000-4000-8000-000000000000"

    assert client.get(missing).status_code == 404
    assert client.post(f"{missing}/cancel").status_code == 404


def test_the_list_goes_on_where_a_page_ended(client: FlaskClient) -> None:
    ids = [submit_study(client, name=f"study {number}") for number in range(3)]

    first = client.get("/api/studies?limit=2").json
    rest = client.get(f"/api/studies?limit=2&after={first['next_after']}").json

    assert [each["study_id"] for each in first["studies"] + rest["studies"]] == ids[::-1]
    assert rest["next_after"] is None


def test_the_batch_of_a_study_ranks_its_runs_alone_and_leads_to_its_verdict(
    app: Flask, client: FlaskClient
) -> None:
    study_id = submit_study(client)
    work_through(app.extensions["platform"].engine, study_id)

    choices = client.get(f"/api/studies/{study_id}").json["choices"]
    tested = {each["test_run"] for choice in choices for each in choice["chosen"]}
    for metric in ("sharpe_ratio", "cagr"):
        batch = client.get(f"/api/batches/study-{study_id}?metric={metric}&top=100").json
        assert batch["leaderboard"]
        assert {run["run_id"] for run in batch["leaderboard"]} <= tested
        assert batch["note"].startswith("These are Jobs of a study")
        page = client.get(f"/batches/study-{study_id}?metric={metric}").get_data(as_text=True)
        assert "Skill or luck?" not in page
        assert f'of a <a href="/studies/{study_id}">study</a>' in page


def test_the_page_of_a_living_study_shows_how_far_it_is_and_no_result(
    app: Flask, client: FlaskClient
) -> None:
    study_id = submit_study(client, name="<b>Mine</b>")
    leader(app.extensions["platform"].engine).advance()

    page = client.get(f"/studies/{study_id}").text

    assert "&lt;b&gt;Mine&lt;/b&gt;" in page
    assert "0 of about 8 Jobs finished" in page
    assert 'data-refresh-s="2"' in page
    assert "Out of sample" not in page


@pytest.mark.parametrize("kind", ["selection", "holdout", "walk_forward"])
def test_the_page_of_a_judged_study_says_the_verdict_first(
    app: Flask, client: FlaskClient, kind: str
) -> None:
    study = complete(client, app.extensions["platform"].engine, kind=kind)

    page = client.get(f"/studies/{study['study_id']}").text

    assert study["sentence"] in page.replace("&#39;", "'")
    assert page.index('aria-label="Verdict"') < page.index("<svg") < page.index("<table")
    assert "data-refresh-s" not in page
    assert "None" not in page
    assert ("Sharpe ratio by fold" in page) == (kind != "selection")
    study_list = client.get("/studies").text
    assert study["sentence"] in study_list.replace("&#39;", "'")
    assert f'href="/studies/{study["study_id"]}"' in study_list
    assert f'<td class="wide-only">{kind.replace("_", "-")}</td>' in study_list
    assert all(f'<th scope="col" class="number">{name}</th>' in page for name in ("fast", "slow"))
    assert "Shared by all combinations" in page and "<dt>kind</dt><dd>sma</dd>" in page


def test_a_study_of_an_own_rule_shows_its_texts_once_and_a_column_for_each_input_that_varies() -> (
    None
):
    texts = {"buy": "close > sma(close, n) and volume > v", "sell": "close < sma(close, n) * k"}
    grid = [
        texts | {"inputs": {"k": 2, "n": n, "v": {"value": v}}}
        for n in (10, 20)
        for v in (1e6, 2e6)
    ]

    tried = _tried({"rule_type": "FORMULA", "request": {"combinations": grid}})

    assert tried["varying"] == ["inputs.n", "inputs.v"]
    assert tried["shared"] == texts | {"inputs.k": 2}
    assert [tried["names"][name] for name in tried["varying"]] == ["n", "v"]
    assert tried["complete"](grid[1])["inputs.v"] == 2e6


def test_a_judged_study_without_a_number_has_a_page_with_the_reasons(
    app: Flask, client: FlaskClient
) -> None:
    study = complete(client, app.extensions["platform"].engine, constraints=["num_trades > 1000"])

    page = client.get(f"/studies/{study['study_id']}").text

    assert "no combination traded, has the metric and keeps the constraints" in page


def test_the_form_has_a_field_for_each_parameter(client: FlaskClient) -> None:
    page = client.get("/studies").text

    assert 'data-rule="MA_CROSS"' in page
    assert re.search(r'data-axis="slow"\s+value="50:200:25"', page)
    assert "COMPOSITE" not in page


def formula_run(fast: int, **more: Any) -> dict[str, Any]:
    texts = {"buy": "close > ema(close, fast)", "sell": "close < ema(close, fast)"}
    run = {
        "ticker": "IBM",
        "rule_type": "FORMULA",
        "params": {**texts, "inputs": {"fast": fast}},
        "fee_rate": 0.002,
    }
    return run | {"start_date": "2003-01-02", "end_date": "2008-12-31"} | more


def test_a_batch_s_combinations_of_an_own_rule_are_studied(client: FlaskClient) -> None:
    swept = [
        formula_run(fast, ticker=ticker, label=ticker)
        for ticker in ("IBM", "AAPL")
        for fast in (5, 10, 20)
    ]
    batch_id = client.post("/api/runs/bulk", json=swept).json["batch_id"]

    page = client.get(f"/studies?batch={batch_id}").get_data(as_text=True)
    batch = json.loads(unescape(re.search(r"data-batch='([^']*)'", page)[1]))
    cost = client.post(
        "/api/studies?dry_run=true", json={**batch, "kind": "walk_forward", "train_days": 1000}
    )

    assert "3 combinations of FORMULA" in page
    assert [each["inputs"]["fast"] for each in batch["combinations"]] == [5, 10, 20]
    assert batch["base"]["fee_rate"] == 0.002
    assert cost.json["combinations"] == 3, cost.text


def test_a_batch_whose_runs_differ_in_more_than_parameters_is_not_studied(
    client: FlaskClient,
) -> None:
    swept = [formula_run(5), formula_run(5, fee_rate=0.003, stop_loss_pct=4)]
    batch_id = client.post("/api/runs/bulk", json=swept).json["batch_id"]

    refused = client.get(f"/studies?batch={batch_id}")

    assert refused.status_code == 400
    assert "its runs differ in fee_rate, stop_loss_pct; a study tries" in refused.text
    assert client.get("/studies?batch=none").status_code == 404


def test_jobs_that_are_no_runs_are_not_studied(app: Flask, client: FlaskClient) -> None:
    engine = app.extensions["platform"].engine
    complete(client, engine, kind="selection")
    with engine.begin() as connection:
        batch_id = connection.scalar(select(plans.c.name))

    refused = client.get(f"/studies?batch={batch_id}")

    assert refused.status_code == 400
    assert "cannot be studied: none of its Jobs is a run" in refused.text


def as_of_method_2(engine: Engine, study_id: str) -> None:
    """Give a study a verdict by the method before Student's t."""
    with engine.begin() as connection:
        before = plan_row(connection, PlanKind.STUDY, study_id)["result"]
        changed = update(plans).where(plans.c.plan_id == study_id)
        result = packed_json(unpacked_json(before) | {"method": 2})
        connection.execute(changed.values(result=result))


def test_a_verdict_by_the_method_before_keeps_it_and_offers_to_be_judged_again(
    app: Flask, client: FlaskClient
) -> None:
    engine = app.extensions["platform"].engine
    study_id = complete(client, engine)["study_id"]
    new = client.get(f"/studies/{study_id}").text
    as_of_method_2(engine, study_id)

    before = client.get(f"/studies/{study_id}").text
    assert client.post(f"/api/studies/{study_id}/judge").status_code == 202
    judge_here(engine, study_id)

    assert "Judge again" in before and "a few lucky bars" in before
    assert "Judge again" not in new
    again = client.get(f"/api/studies/{study_id}").json["verdict"]
    assert [each["method"] for each in (*again["earlier"], again)] == [2, VERDICT_METHOD]


def as_of_method_1(engine: Engine, study_id: str) -> None:
    """Give a study a verdict as it was before verdicts named their method."""
    with engine.begin() as connection:
        verdict = unpacked_json(plan_row(connection, PlanKind.STUDY, study_id)["result"])
        for part in (verdict, verdict["out_of_sample"], *verdict["folds"]):
            for name in {"beside", "timing"} & part.keys():
                del part[name]
        verdict |= {"method": 1, "outcome": "holds", "sentence": "Holds as it did."}
        judged = {name: verdict[name] for name in ("outcome", "sentence")}
        changed = update(plans).where(plans.c.plan_id == study_id)
        connection.execute(changed.values(result=packed_json(verdict), **judged))


def test_an_old_verdict_stays_until_it_is_judged_again_and_then_with_the_new_one(
    app: Flask, client: FlaskClient
) -> None:
    engine = app.extensions["platform"].engine
    study_id = complete(client, engine)["study_id"]
    new = client.get(f"/api/studies/{study_id}").json["verdict"]
    as_of_method_1(engine, study_id)

    before = client.get(f"/studies/{study_id}").text
    accepted = client.post(f"/api/studies/{study_id}/judge")
    meanwhile = client.get(f"/api/studies/{study_id}").json
    twice = client.post(f"/api/studies/{study_id}/judge")
    judge_here(engine, study_id)
    again = client.get(f"/api/studies/{study_id}").json

    assert "counted a Sharpe ratio above 0 as skill" in before and "Judge again" in before
    assert "Holds as it did." in before and "None" not in before
    assert accepted.status_code == 202, accepted.text
    assert (meanwhile["status"], meanwhile["sentence"]) == ("judging", "Holds as it did.")
    assert twice.status_code == 409
    assert again["verdict"]["earlier"] == [
        {"method": 1, "outcome": "holds", "sentence": "Holds as it did."}
    ]
    assert again["verdict"] | {"earlier": []} == new
    assert (again["status"], again["sentence"]) == ("completed", new["sentence"])
    assert (
        "By the previous method (1): Holds as it did." in client.get(f"/studies/{study_id}").text
    )


def test_a_study_whose_new_judgement_fails_or_is_cancelled_keeps_its_verdict(
    app: Flask, client: FlaskClient
) -> None:
    engine = app.extensions["platform"].engine
    study = complete(client, engine)
    client.post(f"/api/studies/{study['study_id']}/judge")

    page = client.get(f"/studies/{study['study_id']}").text
    cancelled = client.post(f"/api/studies/{study['study_id']}/cancel")
    with engine.begin() as connection:
        judging = study_of(plan_row(connection, PlanKind.STUDY, study["study_id"]))
        fail_study(connection, judging, "the process that judges it died 5 times")
    after = client.get(f"/api/studies/{study['study_id']}").json

    assert f"/api/studies/{study['study_id']}/cancel" not in page  # which is refused
    assert cancelled.status_code == 409
    assert [after[name] for name in ("status", "sentence", "verdict")] == [
        study[name] for name in ("status", "sentence", "verdict")
    ]


def test_a_study_whose_runs_were_deleted_is_not_judged_again(
    app: Flask, client: FlaskClient
) -> None:
    engine = app.extensions["platform"].engine
    study = complete(client, engine)
    run_id = study["choices"][0]["chosen"][0]["test_run"]
    with engine.begin() as connection:
        connection.execute(
            update(runs).where(runs.c.run_id == run_id).values(equity_curve_json=None)
        )

    refused = client.post(f"/api/studies/{study['study_id']}/judge")

    assert refused.status_code == 409
    assert "deleted" in refused.text
    assert client.get(f"/api/studies/{study['study_id']}").json["status"] == "completed"


def test_a_study_whose_every_job_was_deleted_is_not_judged_again(
    app: Flask, client: FlaskClient
) -> None:
    engine = app.extensions["platform"].engine
    unfinished = client.post(f"/api/studies/{submit_study(client)}/judge")
    # nothing is tested, so that no run of it is named in its choices
    study = complete(client, engine, kind="selection")
    with engine.begin() as connection:
        connection.execute(delete(runs).where(runs.c.plan_id == study["study_id"]))

    refused = client.post(f"/api/studies/{study['study_id']}/judge")

    assert refused.status_code == 409
    assert "deleted" in refused.text
    assert client.get(f"/api/studies/{study['study_id']}").json["status"] == "completed"
    assert unfinished.status_code == 409
    assert "is not completed" in unfinished.text
