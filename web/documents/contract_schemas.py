"""The contract's dataclasses as JSON Schemas, made by pydantic."""

from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints, is_typeddict

from pydantic import BaseModel, create_model
from typing_extensions import TypedDict

from contracts.portfolio_request import (
    MAX_LEGS,
    MODE_OF,
    TERMS,
    LegRequest,
    PortfolioRequest,
    Sharing,
)
from contracts.run_request import RunRequest
from contracts.run_result import RunResult
from contracts.sweep import ACCEPTED, SweepSpec
from contracts.values import Json
from web.titles import adapter_of, read_fields


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
    legs["description"] = f"1 to {MAX_LEGS}; a ticker may have several, with different rules"
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
    """Return the properties of Sharing, each with the mode that it belongs to."""
    properties = {
        name: dict(each) for name, each in request_schema(Sharing)["properties"].items()
    }
    for name, mode in MODE_OF.items():
        properties[name]["description"] += f"; with mode {mode} only"
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
    described = TypedDict(kind.__name__, get_type_hints(kind, include_extras=True))  # type: ignore[misc]  # built at run time
    described.__doc__ = kind.__doc__
    return described
