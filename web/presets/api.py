"""Presets of the form: save, list, delete. A preset holds parameters only; what they mean is the rule catalog's.

Its address and the name of its list keep an older word, strategies, on which programs rely.
"""

from typing import Any

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import IntegrityError

from adapters.store.database import is_duplicate_key, reading
from adapters.store.presets import count_presets, delete_preset, list_presets, save_preset
from contracts.errors import Conflict, InvalidRequest
from web.arguments import json_body
from web.platform import platform
from web.request_fields import FIELDS, PRESET_FIELDS
from web.runs.validation import validate_request

blueprint = Blueprint("presets", __name__)

MAX_PRESETS = 500  # all of them are in the form's list
MAX_ID = 2**31


@blueprint.get("/api/strategies")
def presets() -> ResponseReturnValue:
    """All presets by name; fields younger than a preset have their default in it."""
    with reading(platform().engine) as connection:
        saved = list_presets(connection)
    defaults = {name: FIELDS[name].default for name in PRESET_FIELDS}
    return jsonify({"strategies": [preset | {"form": defaults | preset["form"]} for preset in saved]})


@blueprint.post("/api/strategies")
def save() -> ResponseReturnValue:
    """Save {name, request} as a preset; 409 when the name is taken."""
    name, form = _valid(json_body())
    try:
        with platform().engine.begin() as connection:
            if count_presets(connection) >= MAX_PRESETS:
                raise Conflict(f"there are {MAX_PRESETS} presets already; delete one first")
            preset_id = save_preset(connection, name, form)
    except IntegrityError as error:
        if not is_duplicate_key(error):
            raise
        raise Conflict(f"a preset is called {name!r} already; choose another name, or delete that one first") from None
    return {"id": preset_id, "name": name, "rule_type": form["rule_type"], "form": form}, 201


def _valid(body: Any) -> tuple[str, dict[str, Any]]:
    """Name and form of a preset; its request is checked as a run's would be."""
    if not isinstance(body, dict) or set(body) - {"name", "request"}:
        raise InvalidRequest({"body": "an object with name and request is expected"})
    name = body["name"].strip() if isinstance(body.get("name"), str) else ""
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise InvalidRequest({"name": "1 to 64 printable characters are accepted"})
    values = validate_request(body.get("request"), platform().prices).request.to_json()
    return name, {field: values[field] for field in PRESET_FIELDS}


@blueprint.delete("/api/strategies/<int:preset_id>")
def delete(preset_id: int) -> ResponseReturnValue:
    """Delete a preset; 404 when there is none."""
    with platform().engine.begin() as connection:
        if preset_id > MAX_ID or not delete_preset(connection, preset_id):
            abort(404, f"there is no preset {preset_id}")
    return "", 204
