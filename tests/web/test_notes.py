"""Notes that people write on runs and plans."""

from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from adapters.tables import notes
from tests.services.portfolios import submit_portfolio
from tests.services.studies import submit_study
from tests.services.web_app import run_values, sweep_values
from tests.web.conftest import ON_BOTH_DATABASES, TokenMaker

pytestmark = ON_BOTH_DATABASES
TEXT = "  Trend only: <b>fails</b>\n\tin 2008, – 100 % sure\n"
GRID = {"base": run_values(params={}), "parameters": {"period": [7, 14]}}


def submitted(client: FlaskClient, kind: str) -> tuple[str, str]:
    """The address of a run or plan in the API, and that of its page."""
    if kind == "run":
        run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
        return f"/api/runs/{run_id}", f"/result/{run_id}"
    if kind == "batch":
        client.post("/api/runs/bulk?batch_id=b", json=sweep_values(2))
        return "/api/batches/b", "/batches/b"
    path = {
        "screen": lambda: f"/screens/{client.post('/api/screens', json=GRID).json['screen_id']}",
        "study": lambda: f"/studies/{submit_study(client)}",
        "portfolio": lambda: f"/portfolios/{submit_portfolio(client)}",
    }[kind]()
    return f"/api{path}", path


@pytest.mark.parametrize("kind", ["run", "batch", "screen", "study", "portfolio"])
def test_a_note_keeps_its_lines_is_shown_as_text_and_goes_with_what_it_is_on(
    app: Flask, client: FlaskClient, kind: str
) -> None:
    api, page = submitted(client, kind)
    before = client.get(f"{api}/note").json
    began = datetime.now(UTC).replace(microsecond=0)

    written = client.put(f"{api}/note", json={"text": TEXT})

    assert before == {"text": None, "author": None, "at": None}
    assert written.status_code == 200
    assert written.json == client.get(f"{api}/note").json
    assert written.json["text"] == TEXT.strip()
    assert datetime.fromisoformat(written.json["at"]) >= began
    html = client.get(page).get_data(as_text=True)
    assert "Trend only: &lt;b&gt;fails&lt;/b&gt;\n\tin 2008, – 100 % sure" in html
    matches = client.get("/api/runs?q=FAILS").json["runs"]
    assert bool(matches) == bool(client.get("/api/runs").json["runs"])
    assert not client.get("/api/runs?q=unwritten").json["runs"]
    client.post(f"{api}/cancel")
    assert client.delete(api).status_code == 200
    with app.extensions["platform"].engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(notes)) == 0


def test_an_empty_note_deletes_it_and_a_bad_one_says_what_is_accepted(
    client: FlaskClient,
) -> None:
    api, page = submitted(client, "run")
    client.put(f"{api}/note", json={"text": "first"})

    refused: list[Any] = [
        client.put(f"{api}/note", json=body)
        for body in ({"text": "x" * 2001}, {"text": "a\0b"}, {}, {"text": 5})
    ]
    longest = client.put(f"{api}/note", json={"text": "é" * 2000})
    client.put(f"{api}/note", json={"text": " \n "})

    assert [(each.status_code, [*each.json["errors"]]) for each in refused] == [
        (400, ["text"])
    ] * 4
    assert "2000" in refused[0].json["errors"]["text"]
    assert longest.json["text"] == "é" * 2000
    assert client.get(f"{api}/note").json["text"] is None
    assert "Add a note" in client.get(page).get_data(as_text=True)


def test_only_its_submitter_and_admins_write_it_with_their_name(
    anybody: FlaskClient, made: TokenMaker
) -> None:
    mine, theirs, admin = made("submit", "mine"), made("submit", "theirs"), made("admin", "boss")
    run_id = anybody.post("/run_backtest", json=run_values(), headers=theirs).json["run_id"]
    anybody.post("/api/runs/bulk?batch_id=b", json=sweep_values(1), headers=theirs)

    answers = [
        anybody.put(f"/api/{path}/note", json={"text": "why"}, headers=who)
        for path in (f"runs/{run_id}", "batches/b")
        for who in (mine, theirs, admin)
    ]

    assert [each.status_code for each in answers] == [403, 200, 200] * 2
    assert [each.json.get("author") for each in answers] == [None, "theirs", "boss"] * 2
    assert anybody.get("/api/batches/b/note", headers=mine).json["text"] == "why"
