"""Queries of runs for the web tier; read only."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, and_, select

from adapters.columns import unpack
from adapters.database import has_rows
from adapters.plan_tables import PLAN, plans
from adapters.prices.bars import PriceBars, Whole
from adapters.rows import one_row, rows_by
from adapters.runs.explanations import BARS_PER_PART, RunLines, lines_on
from adapters.runs.series import unpacked_json
from adapters.runs.times import utc_text
from adapters.tables import (
    EVENT,
    HEADLINE_COLUMNS,
    IS_SUCCEEDED,
    RUN,
    Criterion,
    run_charts,
    run_lines,
    run_tags,
    runs,
)
from contracts.errors import UnknownRun
from contracts.status import Kind
from contracts.values import Json

# of the plan of a run; null for a run that was submitted alone, batch_id for a screen's Job too
OF_PLAN = (
    PLAN.name.label("batch_id"),
    PLAN.title.label("batch_title"),
    PLAN.kind.label("plan_kind"),
)
STATUS_COLUMNS = (
    *RUN[
        "run_id",
        "status",
        "attempt",
        "plan_id",
        "label",
        "ticker",
        "rule_id",
        "error_type",
        "error_message",
        "created_at",
        "waiting_since",
        "enqueued_at",
        "started_at",
        "completed_at",
    ],
    *HEADLINE_COLUMNS.values(),
    *OF_PLAN,
)


def with_plan(query: Select[Any]) -> Select[Any]:
    """Join a query of runs with their plan, so that its columns can be selected."""
    return query.outerjoin_from(runs, plans, PLAN.plan_id == RUN.plan_id)


def run_status(connection: Connection, run_id: str) -> RowMapping:
    """Return the small columns of one run, for polling; UnknownRun when there is none."""
    return _one(connection, with_plan(select(*STATUS_COLUMNS)), run_id)


def run_row(connection: Connection, run_id: str) -> RowMapping:
    """Return all columns of one run and its plan, and the head of its lines; UnknownRun when there is none."""
    head = and_(run_lines.c.run_id == RUN.run_id, run_lines.c.part == 0)
    columns = select(runs, run_lines.c.packed.label("lines_head"), *OF_PLAN)
    return _one(connection, with_plan(columns).outerjoin(run_lines, head), run_id)


def _one(connection: Connection, query: Select[Any], run_id: str) -> RowMapping:
    missing = UnknownRun(f"no run has the id {run_id}")
    return one_row(connection, query.where(RUN.run_id == run_id), missing)


def all_rows(
    connection: Connection, query: Select[Any], run_ids: Sequence[str]
) -> dict[str, RowMapping]:
    """Return the rows of a query of these runs by run_id; UnknownRun when one is missing."""
    rows = rows_by(connection, query, RUN.run_id, run_ids)
    if missing := {*run_ids} - rows.keys():
        raise UnknownRun(f"no run has the id {min(missing)}")
    return rows


def states_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, RowMapping]:
    """Return status and error_type of these runs by run_id; UnknownRun when one is missing."""
    return all_rows(connection, select(*RUN["run_id", "status", "error_type"]), run_ids)


def runs_alike(
    connection: Connection, hashes: Sequence[str], *conditions: Criterion
) -> dict[str, RowMapping]:
    """Return the latest run of each of these requests, whoever submitted it, preferring completed ones.

    run_id, status and metrics of lists, by request_hash; conditions: restrict the runs.
    """
    columns = select(*RUN["request_hash", "run_id", "status"], *HEADLINE_COLUMNS.values())
    query = columns.filter_by(kind=Kind.RUN).where(*conditions).order_by(IS_SUCCEEDED, RUN.id)
    return rows_by(connection, query, RUN.request_hash, hashes)


def run_with_prefix(connection: Connection, prefix: str) -> str | None:
    """Return the id of the one run whose id begins with `prefix`; None when there is none, or more than one."""
    begins = RUN.run_id.startswith(prefix, autoescape=True)
    run_ids = connection.scalars(select(RUN.run_id).where(begins).limit(2)).all()
    return run_ids[0] if len(run_ids) == 1 else None


def has_tag(connection: Connection, tag: str) -> bool:
    """Tell whether any run has this tag."""
    return has_rows(connection, select(run_tags.c.run_id).filter_by(tag=tag))


def lines_of(
    connection: Connection, row: RowMapping, traded: PriceBars, bars: Whole
) -> RunLines | None:
    """Return the lines of a run on these bars, from its `run_row`; None of a bulk run, which stores none."""
    if row["lines_head"] is None:
        return None
    first, last = (bars[[0, -1]] // BARS_PER_PART).tolist()
    between = run_lines.c.part.between(first + 1, last + 1)
    mine = select(run_lines.c.packed).filter_by(run_id=row["run_id"])
    parts = connection.scalars(mine.where(between).order_by(run_lines.c.part))
    places = bars - first * BARS_PER_PART
    columns = {name: column[places] for name, column in unpack(*parts).items()}
    return lines_on(bars, unpacked_json(row["lines_head"]), columns, traded)


def chart_pngs(connection: Connection, run_id: str) -> dict[str, bytes]:
    """Return all charts of a run by name."""
    query = select(*run_charts.c["name", "png"]).filter_by(run_id=run_id)
    charts: dict[str, bytes] = dict(connection.execute(query).all())
    return charts


def events_of(connection: Connection, run_id: str) -> list[Json]:
    """List the events of a run, oldest first."""
    columns = select(*EVENT["attempt", "from_status", "to_status", "at", "reason", "host"])
    mine = columns.filter_by(run_id=run_id).order_by(EVENT.id)
    return [{**row, "at": utc_text(row["at"])} for row in connection.execute(mine).mappings()]
