"""Which of several equal processes does the work: the one that holds a named row, for as long as it renews it."""

from sqlalchemy import case, insert, or_, select, update
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from adapters.database import database_now
from adapters.database_errors import is_duplicate_key
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
    when the clock was set back, for which nobody waits.
    """
    set_back = leases.c.until > database_now(lead_s)
    free = or_(leases.c.holder == holder, leases.c.until < database_now(), set_back)
    had_gap = or_(leases.c.since.is_(None), leases.c.until < database_now(-gap_s), set_back)
    since = case((had_gap, database_now()), else_=leases.c.since)
    values = {
        "since": since,
        "holder": holder,
        "until": database_now(lead_s),
        "image_tag": image_tag,
    }
    # MySQL would compare the new `until`
    in_order = [(leases.c[column], value) for column, value in values.items()]
    with engine.begin() as connection:
        taken = update(leases).where(leases.c.name == name, free).ordered_values(*in_order)
        if connection.execute(taken).rowcount == 1:
            return _led_s(connection, name)
    try:
        with engine.begin() as connection:
            connection.execute(
                insert(leases).values(name=name, **values | {"since": database_now()})
            )
    except IntegrityError as error:
        if is_duplicate_key(error):
            return None
        raise
    return 0.0


def _led_s(connection: Connection, name: str) -> float:
    now, since = connection.execute(
        select(database_now(), leases.c.since).where(leases.c.name == name)
    ).one()
    return float((now - since).total_seconds())


def leading_image(connection: Connection, name: str) -> str | None:
    """The image of whoever leads, or led last; None when that is not known."""
    return connection.execute(select(leases.c.image_tag).where(leases.c.name == name)).scalar()


def give_up_lead(engine: Engine, name: str, holder: str) -> None:
    """Let the next one lead at once; nothing happens when somebody else leads."""
    with engine.begin() as connection:
        mine = (leases.c.name == name, leases.c.holder == holder)
        connection.execute(update(leases).where(*mine).values(until=database_now()))
