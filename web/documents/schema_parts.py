"""A compact notation for the JSON Schemas of the HTTP API: names, and the kind of each."""

from typing import get_args

from contracts.portfolio_request import Mode
from contracts.run_result import ExitReason
from contracts.status import RunStatus
from contracts.study import StudyStatus
from contracts.values import Json
from web.documents.openapi_schemas import PARTS

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
OBJECT: Json = {"type": "object"}
COUNT = WHOLE | {"minimum": 0}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """Return a reference to a named schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def keyed(schema: Json) -> Json:
    return OBJECT | {"additionalProperties": schema}


KINDS = {
    "text": TEXT,
    "number": NUMBER,
    "percent": NUMBER | {"minimum": 0, "maximum": 100},
    "whole": WHOLE,
    "count": COUNT,
    "flag": {"type": "boolean"},
    "object": OBJECT,
    "moment": TEXT | {"format": "date-time"},
    "times": array(WHOLE) | {"description": "seconds since 1970, UTC"},
    "state": {"enum": [status.public for status in RunStatus]},
    "study_state": {"enum": [status.public for status in StudyStatus]},
    "mode": {"enum": [*get_args(Mode)]},
    "exit": {"enum": [*get_args(ExitReason), "end_of_prices"]},
}
_SUFFIXES = {"?": or_null, "[]": array, "{}": keyed}


def schema(kind: str) -> Json:
    """Return the schema of a kind: a key of KINDS or PARTS, the name of a schema, or values separated by |.

    The suffix ? adds null, [] makes a list, and {} a map by name.
    """
    for suffix, wrap in _SUFFIXES.items():
        if kind.endswith(suffix):
            return wrap(schema(kind.removesuffix(suffix)))
    if "|" in kind:
        return {"enum": kind.split("|")}
    return object_schema(PARTS[kind]) if kind in PARTS else KINDS.get(kind) or ref(kind)


def object_schema(fields: str) -> Json:
    """Build the schema of an object from lines of fields, kinds and descriptions: `days seconds: count?  # till then`.

    Groups of fields are separated by commas. An optional field has a ? after its name: `note?: text`.
    """
    properties: Json = {}
    required: list[str] = []
    for line in fields.strip().splitlines():
        kinds, _, about = line.strip().partition("  # ")
        for names, kind in (each.split(": ") for each in kinds.split(", ")):
            described = schema(kind) | ({"description": about} if about else {})
            properties |= {name.removesuffix("?"): described for name in names.split()}
            required += [name for name in names.split() if not name.endswith("?")]
    return OBJECT | {"properties": properties, "required": required}
