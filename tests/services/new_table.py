"""A table that nobody but its own declaration knows of."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table

from adapters.declarations import LongText, Rows, Uuid, key, metadata, required, table


@contextmanager
def notes_of_runs() -> Iterator[Table]:
    """A table of the platform as long as this lasts: what people think of runs, kept as long as series."""
    declared = table(
        "run_notes",
        Rows("What people think of a run.", of="run", kind="notes", kept="series", web="INSERT"),
        run_id=key(Uuid),
        note=required(LongText, doc="in their own words"),
    )
    try:
        yield declared
    finally:
        metadata.remove(declared)
