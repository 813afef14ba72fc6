"""Liveness of the processes that keep runs moving: the last start of a Job, and the lease of the leading reconciler.

Of several reconcilers the one that holds the lease leads, for as long as it renews it.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, RowMapping, case, func, or_, select, update

from adapters.database import database_now, insert_if_new, time_of
from adapters.plan_tables import LEASE, leases
from adapters.tables import RUN
from contracts.status import RunStatus
from contracts.values import frozen

RECONCILER = "reconciler"  # the name of its lease
_RECONCILING = LEASE.name == RECONCILER


@frozen
class Liveness:
    """Numbers of waiting and running runs, and times by the database's clock, None if unknown."""

    now: datetime
    waiting: int
    running: int
    last_start: datetime | None
    oldest_waiting: RowMapping | None  # its row, with the columns of its title
    reconciler_until: datetime | None

    @property
    def starved_s(self) -> float:
        """Return the seconds for which runs have waited without any Job starting; 0 while none waits."""
        if self.oldest_waiting is None:
            return 0.0
        since = self.oldest_waiting["waiting_since"]
        return float((self.now - max(since, self.last_start or since)).total_seconds())

    @property
    def reconciler_gone_s(self) -> float | None:
        """Return the seconds since the lease ran out, 0 while a reconciler holds it; None when there never was one."""
        if self.reconciler_until is None:
            return None
        return max(0.0, (self.now - self.reconciler_until).total_seconds())


def liveness(connection: Connection) -> Liveness:
    """Read the current state."""
    waiting, running = (
        count_runs(connection, status) for status in (RunStatus.PENDING, RunStatus.RUNNING)
    )
    title_columns = RUN["run_id", "title", "ticker", "rule_id", "rule_type", "params_json"]
    pending = select(RUN.waiting_since, *title_columns).where(RUN.status == RunStatus.PENDING)
    oldest = connection.execute(pending.order_by(RUN.id).limit(1)).mappings()
    return Liveness(
        now=time_of(connection),
        waiting=waiting,
        running=running,
        last_start=connection.scalar(select(func.max(RUN.started_at))),
        oldest_waiting=oldest.one_or_none(),
        reconciler_until=connection.scalar(select(LEASE.until).where(_RECONCILING)),
    )


def count_runs(connection: Connection, status: RunStatus) -> int:
    """Count the runs in a state."""
    return connection.execute(select(func.count()).where(RUN.status == status)).scalar_one()


def take_lead(
    engine: Engine, holder: str, lead_s: float, gap_s: float, image_tag: str | None
) -> float | None:
    """Take or renew the lease for `lead_s`; return for how many seconds there was a leader, None if another leads.

    The seconds restart when a lease ended more than `gap_s` seconds before the next one began, and when the clock was
    set back by more than a lease, which is not waited for.
    """
    since, until = LEASE["since", "until"]
    # twice: a statement that began before the holder's and waited for it sees a lease slightly longer than `lead_s`
    set_back = until > database_now(2 * lead_s)
    free = or_(LEASE.holder == holder, until < database_now(), set_back)
    had_gap = or_(since.is_(None), until < database_now(-gap_s), set_back)
    values = {"holder": holder, "until": database_now(lead_s), "image_tag": image_tag}
    # assigned first: MySQL would compare with the new `until`
    led_since = (since, case((had_gap, database_now()), else_=since))
    with engine.begin() as connection:
        taken = update(leases).where(_RECONCILING, free)
        if connection.execute(taken.ordered_values(led_since, *values.items())).rowcount == 0:
            row = {"name": RECONCILER, "since": database_now()} | values
            return 0.0 if insert_if_new(connection, leases, **row) else None
        led = select(database_now(), LEASE.since).where(_RECONCILING)
        now, began = connection.execute(led).one()
        return float((now - began).total_seconds())


def leading_image(connection: Connection) -> str | None:
    """Return the image tag of the reconciler that leads, or led last; None if unknown."""
    return connection.scalar(select(LEASE.image_tag).where(_RECONCILING))


def give_up_lead(engine: Engine, holder: str) -> None:
    """Release the lease, so that another reconciler can lead at once; does nothing when another one leads."""
    with engine.begin() as connection:
        mine = update(leases).where(_RECONCILING, LEASE.holder == holder)
        connection.execute(mine.values(until=database_now()))
