"""What people call batches; a study is called what its batch is."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete, insert, select

from adapters.batches.rankings import hold_batch
from adapters.tables import batch_titles


def titles_of(connection: Connection, batch_ids: Sequence[str]) -> dict[str, str]:
    """Titles by batch_id, of those of these batches that people gave one."""
    mine = select(*batch_titles.c["batch_id", "title"]).where(
        batch_titles.c.batch_id.in_(batch_ids)
    )
    return {row.batch_id: row.title for row in connection.execute(mine)}


def suggest_batch_title(connection: Connection, batch_id: str, title: str) -> None:
    """Call a batch so unless people call it something already."""
    if batch_id not in titles_of(connection, [batch_id]):
        set_batch_title(connection, batch_id, title)


def set_batch_title(connection: Connection, batch_id: str, title: str | None) -> None:
    """Call a batch so from now on; None: as its runs say."""
    hold_batch(connection, batch_id)  # of two at once the second one finds the first one's row
    connection.execute(delete(batch_titles).filter_by(batch_id=batch_id))
    if title:
        connection.execute(insert(batch_titles).values(batch_id=batch_id, title=title))
