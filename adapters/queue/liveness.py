"""What the database knows of those who keep runs going: when a Job last started, and which reconciler works.

Of several equal processes that is the one that holds a named row, for as long as it renews it.
"""

from datetime import datetime

from sqlalchemy import Connection, Engine, RowMapping, case, func, or_, select, update

from adapters.database import database_now, inserted, time_of
from adapters.plan_tables import LEASE, leases
from adapters.tables import RUN
from contracts.status import RunStatus
from contracts.values import frozen

RECONCILER = "reconciler"  # the name of its lease
_RECONCILING = LEASE.name == RECONCILER


@frozen
class Upkeep:
    """Times by the database's clock, None where nothing is known, and how many runs wait and run."""

    now: datetime
    waiting: int
    running: int
    last_start: datetime | None
    oldest_waiting: RowMapping | None  # of the runs, with what names it
    reconciler_until: datetime | None

    @property
    def starved_s(self) -> float:
        """Seconds for which something waits and no Job has started; 0 while nothing waits."""
        if self.oldest_waiting is None:
            return 0.0
        since = self.oldest_waiting["waiting_since"]
        return float((self.now - max(since, self.last_start or since)).total_seconds())

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
    named = RUN["run_id", "title", "ticker", "rule_id", "rule_type", "params_json"]
    pending = select(RUN.waiting_since, *named).where(RUN.status == RunStatus.PENDING)
    oldest = connection.execute(pending.order_by(RUN.id).limit(1)).mappings()
    return Upkeep(
        now=time_of(connection),
        waiting=waiting,
        running=running,
        last_start=connection.scalar(select(func.max(RUN.started_at))),
        oldest_waiting=oldest.one_or_none(),
        reconciler_until=connection.scalar(select(LEASE.until).where(_RECONCILING)),
    )


def counted(connection: Connection, status: RunStatus) -> int:
    """How many runs are in a state."""
    return connection.execute(select(func.count()).where(RUN.status == status)).scalar_one()


def take_lead(
    engine: Engine, holder: str, lead_s: float, gap_s: float, image_tag: str | None
) -> float | None:
    """For how many seconds there was a lead, now that `holder` leads for `lead_s` more; None while somebody else does.

    A lead that ended more than `gap_s` seconds before the next one began was a gap: the seconds count anew. So they do
    when the clock was set back by more than a lead, for which nobody waits.
    """
    since, until = LEASE["since", "until"]
    # twice: to a statement that began before the holder's, and waited for it, the new lead looks a little too long
    set_back = until > database_now(2 * lead_s)
    free = or_(LEASE.holder == holder, until < database_now(), set_back)
    had_gap = or_(since.is_(None), until < database_now(-gap_s), set_back)
    values = {"holder": holder, "until": database_now(lead_s), "image_tag": image_tag}
    # before the others: MySQL would compare the new `until`
    led_since = (since, case((had_gap, database_now()), else_=since))
    with engine.begin() as connection:
        taken = update(leases).where(_RECONCILING, free)
        if connection.execute(taken.ordered_values(led_since, *values.items())).rowcount == 0:
            row = {"name": RECONCILER, "since": database_now()} | values
            return 0.0 if inserted(connection, leases, **row) else None
        led = select(database_now(), LEASE.since).where(_RECONCILING)
        now, began = connection.execute(led).one()
        return float((now - began).total_seconds())


def leading_image(connection: Connection) -> str | None:
    """The image of whoever leads, or led last; None when that is not known."""
    return connection.scalar(select(LEASE.image_tag).where(_RECONCILING))


def give_up_lead(engine: Engine, holder: str) -> None:
    """Let the next one lead at once; nothing happens when somebody else leads."""
    with engine.begin() as connection:
        mine = update(leases).where(_RECONCILING, LEASE.holder == holder)
        connection.execute(mine.values(until=database_now()))
