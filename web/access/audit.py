"""The audit trail for admins, as a page, as JSON and as a CSV file."""

import re
from collections.abc import Sequence
from functools import partial
from itertools import chain

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import RowMapping

from adapters.access.audit import all_entries, list_entries
from adapters.access_tables import audit
from adapters.runs.times import utc_text
from contracts.values import Json
from web.api import AFTER, Argument, arguments, csv_file, limit, operation
from web.app import fetch_page, platform
from web.formats import ascii_words, whole_number

blueprint = Blueprint("audit", __name__)

ENTRIES, MOST_ENTRIES = 100, 1000  # in one answer, by default and at most
LENGTHS = {"actor": 80, "action": 64, "run_id": 36}  # of the columns
FILTERS = (
    *(
        Argument(name, ascii_words(length), "only entries with this value")
        for name, length in LENGTHS.items()
    ),
    Argument("status", whole_number(100, 599), "HTTP status of the response"),
)
LIMIT = limit(MOST_ENTRIES, ENTRIES)
NOT_ADMIN = "403 not an admin"
LISTED = (*FILTERS, AFTER, LIMIT)


@blueprint.get("/audit")
@operation(asks=LISTED, strict=True, needs="admin")
def page() -> str:
    """List changes, logins and refusals, latest first: ?actor=&action=&run_id=&status=&after=<next_after>."""
    entries, next_after = _listed()
    filters = {each.name: request.args.get(each.name, "") for each in FILTERS}
    actions = {each["action"] for each in entries}
    return render_template(
        "access/audit.html",
        entries=entries,
        action_labels={action: _action_label(action) for action in sorted(actions)},
        next_after=next_after,
        filters=filters,
    )


@blueprint.get("/api/audit")
@operation(
    "200 Audit: changes, logins and refusals, latest first",
    NOT_ADMIN,
    asks=LISTED,
    strict=True,
    needs="admin",
)
def listed() -> ResponseReturnValue:
    """List changes, logins and refusals, latest first, a page at a time: ?limit=100, then &after=<next_after>."""
    entries, next_after = _listed()
    return jsonify(
        {
            "audit": [{**each, "at": utc_text(each["at"])} for each in entries],
            "next_after": next_after,
        }
    )


@blueprint.get("/api/audit.csv")
@operation(
    "200 text/csv: all entries, latest first", NOT_ADMIN, asks=LISTED, strict=True, needs="admin"
)
def export() -> Response:
    """Export the audit as one CSV file, latest first, with the same filters."""
    entries = all_entries(platform().engine, arguments()["after"], **_filters())
    rows = ([*({**each, "at": utc_text(each["at"])}.values())] for each in entries)
    return csv_file(chain([audit.columns.keys()], rows), "audit.csv")


def _action_label(action: str) -> str:
    """Label an action by the first clause of its view's docstring; without a view, by the endpoint."""
    view = current_app.view_functions.get(action)
    return re.split(r"[;:.]", view.__doc__ or action)[0] if view else action


def _listed() -> tuple[Sequence[RowMapping], int | None]:
    return fetch_page(partial(list_entries, **_filters()))


def _filters() -> Json:
    """Return the filters of the request, by column."""
    values = arguments()
    return {each.name: values[each.name] for each in FILTERS if values[each.name] is not None}
