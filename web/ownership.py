"""Whose runs, batches and studies are: whoever submitted them may change them, and admins."""

from flask import g
from sqlalchemy.engine import Connection
from werkzeug.exceptions import Forbidden

from adapters.access.owners import submitter
from adapters.batches.rankings import hold_batch


def refuse_others(connection: Connection, kind: str, name: str) -> None:
    """Forbidden when what has this run_id, batch_id or study_id is somebody else's; what is nobody's is everybody's."""
    if not g.actor.may("admin") and submitter(connection, kind, name) not in (None, g.actor.name):
        raise Forbidden(f"this was submitted by somebody else; {g.actor.name} would need the scope admin")


def join_batch(connection: Connection, batch_id: str) -> None:
    """Let this transaction add runs to a batch, and no other one meanwhile; Forbidden when it is somebody else's."""
    hold_batch(connection, batch_id)
    refuse_others(connection, "batch_id", batch_id)
