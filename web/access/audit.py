"""The audit for admins, as a page, as JSON and as a CSV file."""

from collections.abc import Callable
from itertools import chain
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import RowMapping

from adapters.access.audit import all_deeds, list_deeds, list_strangers
from adapters.access_tables import audit
from adapters.database import reading
from adapters.runs.times import utc_text
from web.answers import csv_file
from web.arguments import MAX_DIGITS, accepting, read_argument, reading_arguments, whole_number
from web.platform import platform

blueprint = Blueprint("audit", __name__)

DEEDS, MOST_DEEDS = 100, 1000  # in one answer, by default and at most
COUNTS = 50  # of strangers' requests on the page
FILTERS = {"actor": 80, "action": 64, "run_id": 36}  # and the lengths of their columns


@blueprint.get("/audit")
def page() -> str:
    """Changes, logins and refusals, latest first: ?actor=&action=&run_id=&status=&after=<next_after>."""
    deeds, next_after = _listed()
    asked = {name: request.args.get(name, "") for name in (*FILTERS, "status")}
    with reading(platform().engine) as connection:
        counts = list_strangers(connection, COUNTS)
    return render_template("access/audit.html", deeds=deeds, next_after=next_after, asked=asked, strangers=counts)


@blueprint.get("/api/audit")
def listed() -> ResponseReturnValue:
    """Changes, logins and refusals, latest first, a page at a time: ?limit=100, then &after=<next_after>."""
    deeds, next_after = _listed()
    return jsonify({"audit": [{**each, "at": utc_text(each["at"])} for each in deeds], "next_after": next_after})


@blueprint.get("/api/audit.csv")
def export() -> Response:
    """Everything that /api/audit lists, in one file, latest first, by the same filters."""
    after, _, equal = _asked()
    deeds = all_deeds(platform().engine, after, **equal)
    rows = ([*({**each, "at": utc_text(each["at"])}.values())] for each in deeds)
    return csv_file(chain([audit.columns.keys()], rows), "audit.csv")


@blueprint.get("/api/audit/strangers")
def counted() -> ResponseReturnValue:
    """What strangers did and were refused, by hour, kind and status, the latest hour first: ?limit=100."""
    limit = read_argument("limit", whole_number(1, MOST_DEEDS), DEEDS)
    with reading(platform().engine) as connection:
        counts = list_strangers(connection, limit)
    return jsonify({"strangers": [{**each, "hour": utc_text(each["hour"])} for each in counts]})


def _listed() -> tuple[list[RowMapping], int | None]:
    after, limit, equal = _asked()
    with reading(platform().engine) as connection:
        deeds = list(list_deeds(connection, after, limit, **equal))
    return deeds, deeds[-1]["id"] if len(deeds) == limit else None


def _asked() -> tuple[int | None, int, dict[str, Any]]:
    """Where to begin, how many rows, and the values that they have."""
    with reading_arguments(request.args, known=(*FILTERS, "status", "after", "limit")) as read:
        after: int | None = read("after", whole_number(0, 10**MAX_DIGITS), None)
        limit = read("limit", whole_number(1, MOST_DEEDS), DEEDS)
        equal: dict[str, Any] = {name: read(name, _word(length), None) for name, length in FILTERS.items()}
        equal["status"] = read("status", whole_number(100, 599), None)
    return after, limit, {name: value for name, value in equal.items() if value is not None}


def _word(length: int) -> Callable[[str], str]:
    known = f"at most {length} printable characters of ASCII"
    return accepting(lambda text: len(text) <= length and text.isascii() and text.isprintable(), known, str)
