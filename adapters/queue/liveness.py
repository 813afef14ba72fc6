"""What the database knows of those who keep runs going: when a Job last started, and whether a reconciler works."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from adapters.database import time_of
from adapters.queue_tables import leases
from adapters.tables import RUN, runs
from contracts.status import RunStatus
from contracts.values import frozen

RECONCILER = "reconciler"  # the name of its lease


@frozen
class Upkeep:
    """Times by the database's clock, None where nothing is known, and how many runs wait and run."""

    now: datetime
    waiting: int
    running: int
    last_start: datetime | None
    waiting_since: datetime | None
    reconciler_until: datetime | None

    @property
    def starved_s(self) -> float:
        """Seconds for which something waits and no Job has started; 0 while nothing waits."""
        if self.waiting_since is None:
            return 0.0
        return (
            self.now - max(self.waiting_since, self.last_start or self.waiting_since)
        ).total_seconds()

    @property
    def reconciler_gone_s(self) -> float | None:
        """Seconds since a reconciler's lease ran out, 0 while one holds it; None when there never was one."""
        if self.reconciler_until is None:
            return None
        return max(0.0, (self.now - self.reconciler_until).total_seconds())


def upkeep(connection: Connection) -> Upkeep:
    """The state of now."""
    waiting, running = (
        counted(connection, status) for status in (RunStatus.PENDING, RunStatus.RUNNING)
    )
    oldest = (
        select(RUN.waiting_since).where(RUN.status == RunStatus.PENDING).order_by(RUN.id).limit(1)
    )
    return Upkeep(
        now=time_of(connection),
        waiting=waiting,
        running=running,
        last_start=connection.scalar(select(func.max(RUN.started_at))),
        waiting_since=connection.scalar(oldest),
        reconciler_until=connection.scalar(
            select(leases.c.until).where(leases.c.name == RECONCILER)
        ),
    )


def counted(connection: Connection, status: RunStatus) -> int:
    """How many runs are in a state."""
    return connection.execute(
        select(func.count()).select_from(runs).where(RUN.status == status)
    ).scalar_one()
