"""How much room the data takes, and what is deleted when."""

from dataclasses import fields

from flask import Blueprint, render_template

from adapters.database import reading
from adapters.settings import Settings
from adapters.upkeep.storage import bytes_a_day, bytes_by_kind, bytes_left
from web.platform import platform

blueprint = Blueprint("storage", __name__)


@blueprint.get("/storage")
def page() -> str:
    """Bytes by kind, largest first, what a day adds and when there is no room left, and the settings of retention."""
    with reading(platform().engine) as connection:
        room = bytes_by_kind(connection)
        taken = sum(room.values())
        a_day, left = bytes_a_day(connection, taken), bytes_left(platform().settings, connection, taken)
    names = [each.name for each in fields(Settings) if each.name.startswith("keep_")]
    kept = {name.upper(): getattr(platform().settings, name) for name in names}
    largest_first = sorted(room.items(), key=lambda item: -item[1])
    return render_template("upkeep/storage.html", room=largest_first, a_day=a_day, left=left, kept=kept)
