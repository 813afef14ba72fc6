"""Every route in Markdown, out of the OpenAPI document: who may ask, what goes in, what comes back, an example."""

import json
import re
import shlex
from typing import Any

from flask import Flask

from adapters.settings import Settings
from scripts.reference.markdown import cell, table
from web import create_app
from web.documents.openapi import description_of
from web.guard import needed_scope

RUN = {"ticker": "AAPL", "rule_type": "RSI", "start_date": "2004-01-01", "end_date": "2006-12-31"}
BODIES: dict[str, Any] = {
    "POST /run_backtest": RUN,
    "POST /api/runs/bulk": [RUN | {"params": {"period": period}} for period in (7, 14)],
    "POST /api/batches": {"name": "three", "base": RUN, "parameters": {"period": {"min": 7, "max": 21, "step": 7}}},
    "POST /api/rules/check": {"rule_type": "RSI", "params": {"period": 1}},
    "POST /api/strategies": {"name": "my first", "request": RUN},
    "PUT /api/strategies/{preset_id}": {"request": RUN | {"fee_rate": 0.002}},
    "POST /api/studies": {
        "kind": "holdout",
        "base": RUN | {"end_date": "2012-12-31"},
        "combinations": [{"period": 7}, {"period": 14}],
    },
}
QUERIES = {"GET /api/curves": "?run=$RUN_ID", "POST /api/runs/bulk": "?batch_id=two"}
SAMPLES = {"ticker": "AAPL", "timeframe": "1d", "name": "equity_curve", "batch_id": "two", "preset_id": "1"}
UPLOAD = "-T data/AAPL.csv"  # of PUT /api/prices
UUID = "00000000-0000-4000-8000-000000000000"
SCOPES = {None: "everybody", "read": "`read`", "submit": "`submit`", "admin": "`admin`"}
_JSON = "application/json"


def operations() -> str:
    """A section for each route, then one for each schema that they name."""
    app = create_app(Settings(database_url="sqlite://"))
    document = description_of(app)
    routes = [
        (method.upper(), path, each) for path, methods in document["paths"].items() for method, each in methods.items()
    ]
    index = table("| route | what it does |", [_row(f"{method} {path}", each) for method, path, each in routes])
    told = [_operation(app, *route) for route in routes]
    schemas = document["components"]["schemas"]
    described = [_schema(name, schemas[name]) for name in schemas if _is_told(name)]
    return "\n".join([*index, *told, "## Schemas", "", *described])


def _row(route: str, each: dict[str, Any]) -> tuple[str, str]:
    anchor = re.sub(r"[^\w -]", "", route).lower().replace(" ", "-")
    return f"[`{route}`](#{anchor})", cell(each["summary"])


def _is_told(name: str) -> bool:
    return not name.endswith("Params")  # those are in rules.md


def _operation(app: Flask, method: str, path: str, each: dict[str, Any]) -> str:
    sample = re.sub(r"{(\w+)}", lambda name: SAMPLES.get(name[1], UUID if name[1] != "data_hash" else "0" * 64), path)
    with app.test_request_context(sample, method=method):
        scope = SCOPES[needed_scope()]
    codes = [f"{code} {words}" for code, words in _answers(each["responses"])]
    return "\n".join(
        [
            f"## {method} {path}",
            "",
            f"{cell(each['summary'])} For {scope}.",
            "",
            *_parameters(each["parameters"]),
            *_body(each.get("requestBody")),
            f"Answers: {'; '.join(codes)}.",
            "",
            *_example(method, path),
        ]
    )


def _answers(responses: dict[str, Any]) -> list[tuple[str, str]]:
    """Code and words of each answer but the default, an Error."""
    found = []
    for code, answer in sorted(responses.items()):
        schema = answer.get("content", {}).get(_JSON, {}).get("schema")
        kind = f", {_type(schema)}" if schema and code < "300" else ""
        found += [(code, f"{answer['description']}{kind}")] if code != "default" else []
    return found


def _parameters(parameters: list[dict[str, Any]]) -> list[str]:
    rows = [
        (f"`{each['name']}`", each["in"], _type(each["schema"]), cell(each.get("description", "")))
        for each in parameters
    ]
    return table("| parameter | in | type | |", rows)


def _body(body: dict[str, Any] | None) -> list[str]:
    kinds = [f"`{kind}`: {_type(each['schema'])}" for kind, each in (body or {"content": {}})["content"].items()]
    return [f"Body: {'; '.join(kinds)}.", ""] if kinds else []


def _type(schema: dict[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})" if _is_told(name) else f"`{name}`"
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    if "enum" in schema:
        words = [f"`{each}`" for each in schema["enum"]]
        return ", ".join(words) if len(words) < 8 else f"one of {len(words)} names"
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    if schema.get("properties"):
        return ", ".join(f"`{name}`: {_type(each)}" for name, each in schema["properties"].items())
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([schema.get("type", "anything"), *bounds])


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{field}`{' *' * (field in required)}", _type(each), _default(each), cell(each.get("description", "")))
        for field, each in schema.get("properties", {}).items()
    ]
    return "\n".join([f"### {name}", "", *table("| field | type | default | |", rows)])


def _default(schema: dict[str, Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _example(method: str, path: str) -> list[str]:
    """A command that asks for it, with ids from the variables that the page sets first."""
    label = f"{method} {path}"
    address = re.sub(r"{(\w+)}", lambda name: SAMPLES.get(name[1], f"${name[1].upper()}"), path)
    parts = ["curl -s"] + ([f"-X {method}"] if method not in ("GET", "PUT") and label not in BODIES else [])
    if label in BODIES:
        parts += [f"-X {method}"] if method == "PUT" else []
        parts += [f"-H 'Content-Type: {_JSON}' -d {shlex.quote(json.dumps(BODIES[label]))}"]
    elif method == "PUT":
        parts += [UPLOAD]
    return ["```sh", " ".join([*parts, f'"$URL{address}{QUERIES.get(label, "")}"']), "```", ""]
