"""Presets of the form: save, change, list, delete. One holds parameters only; what they mean is the rule catalog's.

The address and the name of the list keep an older word, strategies, for compatibility.
"""

from typing import Any

from flask import Blueprint, abort
from flask.typing import ResponseReturnValue

from adapters.database_errors import DuplicateKey
from adapters.runs.presets import (
    change_preset,
    delete_preset,
    list_presets,
    save_preset,
)
from contracts.errors import Conflict, InvalidRequest
from contracts.values import Json, picked
from web.api import FAULTS, json_body, operation
from web.app import ask_database, change_database, platform
from web.runs.validation import validate_request
from web.titles import FIELDS, PRESET_FIELDS

blueprint = Blueprint("presets", __name__)

MAX_PRESETS = 500  # all of them are in the form's list
MAX_ID = 2**31
NO_PRESET = "404 no such preset"
REQUEST = {"$ref": "#/components/schemas/RunRequest"}
NAME = {"type": "string", "minLength": 1, "maxLength": 64, "description": "printable"}


def _object(**properties: Any) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    }


@blueprint.get("/api/strategies")
def presets() -> ResponseReturnValue:
    """All presets by name; a field that was added to the contract later has its default."""
    saved = ask_database(list_presets)
    defaults = {name: FIELDS[name].default for name in PRESET_FIELDS}
    return {"strategies": [preset | {"form": defaults | preset["form"]} for preset in saved]}


@blueprint.post("/api/strategies")
@operation("201 saved", FAULTS, "409 the name is taken", json=_object(name=NAME, request=REQUEST))
def save() -> ResponseReturnValue:
    """Save {name, request} as a preset; 409 when the name is taken."""
    body = _object_of("name", "request")
    name, form = _name(body), _form(body)
    if len(ask_database(list_presets)) >= MAX_PRESETS:
        raise Conflict(f"there are {MAX_PRESETS} presets already; delete one first")
    try:
        preset_id = change_database(save_preset, name, form)
    except DuplicateKey:
        raise Conflict(
            f"a preset is called {name!r} already; choose another name, or delete that one first"
        ) from None
    return {"id": preset_id, "name": name, "rule_type": form["rule_type"], "form": form}, 201


@blueprint.put("/api/strategies/<int:preset_id>")
@operation("200 saved", FAULTS, NO_PRESET, json=_object(request=REQUEST))
def change(preset_id: int) -> ResponseReturnValue:
    """Replace the settings of a preset by those of {request}; 404 when there is no such preset."""
    form = _form(_object_of("request"))
    if preset_id > MAX_ID or not change_database(change_preset, preset_id, form):
        abort(404, f"there is no preset {preset_id}")
    return {"id": preset_id, "rule_type": form["rule_type"], "form": form}


def _object_of(*names: str) -> Json:
    """Return the request's body; InvalidRequest for anything but an object of these names."""
    body = json_body()
    if not isinstance(body, dict) or body.keys() - names:
        raise InvalidRequest({"body": f"an object with {' and '.join(names)} is expected"})
    return body


def _name(body: Json) -> str:
    name = body["name"].strip() if isinstance(body.get("name"), str) else ""
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise InvalidRequest({"name": "1 to 64 printable characters are accepted"})
    return name


def _form(body: Json) -> Json:
    """Return the settings of a preset; its request is checked like that of a run."""
    values = validate_request(body.get("request"), platform().prices).request.to_json()
    return picked(values, PRESET_FIELDS)


@blueprint.delete("/api/strategies/<int:preset_id>")
@operation("204 deleted", NO_PRESET)
def delete(preset_id: int) -> ResponseReturnValue:
    """Delete a preset; 404 when there is none."""
    if preset_id > MAX_ID or not change_database(delete_preset, preset_id):
        abort(404, f"there is no preset {preset_id}")
    return "", 204
