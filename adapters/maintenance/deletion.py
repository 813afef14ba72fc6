"""Delete runs, plans and price series on request, unless something that is kept needs them.

What belongs to a run or plan is what `retention` deletes with it. The ledger of trials, budgets, openings of vaults and
the audit stay. An answer has counts by kind (`deleted`) and, in a dry run, why they may not be deleted (`refusals`).
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, islice
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, or_, select

from adapters.database import committed, has_rows, portions, reading
from adapters.maintenance.retention import DELETED, Removed, remove
from adapters.plan_tables import PLAN, plans
from adapters.plans.robustness import robustness_id_of
from adapters.plans.store import has_living_runs, spec_of
from adapters.plans.study import LIVING
from adapters.price_tables import price_series, vault_openings, vaults
from adapters.prices.loading import delete_versions
from adapters.prices.store import all_versions, of_series, versions_of
from adapters.tables import IS_LIVING, RUN, run_others, runs
from contracts.errors import Conflict
from contracts.portfolio_request import PortfolioStatus
from contracts.status import PlanKind
from contracts.timeframes import Timeframe
from contracts.values import Json

MOST_REFUSALS = 10  # in one answer
_NAMED = PLAN["plan_id", "kind", "name", "title"]


def delete_runs(engine: Engine, run_ids: Sequence[str], *, dry_run: bool = False) -> Json:
    """Delete ended runs, all or none, each with its robustness; Conflict with what needs one."""
    with reading(engine) as connection:
        needed = chain(_members(connection, run_ids), _needed_runs(connection, run_ids))
        refusals = _checked(needed, dry_run)
    return _answer(refusals, committed(engine, partial(_remove, run_ids, dry_run)))


def delete_plan(engine: Engine, plan: Mapping[Any, Any], *, dry_run: bool = False) -> Json:
    """Delete an ended plan with all of its runs, in portions; Conflict with what needs it.

    If it stops half-way, the plan is still there, and may be deleted again.
    """
    plan_id = plan["plan_id"]
    with reading(engine) as connection:
        of_plan = select(RUN.run_id).where(RUN.plan_id == plan_id, RUN.run_id != plan_id)
        run_ids = [*connection.scalars(of_plan)]
        refusals = _checked(_needed_plan(connection, plan, run_ids), dry_run)
    *portioned, last = portions(run_ids, DELETED) if run_ids else [[]]
    removed = Removed()
    for some in portioned:
        removed += committed(engine, partial(_remove, some, dry_run))
    return _answer(refusals, removed + committed(engine, partial(_end, plan_id, last, dry_run)))


def delete_series(
    engine: Engine, ticker: str, timeframe: Timeframe, *, dry_run: bool = False
) -> Json:
    """Delete all versions of a price series; UnknownTicker, or Conflict with what reads one of them."""

    def change(connection: Connection) -> Json:
        versions_of(connection, ticker, timeframe)
        versions = all_versions(connection, *of_series(ticker, timeframe))
        hashes = [each.data_hash for each in versions]
        refusals = _checked(_readers(connection, ticker, hashes), dry_run)
        if not dry_run:
            series = delete(price_series).filter_by(ticker=ticker, timeframe=timeframe)
            connection.execute(series)
            delete_versions(connection, versions)
        bars = sum(each.bars for each in versions)
        return _answer(refusals, Removed(versions=len(versions), bars=bars))

    return committed(engine, change)


def _answer(refusals: list[str], removed: Removed) -> Json:
    return {"deleted": dict(+removed), "refusals": refusals}


def _checked(refusals: Iterable[str], dry_run: bool) -> list[str]:
    """Return the first refusals; Conflict when there are any, unless it is a dry run."""
    first = [*islice(refusals, MOST_REFUSALS)]
    if first and not dry_run:
        raise Conflict(f"nothing was deleted: {'; '.join(first)}")
    return first


def _remove(run_ids: Sequence[str], dry_run: bool, connection: Connection) -> Removed:
    """Delete runs and plans with these ids; Conflict when one waits or runs again by now."""
    ids = [*run_ids, *map(robustness_id_of, run_ids)]
    if not dry_run:
        living = select(RUN.run_id).where(RUN.run_id.in_(ids), IS_LIVING).with_for_update()
        _checked(map(_has_not_ended, connection.scalars(living)), dry_run)
    return remove(connection, {"runs": ids, "series": ids}, dry_run=dry_run)


def _end(plan_id: str, run_ids: Sequence[str], dry_run: bool, connection: Connection) -> Removed:
    """Delete a plan with the last of its runs; Conflict when others have joined it meanwhile."""
    ids = [*run_ids, plan_id]
    if not dry_run:
        connection.execute(select(PLAN.id).where(PLAN.plan_id == plan_id).with_for_update())
        joined = select(RUN.run_id).where(RUN.plan_id == plan_id, RUN.run_id.not_in(ids))
        joined_late = (f"run {each} was added meanwhile" for each in connection.scalars(joined))
        _checked(joined_late, dry_run)
    return _remove(ids, dry_run, connection)


def _needed_plan(
    connection: Connection, plan: Mapping[Any, Any], run_ids: Sequence[str]
) -> Iterator[str]:
    plan_id, name = plan["plan_id"], _name(plan)
    if plan["status"] in (*LIVING, PortfolioStatus.LEGS) or has_living_runs(connection, plan_id):
        yield f"{name} has not ended; cancel it first"
        return
    made_from = select(*_NAMED, PLAN.spec).where(PLAN.spec.contains(plan_id))
    for row in connection.execute(made_from.where(PLAN.kind == PlanKind.BATCH)).mappings():
        if spec_of(row).get("screen_id") == plan_id:
            yield f"{_name(row)} has the best of {name}; delete it first"
    opened = select(vault_openings.c.ticker).filter_by(study_id=plan_id)
    for ticker in connection.scalars(opened):
        yield f"{name} has opened the vault of {ticker}, and is kept for the record"
    yield from _needed_runs(connection, [*run_ids, plan_id])


def _members(connection: Connection, run_ids: Sequence[str]) -> Iterator[str]:
    """Yield the runs that are compared with others of their plan."""
    is_of = or_(PLAN.plan_id == RUN.plan_id, PLAN.plan_id == RUN.run_id)
    query = select(RUN.run_id, *_NAMED).select_from(runs.join(plans, is_of))
    for row in connection.execute(query.where(RUN.run_id.in_(run_ids))).mappings():
        yield f"run {row['run_id']} belongs to {_name(row)}; delete that as a whole"


def _needed_runs(connection: Connection, run_ids: Sequence[str]) -> Iterator[str]:
    """Yield why these runs may not be deleted together."""
    deleted = {*run_ids}
    for some in portions(run_ids, DELETED):
        with_robustness = RUN.run_id.in_([*some, *map(robustness_id_of, some)])
        living = select(RUN.run_id).where(with_robustness, IS_LIVING)
        yield from map(_has_not_ended, connection.scalars(living))
        pinned = select(RUN.run_id).where(RUN.run_id.in_(some), RUN.pinned.is_not(None))
        for run_id in connection.scalars(pinned):
            yield f"run {run_id} is pinned; unpin it first"
        repeats = select(*RUN["run_id", "reproduces"]).where(RUN.reproduces.in_(some))
        for run_id, original in connection.execute(repeats):
            if run_id not in deleted:
                yield f"run {run_id} reproduces run {original}; delete it first"
        opened = select(*vault_openings.c["run_id", "ticker"])
        of_runs = vault_openings.c.run_id.in_(some)
        for run_id, ticker in connection.execute(opened.where(of_runs)):
            yield f"the vault of {ticker} was opened for run {run_id}, which is kept for the record"
    portfolios = select(*_NAMED, PLAN.step).where(PLAN.kind == PlanKind.PORTFOLIO)
    for row in connection.execute(portfolios).mappings():
        legs = deleted.intersection(json.loads(row["step"]))
        if legs and row["plan_id"] not in deleted:
            yield f"{_name(row)} trades run {min(legs)}; delete it first"


def _has_not_ended(run_id: str) -> str:
    return f"run {run_id} has not ended; cancel it first"


def _readers(connection: Connection, ticker: str, hashes: Sequence[str]) -> Iterator[str]:
    """Yield the plans and runs that read one of these versions of a ticker's prices."""
    if has_rows(connection, select(vaults.c.ticker).filter_by(ticker=ticker)):
        yield f"bars of {ticker} are reserved; release them first"
    quoted = f'"{ticker}"'
    as_other = (run_others.c.ticker == ticker, run_others.c.data_hash.in_(hashes))
    reads = or_(
        and_(RUN.ticker == ticker, RUN.data_hash.in_(hashes)),
        and_(RUN.benchmark_hash.in_(hashes), RUN.request_json.contains(quoted)),
        RUN.run_id.in_(select(run_others.c.run_id).where(*as_other)),
    )
    in_spec = and_(PLAN.spec.contains(quoted), or_(*map(PLAN.spec.contains, hashes)))
    readers = or_(PLAN.plan_id.in_(select(RUN.plan_id).where(reads)), in_spec)
    for row in connection.execute(select(*_NAMED).where(readers)).mappings():
        yield f"{_name(row)} reads these prices; delete it first"
    for run_id in connection.scalars(select(RUN.run_id).where(reads, RUN.plan_id.is_(None))):
        yield f"run {run_id} reads these prices; delete it first"


def _name(plan: Mapping[Any, Any]) -> str:
    is_batch = plan["kind"] == PlanKind.BATCH
    title = f" ({plan['title']})" if plan["title"] else ""
    return f"{plan['kind']} {plan['name'] if is_batch else plan['plan_id']}{title}"
