"""Which of several equal processes does the work: the one that holds a named row, for as long as it renews it."""

from sqlalchemy import delete, insert, or_, update
from sqlalchemy.engine import Engine
from sqlalchemy.exc import IntegrityError

from adapters.store.database import database_now, is_duplicate_key
from adapters.store.tables import leases


def take_lead(engine: Engine, name: str, holder: str, lease_s: float) -> bool:
    """True when `holder` leads for the next `lease_s` seconds; False while somebody else does."""
    values = {"holder": holder, "until": database_now(lease_s)}
    free = or_(leases.c.holder == holder, leases.c.until < database_now())
    with engine.begin() as connection:
        if connection.execute(update(leases).where(leases.c.name == name, free).values(**values)).rowcount == 1:
            return True
    try:
        with engine.begin() as connection:
            connection.execute(insert(leases).values(name=name, **values))
    except IntegrityError as error:
        if is_duplicate_key(error):
            return False
        raise
    return True


def give_up_lead(engine: Engine, name: str, holder: str) -> None:
    """Let the next one lead at once; nothing happens when somebody else leads."""
    with engine.begin() as connection:
        connection.execute(delete(leases).where(leases.c.name == name, leases.c.holder == holder))
