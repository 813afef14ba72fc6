"""A table that nothing but its declaration mentions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Table

from adapters.declarations import LongText, Rows, Uuid, key, metadata, required, table


@contextmanager
def notes_of_runs() -> Iterator[Table]:
    """Add a table to the platform for the duration of the block: opinions on runs, kept as long as series."""
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
