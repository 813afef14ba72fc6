"""The contract is the only list of a request's fields: form, messages and API description follow it."""

import dataclasses
import json
import re
from typing import Annotated

from annotated_types import Ge, Lt, MaxLen, MinLen
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import escape
from sqlalchemy import update

from adapters.tables import runs
from contracts.run_request import LABEL_FIELDS, About
from tests.services.web_app import run_values
from tests.web.conftest import RunMaker
from web.titles import FIELDS, PRESET_FIELDS, read_fields


@dataclasses.dataclass
class MadeUp:
    """A contract with a field that the real one does not have."""

    leverage: Annotated[
        Annotated[float, Ge(1), Lt(5)] | None, About("Leverage", "orders", "of equity", "times")
    ] = None
    hedged: Annotated[bool, About("Hedge", "orders", "hedge the market")] = True
    themes: Annotated[
        Annotated[list[Annotated[str, MinLen(1), MaxLen(20)]], MaxLen(4)],
        About("Themes", "orders", "of the trade"),
    ] = dataclasses.field(default_factory=list)
    floor_pct: Annotated[
        Annotated[float, Ge(0), Lt(100)] | None, About("Floor", "orders", suggested=0)
    ] = None


def test_every_field_of_the_contract_is_in_form_messages_and_description(
    client: FlaskClient,
) -> None:
    form = client.get("/").text
    described = client.get("/api/openapi.json").json["components"]["schemas"]["RunRequest"][
        "properties"
    ]

    for name, field in FIELDS.items():
        if field.about.in_forms and name != "params":
            control = re.search(rf'<(input|select)[^>]*\sname="{name}"\s+data-field[^>]*>', form)
            assert control, f"{name} is not in the form"
            assert str(escape(field.about.title)) in form
            assert str(escape(field.about.help)) in form or name in ("ticker", "rule_type")
        if name != "run_id":
            refused = client.post("/run_backtest", json=run_values(**{name: [1]})).json["errors"][
                name
            ]
            assert refused == f"[1] is not accepted; accepted: {field.accepts}"
            assert described[name]["description"] == field.accepts


def test_a_new_field_needs_no_other_line(app: Flask) -> None:
    fields = read_fields(MadeUp)
    with app.test_request_context():
        form = (
            app.jinja_env.get_template("runs/_fields.html")
            .make_module({"fields": fields})
            .section("orders")
        )  # type: ignore[attr-defined]

    assert fields["leverage"].accepts == "times from 1 to below 5 (of equity), or null"
    assert re.search(
        r'type="number"[^>]*\smin="1"\s+max="5"[^>]* placeholder="none"[^>]*name="leverage"\s+data-field data-optional',
        form,
    )
    assert (
        fields["themes"].accepts
        == "a list of at most 4, each of 1 to 20 characters (of the trade)"
    )
    assert fields["themes"].format_value(["gold", "oil"]) == "gold, oil"
    assert re.search(r'name="themes"\s+data-field data-optional data-words', form)
    assert re.search(r'placeholder="none" value="0" [^>]*name="floor_pct"', form)
    assert re.search(r'type="checkbox"[^>]*\sname="hedged"\s+data-field checked', form)


def test_a_run_from_before_a_field_was_added_keeps_its_page(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    older = {
        name: value for name, value in run_values().items() if name not in ("charts", "fill")
    }
    with page_app.extensions["platform"].engine.begin() as connection:
        stored = json.dumps(
            {"initial_capital": 100_000.0, "timeframe": "1d", "direction": "longonly", **older}
        )
        connection.execute(
            update(runs).where(runs.c.run_id == run_id).values(request_json=stored)
        )

    page = browser_client.get(f"/result/{run_id}")

    assert page.status_code == 200
    assert "Initial capital" in page.text
    assert "Fill price" not in page.text


def test_a_clone_of_such_a_run_asks_for_the_same_again(
    page_app: Flask, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("pending")
    with page_app.extensions["platform"].engine.begin() as connection:
        older = json.dumps(run_values())
        connection.execute(update(runs).where(runs.c.run_id == run_id).values(request_json=older))

    form = browser_client.get(f"/?clone={run_id}").text

    assert re.search(r'value="0" [^>]*name="liquidate_below_pct"', form)
    assert '"liquidate_below_pct": null' in form


def test_a_preset_keeps_what_belongs_to_the_strategy() -> None:
    assert {"rule_type", "params", "fee_rate", "stop_loss_pct"} <= set(PRESET_FIELDS)
    assert not LABEL_FIELDS & set(PRESET_FIELDS)
    assert not {"ticker", "timeframe", "start_date", "end_date"} & set(PRESET_FIELDS)


def test_values_are_formatted_with_their_units() -> None:
    texts = {
        ("fee_rate", 0.001): "0.1 %",
        ("slippage_bps", 25): "25 bps",
        ("initial_capital", 1e5): "100,000",
        ("direction", "longonly"): "long only",
        ("stop_loss_pct", 5.5): "5.5 %",
        ("fractional_shares", True): "on",
    }

    assert {(name, value): FIELDS[name].format_value(value) for name, value in texts} == texts
