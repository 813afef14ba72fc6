"""How much room the data takes, and what is deleted when."""

from dataclasses import fields

from flask import Blueprint, render_template

from adapters.settings import Settings
from adapters.store.database import reading
from adapters.store.storage import bytes_by_kind
from web.platform import platform

blueprint = Blueprint("storage", __name__)


@blueprint.get("/storage")
def page() -> str:
    """Bytes by kind, largest first, and the settings of retention."""
    with reading(platform().engine) as connection:
        room = bytes_by_kind(connection)
    names = [each.name for each in fields(Settings) if each.name.startswith("keep_")]
    kept = {name.upper(): getattr(platform().settings, name) for name in names}
    return render_template("storage.html", room=sorted(room.items(), key=lambda item: -item[1]), kept=kept)
