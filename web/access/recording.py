"""Writes down what people change and what they are refused, once its answer is made; what strangers do is counted."""

import logging

from flask import Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from adapters.access.audit import record_entry
from web.guard import changes_something, kind_of_request
from web.operation import current_operation
from web.platform import change_database, platform

log = logging.getLogger(__name__)

REFUSED = frozenset({401, 403, 429})
_AWAY = 503  # the database, so that nothing was changed, and nothing can be written


def note(response: Response) -> Response:
    """Write down what was asked for with this answer."""
    status = response.status_code
    if current_operation().unguarded or status == _AWAY:
        return response
    if _is_strangers(status):
        _count(status)
    elif _is_entered(status):
        _record(status)
    platform().strangers.write()
    return response


def _is_strangers(status: int) -> bool:
    """Whether nobody with a name asked; where nobody needs one, what is changed is a entry none the less."""
    actor = g.get("actor")
    return actor is None or (
        actor.name is None and (status >= 400 or current_operation().needs == "anybody")
    )


def _count(status: int) -> None:
    if not changes_something() and (status < 400 or g.get("actor")):
        return
    platform().strangers.count(kind_of_request(), status)
    if g.get("actor") is None and platform().rates.is_refusal_told(request.remote_addr):
        log.info(
            "stranger_refused status=%d address=%s path=%s",
            status,
            request.remote_addr,
            request.path[:100],
        )


def _is_entered(status: int) -> bool:
    if status in REFUSED:
        return platform().rates.is_refusal_told(g.actor.name)
    return request.endpoint is not None and changes_something()


def _record(status: int) -> None:
    named = request.view_args or {}
    batch_id = g.get("batch_id") or named.get("batch_id")
    entry = {
        "actor": g.actor.name,
        "address": request.remote_addr or "",
        "action": request.endpoint or request.method,
        "subject": request.path,
        "status": status,
        "run_id": g.get("run_id") or named.get("run_id"),
        "batch_id": batch_id and batch_id[:64],
    }
    try:
        change_database(record_entry, **entry)
    except SQLAlchemyError as error:
        # what was done is done, and its answer must not say otherwise
        told = " ".join(f"{name}={value}" for name, value in entry.items())
        log.error("audit_missed reason=%s %s", error, told)
