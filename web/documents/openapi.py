"""The HTTP API in OpenAPI 3.1: routes from the application itself, bodies from the contract and the rule catalog."""

import copy
import re
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from werkzeug.routing import Rule

from contracts.run_result import CHART_NAMES
from contracts.status import PlanKind
from contracts.study import StudyRequest
from contracts.timeframes import TIMEFRAMES
from contracts.values import Json, without
from rules.catalog import RULES
from web.api import API_PATHS, Argument, conditional, operation_at
from web.documents.contract_schemas import (
    portfolio_schema,
    request_schema,
    result_schema,
    sweep_schema,
)
from web.documents.openapi_schemas import ANSWERS, PORTFOLIO_TRADE
from web.documents.schema_parts import COUNT, TEXT, array, object_schema, ref
from web.formats import run_id, ticker_symbol
from web.titles import adapter_of

blueprint = Blueprint("openapi", __name__)

VERSION = "1"
DEFAULT = "default what was wrong"  # an answer of every operation
_ANSWER = re.compile(r"(?P<code>\w+) (?:(?P<kind>[A-Z]\w+|\w+/\w+): )?(?P<words>.*)")
_PREFIXES = (*API_PATHS, "/result/<uuid:run_id>/charts/")
_REFERENCE = "#/components/schemas/{model}"
# a percentage of equity is at most 100
_PERCENT_SIZE = {
    "if": {"properties": {"size_type": {"const": "percent"}}, "required": ["size_type"]},
    "then": {"properties": {"position_size": {"maximum": 100}}, "required": ["position_size"]},
}
_IN_PATHS: dict[str, Json] = {
    **dict.fromkeys(("run_id", *(f"{kind}_id" for kind in PlanKind)), run_id.schema),
    "batch_id": TEXT,
    "preset_id": COUNT,
    "name": {"enum": list(CHART_NAMES)},
    "ticker": ticker_symbol.schema,
    "timeframe": {"enum": list(TIMEFRAMES)},
    "data_hash": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
}


@blueprint.get("/api/openapi.json")
def openapi() -> Response:
    """Return this description of the HTTP API."""
    servers = [{"url": request.script_root or "/"}]
    return conditional(description_of(current_app) | {"servers": servers})


def description_of(app: Flask) -> Json:
    """Return the OpenAPI document of the application's API."""
    paths: dict[str, Json] = {}
    for rule in sorted(app.url_map.iter_rules(), key=str):
        if str(rule).startswith(_PREFIXES):
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                paths.setdefault(_path(rule), {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Stock backtests", "version": VERSION, "description": _INTRODUCTION},
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_INTRODUCTION = (
    "Each run is one isolated, reproducible Job. Submit it, watch its status, read its result. Where there are tokens, "
    "every request but those of probes carries one. Whole numbers are written without a fraction: 14, not 14.0."
)


def _path(rule: Rule) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(rule))


def _operation(app: Flask, rule: Rule, method: str) -> Json:
    """Describe one operation from its view's docstring and declaration."""
    view, declared = app.view_functions[rule.endpoint], operation_at(app, rule.endpoint)
    described: Json = {
        "operationId": f"{rule.endpoint.replace('.', '_')}_{method.lower()}",
        "summary": str(view.__doc__).partition("\n")[0],
        "parameters": [
            *(
                {"name": name, "in": "path", "required": True, "schema": _IN_PATHS[name]}
                for name in sorted(rule.arguments)
            ),
            *map(_parameter, declared.asks),
        ],
        "responses": _answers(*declared.answers),
    }
    bodies = declared.body if declared.json is None else {"application/json": declared.json}
    if bodies:
        content = {kind: {"schema": _schema(body)} for kind, body in bodies.items()}
        described["requestBody"] = {"required": True, "content": content}
    if not declared.unguarded:
        described["security"] = [{"token": []}, {}]
    return described


def _schema(body: Any) -> Any:
    """Return the schema of a body as its operation declares it."""
    if isinstance(body, str):
        first, *others = map(ref, body.split("|"))
        return {"anyOf": [first, *others]} if others else first
    return request_schema(body) if isinstance(body, type) else body


def _parameter(argument: Argument) -> Json:
    schema, many = argument.parse.schema, argument.many
    if many:
        schema = array(schema) | {"minItems": many[0], "maxItems": many[1]}
    return {
        "name": argument.name,
        "in": "header" if argument.in_header else "query",
        "required": bool(many),
        "schema": schema,
        "description": argument.about,
    }


def _answers(*declared: str) -> Json:
    """Return responses by code; the kind is a schema or a media type, Error for faults."""
    responses = {}
    for code, kind, words in (_ANSWER.fullmatch(each).groups() for each in (*declared, DEFAULT)):  # type: ignore[union-attr]
        kind = kind or ("Error" if code == "default" or code >= "400" else None)
        responses[code] = {"description": words} | ({"content": _content(kind)} if kind else {})
    return responses


def _content(kind: str) -> Json:
    if "/" in kind:
        return {kind: {"schema": TEXT} if kind.startswith("text/") else {}}
    return {"application/json": {"schema": ref(kind)}}


def _schemas() -> Json:
    """Return every named schema, including those that contracts refer to."""
    schemas: Json = {}
    contracts = (
        request_schema(),
        result_schema(_REFERENCE),
        sweep_schema(),
        adapter_of(StudyRequest).json_schema(),
        portfolio_schema(_REFERENCE),
    )
    for contract in copy.deepcopy(contracts):
        schemas |= contract.pop("$defs", {}) | {contract["title"]: contract}
    run, leg, portfolio = (
        schemas[name] for name in ("RunRequest", "LegRequest", "PortfolioRequest")
    )
    issued = {"type": "null", "description": "issued by the server; leave it out"}
    run["properties"]["run_id"] = issued
    for one_rule in (run, leg):
        _name_rules(one_rule)
    for terms in (run, portfolio):
        terms.update(_PERCENT_SIZE)
    return {
        **schemas,
        **{f"{name}Params": rule.schema() for name, rule in RULES.items()},
        "PortfolioTrade": _merge(schemas["TradeRow"], object_schema(PORTFOLIO_TRADE)),
        "PortfolioOfBatch": _of_batch(portfolio),
        **{name: object_schema(fields) for name, fields in ANSWERS.items()},
    }


def _name_rules(one_rule: Json) -> None:
    """List the rules, and the params of each."""
    one_rule["properties"]["rule_type"]["enum"] = list(RULES)
    one_rule["properties"]["ticker"]["pattern"] = "^[A-Z0-9.^=-]{1,15}$"
    one_rule["oneOf"] = [
        {
            "properties": {
                "rule_type": {"const": name},
                "params": {"$ref": f"#/components/schemas/{name}Params"},
            }
        }
        for name in RULES
    ]


def _merge(one: Json, other: Json) -> Json:
    """Merge two object schemas: all properties, and all required ones."""
    required = list(dict.fromkeys(one["required"] + other["required"]))
    return one | {"properties": one["properties"] | other["properties"], "required": required}


def _of_batch(portfolio: Json) -> Json:
    """Return the schema of a portfolio of a batch: legs and terms default to those of its runs."""
    of_portfolio = without(portfolio["properties"], ("legs",))
    terms = {name: without(each, ("default",)) for name, each in of_portfolio.items()}
    batch = object_schema(
        "batch_id: text  # its completed runs are the legs, and what they share the terms"
    )
    return batch | {"properties": batch["properties"] | terms, "additionalProperties": False}
