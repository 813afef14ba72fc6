"""Use of the platform by each actor and UTC day, in combinations and CPU seconds, and the budgets that limit it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    case,
    cast,
    func,
    select,
    text,
    true,
)

from adapters.access_tables import USED, actor_usage, tokens
from adapters.database import database_now, insert_if_new, time_of
from contracts.errors import BudgetSpent
from contracts.values import frozen

ANONYMOUS = ""  # actor of what was submitted where no token is required
LISTED_DAYS = 30
TODAY = func.date(database_now())


@frozen
class Budget:
    """Limits of an actor on a day; None: no limit."""

    daily_combinations: int | None = None
    daily_cpu_s: int | None = None

    def words(self) -> list[str]:
        """Return its limits in words."""
        limits = {"combinations": self.daily_combinations, "CPU seconds": self.daily_cpu_s}
        return [f"{most:,} {what} a day" for what, most in limits.items() if most is not None]


# plain SQL, since each Job would compile SQLAlchemy's for some milliseconds
_ADD = """
UPDATE actor_usage SET combinations = combinations + :combinations, cpu_s = cpu_s + :cpu_s
WHERE actor = :actor AND day = """
_ADD_TODAY = {"sqlite": text(f"{_ADD} date('now')"), "mysql": text(f"{_ADD} UTC_DATE()")}


def add_usage(
    connection: Connection, actor: str | None, combinations: int = 0, cpu_s: float = 0.0
) -> None:
    """Count combinations and CPU seconds of an actor on this day; locks the actor's row until the transaction ends."""
    name = actor or ANONYMOUS
    values = {"actor": name, "combinations": combinations, "cpu_s": cpu_s}
    add = _ADD_TODAY.get(connection.dialect.name, _ADD_TODAY["mysql"])
    while connection.execute(add, values).rowcount == 0:
        insert_if_new(connection, actor_usage, actor=name, day=TODAY, combinations=0, cpu_s=0.0)


def charge(connection: Connection, actor: str | None, budget: Budget, combinations: int) -> None:
    """Count the combinations of a submission, at the end of its transaction; BudgetSpent when they are too many."""
    add_usage(connection, actor, combinations)
    check_budget(connection, actor, budget, combinations, counted=combinations)


def check_budget(
    connection: Connection,
    actor: str | None,
    budget: Budget,
    combinations: int,
    counted: int = 0,
) -> None:
    """Raise BudgetSpent when a submission of so many combinations is over budget, or all CPU seconds are used.

    counted: how many of them are in the usage already.
    """
    if budget == Budget():
        return
    query = select(USED.combinations, USED.cpu_s).filter_by(actor=actor or ANONYMOUS, day=TODAY)
    row = connection.execute(query).one_or_none()
    used, cpu_s = (row.combinations - counted, row.cpu_s) if row else (0, 0.0)
    most, most_cpu_s = budget.daily_combinations, budget.daily_cpu_s
    if most is not None and combinations and used + combinations > most:
        raise _spent(
            connection,
            f"{combinations:,} combinations are more than is left of today's budget: "
            f"{used:,} of {most:,} are used",
        )
    if most_cpu_s is not None and cpu_s >= most_cpu_s:
        raise _spent(
            connection,
            f"today's CPU budget is spent: {cpu_s:,.0f} of {most_cpu_s:,} seconds are used",
        )


def _spent(connection: Connection, fault: str) -> BudgetSpent:
    now = time_of(connection).replace(tzinfo=UTC)
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
    return BudgetSpent(
        f"{fault}; the next budget begins on {midnight:%Y-%m-%d} at 00:00 UTC",
        int((midnight - now).total_seconds()) + 1,
    )


def list_usage(connection: Connection, actor: str | None = None) -> Sequence[RowMapping]:
    """List the use of each actor today and in LISTED_DAYS days, most CPU seconds first. actor: only this one."""
    limits = tokens.c.daily_combinations, tokens.c.daily_cpu_s
    query = (
        select(
            USED.actor, *_sums(USED.day == TODAY), *_sums(true(), f"_{LISTED_DAYS}_days"), *limits
        )
        .outerjoin_from(actor_usage, tokens, tokens.c.name == USED.actor)
        .where(USED.day > func.date(database_now(-LISTED_DAYS * 86_400)))
        .group_by(USED.actor, *limits)
        .order_by(func.sum(USED.cpu_s).desc(), USED.actor)
    )
    mine = query if actor is None else query.where(USED.actor == actor)
    return connection.execute(mine).mappings().all()


def _sums(is_counted: ColumnElement[bool], ending: str = "") -> Iterator[ColumnElement[Any]]:
    for each in (USED.combinations, USED.cpu_s):
        total = func.sum(case((is_counted, each), else_=0))
        # the sum of whole numbers is a decimal in MySQL
        exact = cast(total, BigInteger) if each is USED.combinations else total
        yield exact.label(f"{each.name}{ending}")
