"""The history of a run: one row for each change of its state, written in the same transaction as the change."""

import socket
from datetime import datetime
from typing import Any

from adapters.database import database_now
from contracts.status import RunStatus

HOST = socket.gethostname()[:128]
REASON_LENGTH = 255  # characters, the width of the column
# first words of the reason of a run that finished without some of its metrics
METRIC_FAILED = "finished, could not compute"


def event(
    run_id: str,
    attempt: int,
    from_status: RunStatus | None,
    to_status: RunStatus,
    reason: str,
    at: datetime | database_now,
) -> dict[str, Any]:
    """Make the row of one event."""
    return {
        "run_id": run_id,
        "attempt": attempt,
        "from_status": from_status,
        "to_status": to_status,
        "reason": reason[:REASON_LENGTH],
        "host": HOST,
        "at": at,
    }
