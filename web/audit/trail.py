"""Writes down each change, each login and each refusal, once its answer is made and before it is sent."""

import logging
from typing import Any

from flask import Flask, Response, g, request
from sqlalchemy.exc import SQLAlchemyError

from adapters.store.audit import record_deed
from web.access import changes_something
from web.platform import platform

log = logging.getLogger(__name__)

REFUSED = frozenset({401, 403, 429})
_AWAY = 503  # the database, so that nothing was changed, and nothing can be written


def follow(app: Flask) -> None:
    """Write down what this application is asked to do."""
    app.after_request(_note)


def _note(response: Response) -> Response:
    if response.status_code in REFUSED:
        is_deed = platform().rates.is_refusal_written(request.remote_addr or "")
    else:
        is_deed = request.endpoint is not None and changes_something() and response.status_code != _AWAY
    if is_deed:
        _record(response.status_code)
    return response


def _record(status: int) -> None:
    deed = _deed(status)
    try:
        with platform().engine.begin() as connection:
            record_deed(connection, **deed)
    except SQLAlchemyError as error:  # what was done is done, and its answer must not say otherwise
        log.error("audit_missed reason=%s %s", error, " ".join(f"{name}={value}" for name, value in deed.items()))


def _deed(status: int) -> dict[str, Any]:
    actor, named = g.get("actor"), request.view_args or {}
    run_id, batch_id = g.get("run_id") or named.get("run_id"), g.get("batch_id") or named.get("batch_id")
    return {
        "actor": actor and actor.name,
        "address": request.remote_addr or "",
        "action": request.endpoint or request.method,
        "subject": request.path,
        "status": status,
        "run_id": str(run_id) if run_id else None,
        "batch_id": batch_id and batch_id[:64],
    }
