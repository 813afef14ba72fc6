"""Log-in and sessions of browsers, use by actor, and the audit: its entries, page, JSON and CSV file."""

import logging
import re
import secrets
from collections.abc import Sequence
from functools import partial
from itertools import chain

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from prometheus_client import Counter
from sqlalchemy import RowMapping
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Unauthorized

from adapters.access import all_entries, digest_of, list_entries, record_entry
from adapters.access_tables import audit
from adapters.budgets import LISTED_DAYS, list_usage
from adapters.runs.times import utc_text
from contracts.values import Json
from web.api import (
    AFTER,
    Argument,
    arguments,
    csv_file,
    current_operation,
    limit,
    operation,
    read_body,
)
from web.app import ask_database, change_database, fetch_page, platform
from web.formats import ascii_words, whole_number
from web.security import changes_something, kind_of_request, token_holder

sessions = Blueprint("access", __name__)

MAX_LOGIN_BYTES = 4096  # of a form with one field, the token


@sessions.route("/login", methods=["GET", "POST"])
@operation(needs="anybody")
def login() -> ResponseReturnValue:
    """Log a browser in by its token."""
    if request.method == "GET":
        return render_template("access/login.html")
    read_body(MAX_LOGIN_BYTES)
    token = request.form.get("token", "")
    g.actor = token_holder(token)
    if g.actor is None:
        raise Unauthorized("this token is unknown, revoked or expired")
    # the session acts for the token until that expires or is revoked, or until a log-out
    session.update(id=secrets.token_urlsafe(16), token=digest_of(token))
    return redirect(url_for("form.page"))


@sessions.post("/logout")
@operation(needs="anybody")
def logout() -> ResponseReturnValue:
    """End this browser's session, also for copies of its cookie; the token itself stays valid."""
    if "id" in session:
        platform().tokens.end_session(session["id"])
    session.clear()
    return redirect(url_for("access.login"))


audit_views = Blueprint("audit", __name__)

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


@audit_views.get("/audit")
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


@audit_views.get("/api/audit")
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


@audit_views.get("/api/audit.csv")
@operation(
    "200 text/csv: all entries, latest first", NOT_ADMIN, asks=LISTED, strict=True, needs="admin"
)
def export() -> Response:
    """Export the audit as one CSV file, latest first, with the same filters."""
    entries = all_entries(platform().engine, arguments()["after"], **_filters())
    rows = ([*({**each, "at": utc_text(each["at"])}.values())] for each in entries)
    return csv_file(chain([audit.columns.keys()], rows), "audit.csv")


@audit_views.get("/usage")
@operation(needs="submit")
def usage_page() -> str:
    """Show what each actor used today and lately, and its budget; others than admins see their own use."""
    return render_template("access/usage.html", usage=_usage(), days=LISTED_DAYS)


@audit_views.get("/api/usage")
@operation("200 Usage: by actor, most CPU seconds first", needs="submit")
def usage() -> Response:
    """List combinations and CPU seconds by actor: today (UTC) and in 30 days; of the caller alone, if no admin."""
    return jsonify({"usage": _usage()})


def _usage() -> list[Json]:
    """Return the rows that the actor may see, with the limits of the settings where a token has none."""
    actor, settings = g.actor, platform().settings
    rows = ask_database(list_usage, None if actor.may("admin") else actor.name)
    limits = ("daily_combinations", "daily_cpu_s")
    return [
        {
            **row,
            "actor": row["actor"] or None,
            **{
                name: getattr(settings, name) if row[name] is None else row[name]
                for name in limits
            },
        }
        for row in rows
    ]


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


log = logging.getLogger(__name__)

REFUSED = frozenset({401, 403, 429})
_DATABASE_AWAY = 503  # nothing was changed, and nothing can be recorded
ANONYMOUS_REQUESTS = Counter(
    "backtest_anonymous_requests",
    "Anonymous requests that change something or were refused",
    ("kind", "status"),
    registry=None,
)


def record_response(response: Response) -> Response:
    """Record or count the request that this response answers."""
    status = response.status_code
    if current_operation().unguarded or status == _DATABASE_AWAY:
        return response
    if _is_anonymous(status):
        _count(status)
    elif _is_recorded(status):
        _record(status)
    return response


def _is_anonymous(status: int) -> bool:
    """Tell whether the request has no name to record it under; under OPEN_ACCESS successful changes are recorded."""
    actor = g.get("actor")
    return actor is None or (
        actor.name is None and (status >= 400 or current_operation().needs == "anybody")
    )


def _count(status: int) -> None:
    if not changes_something() and (status < 400 or g.get("actor")):
        return
    ANONYMOUS_REQUESTS.labels(kind_of_request(), status).inc()
    if g.get("actor") is None and platform().rate_limits.may_log_refusal(request.remote_addr):
        log.info(
            "anonymous_request_refused status=%d address=%s path=%s",
            status,
            request.remote_addr,
            request.path[:100],
        )


def _is_recorded(status: int) -> bool:
    if status in REFUSED:
        return platform().rate_limits.may_log_refusal(g.actor.name)
    return request.endpoint is not None and changes_something()


def _record(status: int) -> None:
    arguments, dry_run = request.view_args or {}, request.args.get("dry_run")
    batch_id = g.get("batch_id") or arguments.get("batch_id")
    entry = {
        "actor": g.actor.name,
        "address": request.remote_addr or "",
        "action": request.endpoint or request.method,
        "subject": request.path + (f"?dry_run={dry_run}" if dry_run else ""),
        "status": status,
        "batch_id": batch_id and batch_id[:64],
    }
    for run_id in g.get("run_ids") or [g.get("run_id") or arguments.get("run_id")]:
        _insert(entry | {"run_id": run_id})


def _insert(entry: Json) -> None:
    try:
        change_database(record_entry, **entry)
    except SQLAlchemyError as error:
        # the change is committed, and its answer must not say otherwise
        fields = " ".join(f"{name}={value}" for name, value in entry.items())
        log.error("audit_write_failed reason=%s %s", error, fields)
