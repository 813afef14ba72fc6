"""Presets of the form: save, change, list, delete. One holds parameters only; what they mean is the rule catalog's.

Its address and the name of its list keep an older word, strategies, on which programs rely.
"""

from typing import Any

from flask import Blueprint, abort, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from adapters.store.database import is_duplicate_key, reading
from adapters.store.presets import change_preset, count_presets, delete_preset, list_presets, list_versions, save_preset
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
    """All presets by name; a field that was added to the contract later has its default."""
    with reading(platform().engine) as connection:
        saved = list_presets(connection)
    defaults = {name: FIELDS[name].default for name in PRESET_FIELDS}
    return jsonify({"strategies": [preset | {"form": defaults | preset["form"]} for preset in saved]})


@blueprint.post("/api/strategies")
def save() -> ResponseReturnValue:
    """Save {name, request} as a preset; 409 when the name is taken."""
    body = json_body()
    _check_body(body, "name")
    name, form = _name(body), _form(body)
    try:
        with platform().engine.begin() as connection:
            if count_presets(connection) >= MAX_PRESETS:
                raise Conflict(f"there are {MAX_PRESETS} presets already; delete one first")
            preset_id = save_preset(connection, name, form)
    except IntegrityError as error:
        if not is_duplicate_key(error):
            raise
        raise Conflict(f"a preset is called {name!r} already; choose another name, or delete that one first") from None
    return {"id": preset_id, "name": name, "rule_type": form["rule_type"], "version": 1, "form": form}, 201


@blueprint.put("/api/strategies/<int:preset_id>")
def change(preset_id: int) -> ResponseReturnValue:
    """Make {version, request} the version after `version`, the latest one that the client knows; 409 when it is not."""
    body = json_body()
    _check_body(body, "version")
    version = body.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 0 < version < MAX_ID:
        raise InvalidRequest({"version": "the number of the preset's latest version is expected"})
    form = _form(body)
    with platform().engine.begin() as connection:
        if not _versions(connection, preset_id):
            abort(404, f"there is no preset {preset_id}")
        if not change_preset(connection, preset_id, version, form):
            raise Conflict(f"version {version} is not the preset's latest; load it again first")
    return {"id": preset_id, "rule_type": form["rule_type"], "version": version + 1, "form": form}


@blueprint.get("/api/strategies/<int:preset_id>/versions")
def versions(preset_id: int) -> ResponseReturnValue:
    """Every version of a preset, the latest first; 404 when there is no such preset."""
    with reading(platform().engine) as connection:
        found = _versions(connection, preset_id)
    return {"versions": found} if found else abort(404, f"there is no preset {preset_id}")


def _versions(connection: Connection, preset_id: int) -> list[dict[str, Any]]:
    return list_versions(connection, preset_id) if preset_id < MAX_ID else []


def _check_body(body: Any, other: str) -> None:
    if not isinstance(body, dict) or set(body) - {other, "request"}:
        raise InvalidRequest({"body": f"an object with {other} and request is expected"})


def _name(body: dict[str, Any]) -> str:
    name = body["name"].strip() if isinstance(body.get("name"), str) else ""
    if not 0 < len(name) <= 64 or not name.isprintable():
        raise InvalidRequest({"name": "1 to 64 printable characters are accepted"})
    return name


def _form(body: dict[str, Any]) -> dict[str, Any]:
    """The form of a preset; its request is checked as a run's would be."""
    values = validate_request(body.get("request"), platform().prices).request.to_json()
    return {field: values[field] for field in PRESET_FIELDS}


@blueprint.delete("/api/strategies/<int:preset_id>")
def delete(preset_id: int) -> ResponseReturnValue:
    """Delete a preset; 404 when there is none."""
    with platform().engine.begin() as connection:
        if preset_id > MAX_ID or not delete_preset(connection, preset_id):
            abort(404, f"there is no preset {preset_id}")
    return "", 204
