"""No value in any place of any request is a fault of ours: what a user got wrong is answered with what is accepted."""

import json
import re
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from tests.services.finished_runs import break_down
from tests.services.jobs import run_one
from tests.services.portfolios import ASKED, complete
from tests.services.studies import WALK_FORWARD
from tests.services.web_app import run_values, sweep_values
from tests.web.hostile_values import BODIES, KEYS, TEXTS, VALUES

JSON = "application/json"
KINDS = (
    JSON,
    "application/x-ndjson",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
)
HERE = "here"
RULE = {
    "params": {"buy": "close > n", "sell": "close < n", "inputs": {"n": {"value": 1}}},
    "rule_type": "FORMULA",
}
MEMBERS = [{"rule_type": "RSI", "params": {"period": 3}}, {"rule_type": "MACD"}]
VOTE = {"rule_type": "COMPOSITE", "params": {"mode": "all", "rules": MEMBERS}}
RUN = run_values(batch_id="b", label="l", data_hash=None, benchmark="MSFT", stop_loss_pct=2)
SWEEP = {
    "name": "n",
    "base": {name: RUN[name] for name in ("ticker", "rule_type", "start_date", "end_date")},
    "parameters": {"period": {"min": 7, "max": 14, "step": 7}, "oversold": [20, 30]},
    "where": ["period > 5"],
    "metric": {"name": "cagr", "goal": "max"},
    "constraints": ["num_trades > 5"],
}
SLEEVES = ASKED | {
    "mode": "sleeves",
    "volatility_bars": 20,
    "rebalance": "monthly",
    "rebalance_off_pct": 5,
}
RANKING = {
    "mode": "ranked",
    "score": "roc(close, n)",
    "keep": "close > sma(close, 20)",
    "inputs": {"n": 10},
    "top": 1,
    "rebalance": "monthly",
}
DATES = {name: RUN[name] for name in ("start_date", "end_date")}
RANKED = {**RANKING, **DATES, "legs": [{"ticker": "AAPL"}, {"ticker": "IBM"}]}
ROTATIONS = {
    "name": "n",
    "base": {"tickers": ["AAPL", "IBM"], **DATES},
    "portfolio": RANKING,
    "parameters": {"top": [1, 2], "inputs.n": [10, 20]},
    "metric": "sharpe_ratio",
}
BODIES_OF = {  # bodies that are right, by route
    "POST /run_backtest": [RUN, RUN | RULE, RUN | VOTE],
    "POST /api/runs/bulk": [[RUN]],
    "POST /api/batches": [SWEEP, SWEEP | {"study": {"kind": "selection"}}],
    "POST /api/screens": [SWEEP | {"metric": "sharpe_ratio"}],
    "POST /api/portfolios": [
        ASKED | {"priority": "close"},
        SLEEVES,
        RANKED,
        SWEEP | {"portfolio": {"max_positions": 2}},
        {"batch_id": "c"},
    ],
    "POST /api/portfolios/batch": [ROTATIONS],
    "POST /api/portfolios/study": [ROTATIONS | {"study": {"kind": "selection"}}],
    "POST /api/rules/check": [
        RULE | {"ticker": "AAPL", "timeframe": "1d", "end_date": "2009-12-31"},
        VOTE,
    ],
    "POST /api/strategies": [{"name": "other", "request": run_values()}],
    "PUT /api/strategies/<int:preset_id>": [{"request": run_values()}],
    "POST /api/studies": [
        WALK_FORWARD | {"constraints": ["num_trades > 5"]},
        SWEEP | {"study": {"kind": "selection"}},
    ],
}
# what pages are asked
PAGES = ("q", "tab", "run", "batch", "study", "sort", "after", "metric", "ticker", "x", "y")


def places(value: Any) -> Iterator[str]:
    """The JSON of a value as often as it has parts, each time with HERE for one of them."""
    yield HERE
    if isinstance(value, dict):
        for name in value:
            head, others = (
                json.dumps(name),
                json.dumps({each: value[each] for each in value if each != name}),
            )
            yield from (
                f"{{{head}: {inner}, {others[1:]}".replace(", }", "}")
                for inner in places(value[name])
            )
        yield from (f'{{"{key}": 1, {json.dumps(value)[1:]}' for key in KEYS)
    elif isinstance(value, list) and value:
        yield from (f"[{inner}]" for inner in places(value[0]))


class Asking:
    """Asks for every route with hostile values, and keeps what was answered badly."""

    def __init__(self, client: FlaskClient, path_values: dict[str, str]) -> None:
        self.client, self.path_values, self.requests = client, path_values, 0
        self.faults: list[str] = []

    def ask(
        self, rule: Rule, method: str, hostile: str | bytes, query: str = "", **sent: Any
    ) -> None:
        address = self.path_values | sent.pop("address", {})
        path = re.sub(
            r"<(?:\w+:)?(\w+)>",
            lambda name: quote(address[name[1]], safe="", errors="replace"),
            str(rule),
        )
        answer = self.client.open(f"{path}?{query}", method=method, buffered=True, **sent)
        self.requests += 1
        errors = (answer.json or {}).get("errors", {}) if answer.is_json else {}
        if answer.status_code >= 500 or (
            sent.get("content_type") == JSON and answer.status_code == 400 and not errors
        ):
            self.faults.append(
                f"{answer.status_code} {method} {rule} {query[:60]} {hostile[:200]!r}"
            )


@pytest.fixture
def asking(app: Flask, client: FlaskClient) -> Asking:
    """Someone who knows a finished run, a batch, a preset, a study, a robustness and a finished screen."""
    app.testing = False
    run_id = client.post("/run_backtest", json=run_values()).json["run_id"]
    break_down(app.extensions["platform"].engine, run_id)
    client.post("/api/runs/bulk?batch_id=c", json=sweep_values(3))
    preset = client.post("/api/strategies", json={"name": "mine", "request": run_values()}).json[
        "id"
    ]
    study_id = client.post("/api/studies", json=WALK_FORWARD).json["study_id"]
    screen_id = client.post("/api/screens", json=SWEEP | {"metric": "sharpe_ratio"}).json[
        "screen_id"
    ]
    run_one(app.extensions["platform"].engine, screen_id)
    path_values = {
        "run_id": run_id,
        "batch_id": "c",
        "preset_id": str(preset),
        "study_id": study_id,
        "name": "equity_curve",
    }
    path_values["screen_id"] = screen_id
    path_values["portfolio_id"] = complete(client, app.extensions["platform"].engine)[
        "portfolio_id"
    ]
    path_values["robustness_id"] = client.post(
        f"/api/runs/{path_values['portfolio_id']}/robustness"
    ).json["robustness_id"]
    prices = {"ticker": "AAPL", "timeframe": "1d", "data_hash": "0" * 64}
    return Asking(client, path_values | prices | {"asset_version": "x", "filename": "y"})


@pytest.mark.parametrize("share", [8, pytest.param(1, marks=pytest.mark.slow)])
def test_no_value_in_any_place_is_a_fault_of_ours(asking: Asking, app: Flask, share: int) -> None:
    described = json.loads(asking.client.get("/api/openapi.json").data)["paths"]
    values, texts, bodies = (cycle(all_of) for all_of in (VALUES, TEXTS, BODIES))

    for rule in app.url_map.iter_rules():
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            right = BODIES_OF.get(f"{method} {rule}", [])
            for body in (place for each in right for place in places(each)):
                for value in islice(values, max(1, len(VALUES) // share)):
                    data = body.replace(HERE, value)
                    asking.ask(rule, method, data, data=data, content_type=JSON)
            for kind in KINDS if method != "GET" else ():
                for raw in islice(bodies, max(1, len(BODIES) // share)):
                    asking.ask(rule, method, raw, data=raw, content_type=kind)
            operation = described.get(re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule)), {}).get(
                method.lower(), {}
            )
            names = [
                each["name"] for each in operation.get("parameters", []) if each["in"] == "query"
            ]
            for name in names or PAGES if method == "GET" else names:
                for text in islice(texts, max(1, len(TEXTS) // share)):
                    query = urlencode({name: text}, errors="surrogatepass")
                    asking.ask(rule, method, text, query, json=right[0] if right else None)
            for name in rule.arguments:
                for text in islice(texts, max(1, len(TEXTS) // share)):
                    asking.ask(rule, method, text, address={name: text})

    assert not asking.faults, "\n".join(asking.faults)
    assert asking.requests > 12_000 / share
