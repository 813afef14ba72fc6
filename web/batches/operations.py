"""What can be done to all runs of a batch that exists: cancel them, retry the failed ones."""

from sqlalchemy import and_, true

from adapters.batches.queries import require_batch
from adapters.tables import IS_CANCELLED, RUN
from web.platform import ask_database
from web.runs.operations import cancel_among, retry_among


def cancel_batch(batch_id: str) -> int:
    """How many waiting and running runs of a batch were ended as cancelled; UnknownBatch when there is none."""
    ask_database(require_batch, batch_id)
    return len(cancel_among(RUN.batch_id == batch_id))


def retry_batch(batch_id: str, *, cancelled_too: bool) -> int:
    """How many failed runs of a batch wait again; UnknownBatch when there is none.

    QueueFull in the middle leaves the rest failed; whoever asks again later goes on with them.
    """
    ask_database(require_batch, batch_id)
    wanted = true() if cancelled_too else ~IS_CANCELLED
    return len(retry_among(and_(RUN.batch_id == batch_id, wanted)))
