"""The audit for admins, as a page and as JSON."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import RowMapping

from adapters.results.times import utc_text
from adapters.store.audit import list_deeds
from adapters.store.database import reading
from web.arguments import MAX_DIGITS, accepting, reading_arguments, whole_number
from web.platform import platform

blueprint = Blueprint("audit", __name__)

DEEDS, MOST_DEEDS = 100, 1000  # in one answer, by default and at most
FILTERS = {"actor": 80, "action": 64, "run_id": 36}  # and the lengths of their columns


@blueprint.get("/audit")
def page() -> str:
    """Changes, logins and refusals, latest first: ?actor=&action=&run_id=&status=&after=<next_after>."""
    deeds, next_after = _asked()
    asked = {name: request.args.get(name, "") for name in (*FILTERS, "status")}
    return render_template("audit.html", deeds=deeds, next_after=next_after, asked=asked)


@blueprint.get("/api/audit")
def listed() -> ResponseReturnValue:
    """Changes, logins and refusals, latest first, a page at a time: ?limit=100, then &after=<next_after>."""
    deeds, next_after = _asked()
    return jsonify({"audit": [{**each, "at": utc_text(each["at"])} for each in deeds], "next_after": next_after})


def _asked() -> tuple[list[RowMapping], int | None]:
    with reading_arguments(request.args, known=(*FILTERS, "status", "after", "limit")) as read:
        after: int | None = read("after", whole_number(0, 10**MAX_DIGITS), None)
        limit = read("limit", whole_number(1, MOST_DEEDS), DEEDS)
        equal: dict[str, Any] = {name: read(name, _word(length), None) for name, length in FILTERS.items()}
        equal["status"] = read("status", whole_number(100, 599), None)
    with reading(platform().engine) as connection:
        given = {name: value for name, value in equal.items() if value is not None}
        deeds = list(list_deeds(connection, after, limit, **given))
    return deeds, deeds[-1]["id"] if len(deeds) == limit else None


def _word(length: int) -> Callable[[str], str]:
    known = f"at most {length} printable characters of ASCII"
    return accepting(lambda text: len(text) <= length and text.isascii() and text.isprintable(), known, str)
