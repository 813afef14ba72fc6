"""Whose runs, batches and studies are: whoever submitted them may change them, and admins."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from flask import g
from sqlalchemy import Connection
from werkzeug.exceptions import Forbidden

from adapters.access.owners import submitter, submitters


def refuse_others(connection: Connection, kind: str, name: str) -> None:
    """Forbidden when what has this run_id, batch_id or study_id is somebody else's; what is nobody's is everybody's."""
    refuse_actor_but(submitter(connection, kind, name))


def refuse_runs_of_others(connection: Connection, run_ids: Sequence[str]) -> None:
    """Forbidden when one of these runs is somebody else's."""
    if not g.actor.may("admin"):
        _refuse(submitters(connection, run_ids))


def refuse_actor_but(submitted_by: str | None) -> None:
    """Forbidden unless the actor is this submitter or an admin; what is nobody's is everybody's."""
    if not g.actor.may("admin"):
        _refuse({submitted_by})


def _refuse(submitted_by: AbstractSet[str | None]) -> None:
    if submitted_by - {None, g.actor.name}:
        raise Forbidden(
            f"this was submitted by somebody else; {g.actor.name} would need the scope admin"
        )
