"""Presets: named form parameters. They define no trading logic; the rule catalog does."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from adapters.results.times import utc_text
from adapters.store.database import database_now
from adapters.store.tables import preset_versions, presets


def list_presets(connection: Connection) -> list[dict[str, Any]]:
    """All presets by name, each as its latest version."""
    rows = connection.execute(select(presets).order_by(presets.c.name))
    return [{"id": row.id, "name": row.name, "rule_type": row.rule_type, **_version(row)} for row in rows]


def list_versions(connection: Connection, preset_id: int) -> list[dict[str, Any]]:
    """All versions of a preset, the latest first; empty when there is no such preset."""
    columns = [
        [table.c[name] for name in ("version", "form_json", "created_at")] for table in (presets, preset_versions)
    ]
    latest = select(*columns[0]).where(presets.c.id == preset_id)
    earlier = select(*columns[1]).where(preset_versions.c.preset_id == preset_id)
    rows = connection.execute(latest.union_all(earlier)).all()
    return [_version(row) for row in sorted(rows, key=lambda row: -row.version)]


def _version(row: Any) -> dict[str, Any]:
    return {"version": row.version, "form": json.loads(row.form_json), "created_at": utc_text(row.created_at)}


def count_presets(connection: Connection) -> int:
    """How many presets there are."""
    return connection.execute(select(func.count()).select_from(presets)).scalar_one()


def save_preset(connection: Connection, name: str, form: Mapping[str, Any]) -> int:
    """Record a preset and return its id; IntegrityError when the name is taken."""
    values = {"name": name, "rule_type": form["rule_type"], "form_json": json.dumps(form, ensure_ascii=False)}
    saved = connection.execute(insert(presets).values(**values, created_at=database_now()))
    key = saved.inserted_primary_key
    return int(key[0]) if key else 0


def change_preset(connection: Connection, preset_id: int, version: int, form: Mapping[str, Any]) -> bool:
    """Make `form` the version after `version`, which is kept; False unless that is the preset's latest."""
    latest = (presets.c.id == preset_id) & (presets.c.version == version)
    kept = select(presets.c.id, presets.c.version, presets.c.form_json, presets.c.created_at).where(latest)
    names = ["preset_id", "version", "form_json", "created_at"]
    if connection.execute(insert(preset_versions).from_select(names, kept)).rowcount != 1:
        return False
    values = {"rule_type": form["rule_type"], "form_json": json.dumps(form, ensure_ascii=False)}
    changed = update(presets).where(latest).values(**values, version=version + 1, created_at=database_now())
    return connection.execute(changed).rowcount == 1


def delete_preset(connection: Connection, preset_id: int) -> bool:
    """Remove a preset with all its versions; False when there is none with this id."""
    connection.execute(delete(preset_versions).where(preset_versions.c.preset_id == preset_id))
    return connection.execute(delete(presets).where(presets.c.id == preset_id)).rowcount == 1
