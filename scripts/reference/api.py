"""Routes of the API from the OpenAPI document: scope, parameters, body, answers, an example."""

import json
import re
import shlex
from collections import defaultdict

from flask import Flask

from adapters.settings import Settings
from contracts.values import Json
from web import create_app
from web.documents.openapi import description_of
from web.security import required_scope

RUN = {"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2006-12-31"}
BODIES: Json = {
    "POST /run_backtest": RUN,
    "POST /api/runs/bulk": [RUN | {"params": {"period": period}} for period in (7, 14)],
    "POST /api/batches": {
        "name": "three",
        "base": RUN,
        "parameters": {"period": {"min": 7, "max": 21, "step": 7}},
    },
    "POST /api/screens": {"name": "two", "base": RUN, "parameters": {"period": [7, 14]}},
    "POST /api/runs/tags": {"run_ids": ["$RUN_ID"], "add": ["trend"]},
    **{
        f"PUT /api/{each}/title": {"title": "my best"}
        for each in (
            "runs/{run_id}",
            "batches/{batch_id}",
            "studies/{study_id}",
            "portfolios/{portfolio_id}",
        )
    },
    **{f"POST /api/runs/{change}": {"run_ids": ["$RUN_ID"]} for change in ("cancel", "retry")},
    "POST /api/rules/check": {
        "rule_type": "RSI",
        "params": {"period": 1},
        "ticker": "AAPL",
        "timeframe": "1d",
        "end_date": "2013-03-01",
    },
    "POST /api/strategies": {"name": "my first", "request": RUN},
    "PUT /api/strategies/{preset_id}": {"request": RUN | {"fee_rate": 0.002}},
    "POST /api/studies": {
        "kind": "holdout",
        "base": RUN | {"end_date": "2012-12-31"},
        "combinations": [{"period": 7}, {"period": 14}],
    },
    "POST /api/portfolios": {
        "legs": [{"ticker": ticker, "rule_type": "RSI"} for ticker in ("AAPL", "IBM")],
        **{name: RUN[name] for name in ("start_date", "end_date")},
        "max_positions": 1,
    },
}
QUERIES = {"GET /api/curves": "?run=$RUN_ID", "POST /api/runs/bulk": "?batch_id=two"}
SAMPLES = {
    "ticker": "AAPL",
    "timeframe": "1d",
    "name": "equity_curve",
    "batch_id": "two",
    "preset_id": "1",
}
UPLOAD = "-T data/AAPL.csv "  # of PUT /api/prices
UUID = "00000000-0000-4000-8000-000000000000"
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def operations() -> Json:
    """Return every route and the schemas that they name, for their template."""
    app = create_app(Settings(database_url="sqlite://"))
    document = description_of(app)
    schemas = document["components"]["schemas"]
    routes = [
        _operation(app, method.upper(), path, each)
        for path, methods in document["paths"].items()
        for method, each in methods.items()
    ]
    listed = {name: schema for name, schema in schemas.items() if _is_listed(name)}
    return {"routes": routes, "schemas": listed, "type_of": type_of}


def _is_listed(name: str) -> bool:
    return not name.endswith(("Params", "OfBatch"))  # those are in rules.md, and in portfolios.md


def _operation(app: Flask, method: str, path: str, each: Json) -> Json:
    route, ids = f"{method} {path}", defaultdict(lambda: UUID, SAMPLES | {"data_hash": "0" * 64})
    with app.test_request_context(path.format_map(ids), method=method):
        scope = required_scope()
    anchor = re.sub(r"[^\w -]", "", route).lower().replace(" ", "-")
    texts = {"route": route, "anchor": anchor, "command": _command(route)}
    return each | texts | {"scope": f"`{scope}`" if scope else "everybody"}


def _command(route: str) -> str:
    """Format a curl command for a route, with ids from the variables that the page sets first."""
    method, path = route.split()
    address = re.sub(r"{(\w+)}", lambda name: SAMPLES.get(name[1], f"${name[1].upper()}"), path)
    sent = UPLOAD if method == "PUT" else f"-X {method} " if method != "GET" else ""
    if route in BODIES:
        sent = f"-X {method} " if method == "PUT" else ""
        body = shlex.quote(json.dumps(BODIES[route])).replace("$RUN_ID", "'$RUN_ID'")
        sent += f"-H 'Content-Type: application/json' -d {body} "
    return f'curl -s {sent}"$URL{address}{QUERIES.get(route, "")}"'


def type_of(schema: Json) -> str:
    """Describe a schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})" if _is_listed(name) else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "items" in schema:
        return f"list of {type_of(schema['items'])}"
    if choices := schema.get("enum"):
        return _one_of(choices)
    if parts := schema.get("properties"):
        return ", ".join(f"`{name}`: {type_of(each)}" for name, each in parts.items())
    bounds = [f" {sign} {schema[key]}" for key, sign in BOUNDS.items() if key in schema]
    return "".join([schema.get("type", "anything"), *bounds])


def _one_of(choices: list[str]) -> str:
    return f"`{'`, `'.join(choices)}`" if len(choices) <= 7 else f"one of {len(choices)} names"
