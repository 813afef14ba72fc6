"""Record changes and refusals in the audit once their answer is made; count anonymous requests in /metrics."""

import logging

from flask import Response, g, request
from prometheus_client import Counter
from sqlalchemy.exc import SQLAlchemyError

from adapters.access.audit import record_entry
from web.api import current_operation
from web.app import change_database, platform
from web.security import changes_something, kind_of_request

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
    arguments = request.view_args or {}
    batch_id = g.get("batch_id") or arguments.get("batch_id")
    entry = {
        "actor": g.actor.name,
        "address": request.remote_addr or "",
        "action": request.endpoint or request.method,
        "subject": request.path,
        "status": status,
        "run_id": g.get("run_id") or arguments.get("run_id"),
        "batch_id": batch_id and batch_id[:64],
    }
    try:
        change_database(record_entry, **entry)
    except SQLAlchemyError as error:
        # the change is committed, and its answer must not say otherwise
        fields = " ".join(f"{name}={value}" for name, value in entry.items())
        log.error("audit_write_failed reason=%s %s", error, fields)
