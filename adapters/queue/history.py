"""Numbers of waiting and running runs over time, computed from the events of state changes: exact, without a sampler.

The current numbers are counted, and the events give the numbers before. So a restart loses nothing, and no process has
to record anything. Also the liveness of the processes that keep runs moving: the last start of a Job, and the lease of
the leading reconciler.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Integer,
    RowMapping,
    case,
    cast,
    func,
    or_,
    select,
    text,
    update,
)

from adapters.database import database_now, insert_if_new, time_of
from adapters.plan_tables import LEASE, leases
from adapters.tables import EVENT, RUN
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


LATEST_TIMES = 1000  # runs over which waits and durations are taken


@frozen
class QueuePoint:
    """Maxima of waiting and running runs during one step, and the number of runs that ended in it."""

    at: datetime
    waiting: int
    running: int
    ended: int


@frozen
class QueueState:
    """The queue now and over the window; times in seconds, oldest first, None if unknown."""

    liveness: Liveness
    waits_s: list[float]
    durations_s: list[float]
    points: list[QueuePoint]
    step_s: int


def queue_state(connection: Connection, window_s: int, step_s: int) -> QueueState:
    """Return the queue now and in the last `window_s` seconds, in steps of `step_s`."""
    current = liveness(connection)
    step = timedelta(seconds=step_s)
    # steps begin at round times, so that a page that is loaded again shows the same steps
    past_steps = (current.now - datetime.min) // step
    start = datetime.min + (past_steps + 1) * step - timedelta(seconds=window_s)
    moments = [start + number * step for number in range(window_s // step_s)]
    points = _points(_changes(connection, start, step_s), current, moments)
    return QueueState(current, *_times(connection, start), points, step_s)


def _step(connection: Connection, start: datetime, step_s: int) -> ColumnElement[int]:
    """Return the number of the step after `start` in which an event lies, from 0 on."""
    if connection.dialect.name == "sqlite":
        days = func.julianday(EVENT.at) - func.julianday(str(start))
        # whole milliseconds, as stored: a difference of Julian days is 40 µs off
        return cast(func.round(days * 86_400_000), Integer) // (step_s * 1000)
    passed_us = func.timestampdiff(text("MICROSECOND"), start, EVENT.at)
    return func.floor(passed_us / 1_000_000 / step_s)


def _changes(connection: Connection, start: datetime, step_s: int) -> dict[int, RowMapping]:
    """Return by step the changes of waiting and running, their peaks since `start`, and the runs that ended."""
    arrived, left = EVENT.to_status, EVENT.from_status

    changes = {
        name: case((arrived == status, 1), (left == status, -1), else_=0)
        for name, status in (("waiting", RunStatus.PENDING), ("running", RunStatus.RUNNING))
    }
    in_order = (EVENT.at, EVENT.id)
    events = select(
        _step(connection, start, step_s).label("step"),
        *(each.label(name) for name, each in changes.items()),
        *(
            func.sum(each).over(order_by=in_order, rows=(None, 0)).label(f"{name}_since")
            for name, each in changes.items()
        ),
        case((arrived.in_([RunStatus.SUCCEEDED, RunStatus.FAILED]), 1), else_=0).label("ended"),
    )
    timeline = events.where(EVENT.at >= start).subquery()
    sums = (func.sum(timeline.c[name]).label(name) for name in ("waiting", "running", "ended"))
    peaks = (func.max(timeline.c[f"{name}_since"]).label(f"{name}_peak") for name in changes)
    rows = connection.execute(
        select(timeline.c.step, *sums, *peaks).group_by(timeline.c.step)
    ).mappings()
    return {int(row["step"]): row for row in rows}


def _points(
    changes: dict[int, RowMapping], current: Liveness, moments: Sequence[datetime]
) -> list[QueuePoint]:
    steps = [changes.get(step) for step in range(len(moments))]
    waiting = _most("waiting", current.waiting, steps)
    running = _most("running", current.running, steps)
    ended = (int(change["ended"]) if change else 0 for change in steps)
    return list(map(QueuePoint, moments, waiting, running, ended))


def _most(state: str, now: int, steps: Sequence[RowMapping | None]) -> Iterator[int]:
    """Yield the maximum in a state during each step: the number at its beginning, or a peak inside it.

    The number at the start is the number `now`, less all changes since.
    """
    first = level = now - sum(int(change[state]) for change in steps if change)
    for change in steps:
        yield max(level, first + int(change[f"{state}_peak"])) if change else level
        level += int(change[state]) if change else 0


def _times(connection: Connection, start: datetime) -> tuple[list[float], list[float]]:
    """Return the waits of the latest runs that started since `start`, and the durations of those that ended."""
    latest = (
        select(*RUN["waiting_since", "started_at", "completed_at"])
        .where(RUN.started_at >= start)
        .order_by(RUN.started_at.desc())
        .limit(LATEST_TIMES)
    )
    rows = connection.execute(latest).all()
    waits = [(row.started_at - row.waiting_since).total_seconds() for row in rows]
    return waits, [
        (row.completed_at - row.started_at).total_seconds() for row in rows if row.completed_at
    ]
