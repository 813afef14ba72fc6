"""A short way to write the JSON Schemas of the HTTP API: names, and the kind of each."""

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
    """One of the document's named schemas."""
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
_MADE = {"?": or_null, "[]": array, "{}": keyed}


def schema(kind: str) -> Json:
    """A word of KINDS or PARTS, the name of a schema, or words with | between them, one of which it is.

    With ? behind it may be null, with [] there are several in a list, with {} by name.
    """
    for end, made in _MADE.items():
        if kind.endswith(end):
            return made(schema(kind.removesuffix(end)))
    if "|" in kind:
        return {"enum": kind.split("|")}
    return having(PARTS[kind]) if kind in PARTS else KINDS.get(kind) or ref(kind)


def having(told: str) -> Json:
    """An object, of which each line tells fields, their kinds, and what they are: `days seconds: count?  # till then`.

    Kinds have commas between them. A field that may be missing has a ? behind its name: `note?: text`.
    """
    properties: Json = {}
    required: list[str] = []
    for line in told.strip().splitlines():
        kinds, _, about = line.strip().partition("  # ")
        for names, kind in (each.split(": ") for each in kinds.split(", ")):
            found = schema(kind) | ({"description": about} if about else {})
            properties |= {name.removesuffix("?"): found for name in names.split()}
            required += [name for name in names.split() if not name.endswith("?")]
    return OBJECT | {"properties": properties, "required": required}
