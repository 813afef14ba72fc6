"""What the JSON Schemas of the HTTP API are made of, and a short way to write them."""

from typing import get_args

from contracts.portfolio_request import Mode
from contracts.status import RunStatus
from contracts.study import StudyStatus
from contracts.values import Json

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
OBJECT: Json = {"type": "object"}
COUNT = WHOLE | {"minimum": 0}


def json_object(required: Json, **optional: Json) -> Json:
    """An object that has all of `required`, and may have `optional`."""
    return OBJECT | {"properties": required | optional, "required": list(required)}


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
    "whole": WHOLE,
    "count": COUNT,
    "flag": {"type": "boolean"},
    "object": OBJECT,
    "moment": TEXT | {"format": "date-time"},
    "times": array(WHOLE) | {"description": "seconds since 1970, UTC"},
    "state": {"enum": [status.public for status in RunStatus]},
    "state_counts": json_object({status.public: COUNT for status in RunStatus}),
    "study_state": {"enum": [status.public for status in StudyStatus]},
    "mode": {"enum": [*get_args(Mode)]},
}
_MADE = {"?": or_null, "[]": array, "{}": keyed}


def schema(kind: str, about: str = "") -> Json:
    """A word of KINDS, the name of a schema, or words with | between them, one of which it is.

    With ? behind it may be null, with [] there are several in a list, with {} by name.
    """
    for end, made in _MADE.items():
        if kind.endswith(end):
            found = made(schema(kind.removesuffix(end)))
            break
    else:
        found = {"enum": kind.split("|")} if "|" in kind else KINDS.get(kind) or ref(kind)
    return found | ({"description": about} if about else {})


def fields(told: str) -> Json:
    """Names and the kind of each: `run_id ticker: text, bars: count?`."""
    groups = (group.split(": ") for group in told.split(", "))
    return {name: schema(kind) for names, kind in groups for name in names.split()}


def having(told: str, **others: Json) -> Json:
    """An object that has such fields, and those others."""
    return json_object(fields(told) | others)


def page(name: str, items: Json, cursor: str = "count?") -> Json:
    return json_object({name: array(items), "next_after": schema(cursor)})
