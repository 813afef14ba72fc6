"""The HTTP API in OpenAPI 3.1: routes from the application itself, bodies from the contract and the rule catalog."""

import copy
import json
import re
from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import typing_extensions
from flask import Blueprint, Flask, Response, current_app, request
from pydantic import BaseModel, ConfigDict, TypeAdapter, create_model
from pydantic.json_schema import GenerateJsonSchema
from werkzeug.routing import Rule

from contracts.portfolio_request import (
    MAX_LEGS,
    MODES_OF,
    RANKED,
    TERMS,
    LegRequest,
    PortfolioRequest,
    Sharing,
)
from contracts.run_request import RunRequest
from contracts.run_result import CHART_NAMES, RunResult
from contracts.status import PlanKind
from contracts.study import StudyRequest
from contracts.sweep import ACCEPTED, SweepSpec
from contracts.timeframes import TIMEFRAMES
from contracts.values import Json, without
from rules.catalog import RULES
from web.api import API_PATHS, Argument, conditional, operation_at
from web.documents import plan_answers, run_answers
from web.documents.run_answers import CONTRACT
from web.formats import run_id, ticker_symbol
from web.titles import adapter_of, read_fields

blueprint = Blueprint("openapi", __name__)

VERSION = "1"
DEFAULT = "default the fault"  # an answer of every operation
_ANSWER = re.compile(r"(?P<code>\w+) (?:(?P<kind>[A-Z]\w+|\w+/\w+): )?(?P<words>.*)")
_PREFIXES = (*API_PATHS, "/result/<uuid:run_id>/charts/")
_REFERENCE = "#/components/schemas/{model}"
_TEXT, _COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
# by the names of their schemas; with what they consist of, without classes that only others extend
ANSWERS = {
    name.removesuffix("Answer"): kind
    for name, kind in (vars(run_answers) | vars(plan_answers)).items()
    if typing_extensions.is_typeddict(kind) and name not in ("RunTimes", "PortfolioState")
}
# a percentage of equity is at most 100
_PERCENT_SIZE = {
    "if": {"properties": {"size_type": {"const": "percent"}}, "required": ["size_type"]},
    "then": {"properties": {"position_size": {"maximum": 100}}, "required": ["position_size"]},
}
_IN_PATHS: dict[str, Json] = {
    **dict.fromkeys(("run_id", *(f"{kind}_id" for kind in PlanKind)), run_id.schema),
    "batch_id": _TEXT,
    "preset_id": _COUNT,
    "name": {"enum": list(CHART_NAMES)},
    "ticker": ticker_symbol.schema,
    "timeframe": {"enum": list(TIMEFRAMES)},
    "data_hash": _TEXT | {"pattern": "^[0-9a-f]{64}$"},
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
    "Each run is one isolated, reproducible Job. Submit it, watch its status, read its result. If tokens are in use, "
    "every request except probes needs one. Whole numbers are written without a fraction: 14, not 14.0."
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
        first, *others = map(_ref, body.split("|"))
        return {"anyOf": [first, *others]} if others else first
    return request_schema(body) if isinstance(body, type) else body


def _ref(name: str) -> Json:
    return {"$ref": _REFERENCE.format(model=name)}


def _parameter(argument: Argument) -> Json:
    schema, many = argument.parse.schema, argument.many
    if many:
        schema = {"type": "array", "items": schema, "minItems": many[0], "maxItems": many[1]}
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
        return {kind: {"schema": _TEXT} if kind.startswith("text/") else {}}
    return {"application/json": {"schema": _ref(kind)}}


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
    answers = answer_schemas()
    run, leg, portfolio = (
        schemas[name] for name in ("RunRequest", "LegRequest", "PortfolioRequest")
    )
    issued = {"type": "null", "description": "issued by the server; leave it out"}
    run["properties"]["run_id"] = issued
    for one_rule in (run, leg):
        _name_rules(one_rule)
    _name_ranked(leg)
    for terms in (run, portfolio):
        terms.update(_PERCENT_SIZE)
    return {
        **schemas,
        **{f"{name}Params": rule.schema() for name, rule in RULES.items()},
        "PortfolioOfBatch": _of_batch(portfolio),
        **answers,
        "PortfolioTrade": _merge(schemas["TradeRow"], answers["PortfolioTrade"]),
    }


class _AnswerSchemas(GenerateJsonSchema):
    """Schemas whose names need not differ from those of other classes, with fields that have no titles."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix("Answer")

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


@cache
def answer_schemas() -> Json:
    """Return the schema of each answer by name; a string below a field is its description."""
    for kind in ANSWERS.values():
        kind.__pydantic_config__ = ConfigDict(use_attribute_docstrings=True)
    _, schemas = TypeAdapter.json_schemas(
        [(name, "serialization", adapter_of(kind)) for name, kind in ANSWERS.items()],
        ref_template=_REFERENCE,
        schema_generator=_AnswerSchemas,
    )

    def resolve(schema: Json) -> Json:
        return _ref(schema[CONTRACT]) if CONTRACT in schema else schema

    definitions: Json = json.loads(json.dumps(schemas["$defs"]), object_hook=resolve)
    return definitions


def _name_rules(one_rule: Json) -> None:
    """List the rules, and the params of each."""
    one_rule["properties"]["rule_type"]["enum"] = list(RULES)
    one_rule["properties"]["ticker"] |= ticker_symbol.schema
    one_rule["oneOf"] = [
        {
            "properties": {
                "rule_type": {"const": name},
                "params": {"$ref": f"#/components/schemas/{name}Params"},
            }
        }
        for name in RULES
    ]


def _name_ranked(leg: Json) -> None:
    """Let a leg have no rule, as with mode ranked."""
    leg["properties"]["rule_type"]["enum"].append(RANKED)
    no_rule = {"properties": {"rule_type": {"const": RANKED}, "params": {"maxProperties": 0}}}
    leg["anyOf"] = [*leg.pop("oneOf"), no_rule]


def _merge(one: Json, other: Json) -> Json:
    """Merge two object schemas: all properties, and all required ones."""
    required = list(dict.fromkeys(one["required"] + other["required"]))
    return one | {"properties": one["properties"] | other["properties"], "required": required}


def _of_batch(portfolio: Json) -> Json:
    """Return the schema of a portfolio of a batch: legs and terms default to those of its runs."""
    of_portfolio = without(portfolio["properties"], ("legs",))
    terms = {name: without(each, ("default",)) for name, each in of_portfolio.items()}
    about = "its completed runs become the legs; the fields that they share apply to all"
    return {
        "type": "object",
        "properties": {"batch_id": _TEXT | {"description": about}, **terms},
        "required": ["batch_id"],
        "additionalProperties": False,
    }


@cache
def request_schema(contract: Any = RunRequest) -> Json:
    """Return the JSON Schema of RunRequest, or of another contract whose fields are Annotated with About."""
    schema = adapter_of(contract).json_schema()
    for name, each in read_fields(contract).items():
        schema["properties"][name] |= {"title": each.about.title, "description": each.accepts}
    return schema


@cache
def portfolio_schema(reference: str = "#/$defs/{model}") -> Json:
    """Return the JSON Schema of PortfolioRequest: its legs, the fields of a run that they share, and Sharing."""
    run, leg = request_schema(), {"$ref": reference.format(model=LegRequest.__name__)}
    legs = {"type": "array", "items": leg, "minItems": 1, "maxItems": MAX_LEGS, "title": "Legs"}
    legs["description"] = (
        f"1 to {MAX_LEGS}; a ticker may have several, with different rules; with mode ranked none has a rule"
    )
    shared = {name: run["properties"][name] for name in TERMS}
    return {
        "$defs": {LegRequest.__name__: request_schema(LegRequest)},
        "additionalProperties": False,
        "properties": {"legs": legs, **shared, **_sharing()},
        "required": ["legs", *(name for name in run["required"] if name in TERMS)],
        "title": PortfolioRequest.__name__,
        "type": "object",
    }


def _sharing() -> Json:
    """Return the properties of Sharing, each with the modes that it belongs to."""
    properties = {
        name: dict(each) for name, each in request_schema(Sharing)["properties"].items()
    }
    for name, modes in MODES_OF.items():
        properties[name]["description"] += f"; with mode {' or '.join(modes)} only"
    return properties


@cache
def sweep_schema() -> Json:
    """Return the JSON Schema of SweepSpec."""
    schema = adapter_of(SweepSpec).json_schema()
    for name, accepted in ACCEPTED.items():
        schema["properties"][name]["description"] = accepted
    return schema


@cache
def result_schema(reference: str = "#/$defs/{model}") -> Json:
    """Return the JSON Schema of RunResult; its parts are in `$defs`."""
    members: Any = {
        each.name: (_described(each.type), _default(each)) for each in fields(RunResult)
    }
    described: type[BaseModel] = create_model(
        RunResult.__name__, __doc__=RunResult.__doc__, **members
    )
    return described.model_json_schema(ref_template=reference)


def _default(field: Any) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return ... if field.default is MISSING else field.default


def _described(kind: Any) -> Any:
    """Convert TypedDicts within a type: before Python 3.12 pydantic accepts those of typing_extensions only."""
    if is_typeddict(kind):
        return _typed_dict(kind)
    parts = tuple(map(_described, get_args(kind)))
    origin = Union if isinstance(kind, UnionType) else get_origin(kind)
    return origin[parts] if parts else kind


@cache
def _typed_dict(kind: Any) -> Any:
    hints = get_type_hints(kind, include_extras=True)
    described = typing_extensions.TypedDict(kind.__name__, hints)  # type: ignore[misc]
    described.__doc__ = kind.__doc__
    return described
