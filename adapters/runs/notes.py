"""Notes that people write on runs and plans: one each, with its last author and time."""

from sqlalchemy import Connection, RowMapping, delete, select

from adapters.database import database_now, insert_if_new
from adapters.tables import notes


def set_note(connection: Connection, run_id: str, text: str, author: str | None) -> None:
    """Replace the note on a run, or on a plan by its plan_id; an empty text deletes it."""
    connection.execute(delete(notes).filter_by(run_id=run_id))
    if text:
        insert_if_new(
            connection, notes, run_id=run_id, text=text, author=author, at=database_now()
        )


def note_of(connection: Connection, run_id: str) -> RowMapping | None:
    """Return text, author and time (`at`) of the note on a run or plan; None when there is none."""
    query = select(*notes.c["text", "author", "at"]).filter_by(run_id=run_id)
    return connection.execute(query).mappings().one_or_none()
