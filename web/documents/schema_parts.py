"""What the JSON Schemas of the HTTP API are made of."""

from typing import Any

from contracts.values import Json

TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
OBJECT: Json = {"type": "object"}
COUNT = WHOLE | {"minimum": 0}


def json_object(required: Json, **optional: Any) -> Json:
    """An object that has all of `required`, and may have `optional`."""
    return OBJECT | {"properties": required | optional, "required": list(required)}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """One of the document's named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def alike(names: str, schema: Json) -> Json:
    """Fields of these names, all of one schema."""
    return dict.fromkeys(names.split(), schema)


def keyed(schema: Json, about: str = "") -> Json:
    return OBJECT | {"additionalProperties": schema} | ({"description": about} if about else {})


def page(name: str, items: Json, cursor: Json = COUNT) -> Json:
    return json_object({name: array(items), "next_after": or_null(cursor)})
