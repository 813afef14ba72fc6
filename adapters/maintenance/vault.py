"""Reserve the end of a ticker's prices, and delete what earlier runs and plans have stored of it."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import partial

from sqlalchemy import Connection, Engine, and_, false, or_, select, update

from adapters.database import committed, portions
from adapters.maintenance.retention import parts
from adapters.plan_tables import PLAN
from adapters.plans.robustness import robustness_id_of
from adapters.plans.study import LIVING
from adapters.price_tables import VERSION
from adapters.prices.loading import delete_versions, unused_versions
from adapters.prices.vault import delete_vault, hide_reserved, insert_vault, reserved_days
from adapters.tables import IS_LIVING, RUN, run_others, runs
from contracts.errors import Conflict
from contracts.status import PlanKind

PORTION = 1000  # runs per query
_END = re.compile(r'"end_date": "(\d{4}-\d{2}-\d{2})"')


def reserve(engine: Engine, ticker: str, from_date: date) -> int:
    """Reserve a ticker's bars from a day on; return the number of runs and plans whose series were deleted.

    Metrics, receipts and verdicts stay. Conflict while a run or study that reads such bars has not ended, or when some
    are reserved already.
    """
    deleted = committed(engine, partial(_reserve, ticker, from_date))
    delete_or_release(engine, ticker)  # of a run that was accepted meanwhile
    return deleted


def _reserve(ticker: str, from_date: date, connection: Connection) -> int:
    insert_vault(connection, ticker, from_date)
    hide_reserved(connection, ticker)
    return _delete_results(ticker, connection)


def count_reserved_results(engine: Engine, ticker: str, from_date: date) -> int:
    """Return what `reserve` would, and change nothing."""
    with engine.connect() as connection, connection.begin() as transaction:
        count = _reserve(ticker, from_date, connection)
        transaction.rollback()
    return count


def delete_or_release(engine: Engine, ticker: str) -> int:
    """Delete what was stored of a ticker's reserved bars and return its number; release them if that is a Conflict.

    The vault was committed before, so a Job that starts now reads no reserved bar, and one that has read them is seen.
    """
    try:
        return committed(engine, partial(_delete_results, ticker))
    except Conflict:
        committed(engine, partial(release, ticker))
        raise


def release(ticker: str, connection: Connection) -> None:
    """Release a ticker's reserved bars, and delete the readable parts that no run has read; Unknown without a vault."""
    query = select(VERSION.readable_hash).filter_by(ticker=ticker)
    readable = [each for each in connection.scalars(query) if each]
    delete_vault(connection, ticker)
    of_ticker = (VERSION.ticker == ticker, VERSION.data_hash.in_(readable))
    delete_versions(connection, unused_versions(connection, *of_ticker))


def _delete_results(ticker: str, connection: Connection) -> int:
    days = reserved_days(connection, ticker)
    readers = {*_runs(connection, ticker, days), *_plans(connection, days)}
    ids = sorted({*readers, *map(robustness_id_of, readers)})
    for some in portions(ids, PORTION):
        for part in parts():
            if part.kept == "series":
                connection.execute(part.removal().where(part.is_left(some)))
        # what lists show of the equity, and what a rule in Python printed
        cleared = {"sparkline": None, "python_json": None}
        connection.execute(update(runs).where(RUN.run_id.in_(some)).values(cleared))
    return len(readers)


def _runs(connection: Connection, ticker: str, days: Mapping[str, str]) -> Iterator[str]:
    """Yield the ids of runs that have read reserved bars; days: the first reserved one of each data_hash."""
    others = select(run_others.c.run_id).where(run_others.c.data_hash.in_(days))
    reads = or_(
        and_(RUN.ticker == ticker, RUN.data_hash.in_(days)),
        RUN.benchmark_hash.in_(days),
        RUN.run_id.in_(others),
    )
    query = select(*RUN["id", "run_id", "request_json"], IS_LIVING.label("is_living")).where(
        reads
    )
    after_id: int | None = 0
    while after_id is not None:
        some = query.where(RUN.id > after_id).order_by(RUN.id).limit(PORTION)
        rows = connection.execute(some).all()
        yield from (
            _ended(f"run {row.run_id}", row.is_living, row.run_id)
            for row in rows
            if _reads(row.request_json, days)
        )
        after_id = rows[-1].id if rows else None


def _plans(connection: Connection, days: Mapping[str, str]) -> Iterator[str]:
    """Yield the ids of studies and portfolios that have read reserved bars."""
    query = select(*PLAN["plan_id", "kind", "spec", "status"]).where(
        PLAN.kind.in_([PlanKind.STUDY, PlanKind.PORTFOLIO]),
        or_(false(), *(PLAN.spec.contains(data_hash) for data_hash in days)),
    )
    for row in connection.execute(query):
        if _reads(row.spec, days):
            is_living = row.kind == PlanKind.STUDY and row.status in LIVING
            yield _ended(f"{row.kind} {row.plan_id}", is_living, row.plan_id)


def _reads(request: str, days: Mapping[str, str]) -> bool:
    """Return whether a request, as JSON, names one of these versions and ends on its first reserved day or later."""
    named = [day for data_hash, day in days.items() if data_hash in request]
    return bool(named) and max(_END.findall(request)) >= min(named)


def _ended(name: str, is_living: bool, reader: str) -> str:
    if is_living:
        raise Conflict(f"{name} reads these bars and has not ended; wait for it, or cancel it")
    return reader
