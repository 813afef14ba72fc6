"""Which of several equal processes does the work: the one that holds a named row, for as long as it renews it."""

from sqlalchemy import Connection, Engine, case, or_, select, update

from adapters.database import database_now, inserted
from adapters.queue_tables import leases


def take_lead(
    engine: Engine,
    name: str,
    holder: str,
    lead_s: float,
    gap_s: float,
    image_tag: str | None = None,
) -> float | None:
    """For how many seconds somebody has led, now that `holder` leads for `lead_s` more; None while somebody else does.

    A lead that ended more than `gap_s` seconds before the next one began was a gap: the seconds count anew. So they do
    when the clock was set back by more than a lead, for which nobody waits.
    """
    since, until = leases.c["since", "until"]
    # twice: to a statement that began before the holder's, and waited for it, the new lead looks a little too long
    set_back = until > database_now(2 * lead_s)
    free = or_(leases.c.holder == holder, until < database_now(), set_back)
    had_gap = or_(since.is_(None), until < database_now(-gap_s), set_back)
    values = {"holder": holder, "until": database_now(lead_s), "image_tag": image_tag}
    # before the others: MySQL would compare the new `until`
    led_since = (since, case((had_gap, database_now()), else_=since))
    with engine.begin() as connection:
        taken = update(leases).where(leases.c.name == name, free)
        if connection.execute(taken.ordered_values(led_since, *values.items())).rowcount == 1:
            return _led_s(connection, name)
        is_first = inserted(connection, leases, name=name, since=database_now(), **values)
        return 0.0 if is_first else None


def _led_s(connection: Connection, name: str) -> float:
    now, since = connection.execute(
        select(database_now(), leases.c.since).where(leases.c.name == name)
    ).one()
    return float((now - since).total_seconds())


def leading_image(connection: Connection, name: str) -> str | None:
    """The image of whoever leads, or led last; None when that is not known."""
    return connection.scalar(select(leases.c.image_tag).where(leases.c.name == name))


def give_up_lead(engine: Engine, name: str, holder: str) -> None:
    """Let the next one lead at once; nothing happens when somebody else leads."""
    with engine.begin() as connection:
        mine = (leases.c.name == name, leases.c.holder == holder)
        connection.execute(update(leases).where(*mine).values(until=database_now()))
