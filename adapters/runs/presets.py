"""Presets: named form parameters. They define no trading logic; the rule catalog does."""

import json

from sqlalchemy import Connection, delete, insert, select, update

from adapters.database import database_now
from adapters.runs.times import utc_text
from adapters.tables import presets
from contracts.values import Json, Values


def list_presets(connection: Connection) -> list[Json]:
    """List all presets by name."""
    rows = connection.execute(select(presets).order_by(presets.c.name))
    return [
        {
            "id": row.id,
            "name": row.name,
            "rule_type": row.rule_type,
            "form": json.loads(row.form_json),
            "created_at": utc_text(row.created_at),
        }
        for row in rows
    ]


def save_preset(connection: Connection, name: str, form: Values) -> int:
    """Record a preset and return its id; DuplicateKey when the name is taken."""
    return connection.execute(insert(presets).values(name=name, **_values(form))).lastrowid


def _values(form: Values) -> Json:
    form_json = json.dumps(form, ensure_ascii=False)
    return {"rule_type": form["rule_type"], "form_json": form_json, "created_at": database_now()}


def change_preset(connection: Connection, preset_id: int, form: Values) -> bool:
    """Give a preset another form; False when there is none with this id."""
    changed = update(presets).filter_by(id=preset_id).values(**_values(form))
    return connection.execute(changed).rowcount == 1


def delete_preset(connection: Connection, preset_id: int) -> bool:
    """Remove a preset; False when there is none with this id."""
    return connection.execute(delete(presets).filter_by(id=preset_id)).rowcount == 1
