"""Read batches: the runs of a plan, counted, ranked and listed."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, RowMapping, case, exists, func, or_, select, true

from adapters.database import has_rows
from adapters.plan_tables import PLAN, plans
from adapters.plans.combinations import Surface
from adapters.plans.ranking import RUIN_PCT, Condition, Ranking, flat_params
from adapters.plans.store import plan_named
from adapters.price_tables import price_series
from adapters.rows import latest_rows, rows_by
from adapters.runs.times import (
    seconds_left,
    spread,
    throughput,
    times_of,
    utc_text,
)
from adapters.tables import HEADLINE_COLUMNS, IS_CANCELLED, IS_SUCCEEDED, RUN, runs
from contracts.errors import UnknownBatch
from contracts.run_request import RunRequest
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import Json, Values, frozen, side_by_side, without

# metric of a run, run_id, params as stored JSON
Measurement = tuple[float | None, str, str]

# parsed params that are cached, enough for a large batch, whose page reloads every few seconds
MAX_PARSED = 20_000
# latest runs over which times and percentiles are computed, as for the queue and /metrics
MAX_TIMED_RUNS = 1000
# a run that succeeded, was not ruined and made a trade
_MAY_RANK = (
    IS_SUCCEEDED,
    or_(RUN.max_drawdown_pct.is_(None), RUN.max_drawdown_pct < RUIN_PCT),
    or_(RUN.num_trades.is_(None), RUN.num_trades > 0),
)
# columns of a run in the API, and waiting_since
RUN_COLUMNS = (
    *RUN["run_id", "request_hash", "label", "title", "ticker", "rule_type", "rule_id"],
    RUN.params_json.label("params"),
    *RUN["status", "attempt", "error_type", "error_message"],
    RUN.metrics_json.label("metrics"),
    *RUN["created_at", "started_at", "completed_at", "waiting_since"],
)


# columns of the first and the last submitted run
END_COLUMNS = RUN[
    "id",
    "run_id",
    "kind",
    "label",
    "ticker",
    "rule_type",
    "rule_id",
    "params_json",
    "created_at",
]


@frozen
class Batch:
    """A plan with the counts of its runs; `first` and `last` are the runs that were submitted first and last."""

    plan: RowMapping
    counts: Mapping[str, int]  # by the API's status words
    cancelled: int  # of the failed ones
    last_activity: datetime  # the last end, of a batch that has ended
    first: RowMapping
    last: RowMapping

    @property
    def plan_id(self) -> str:
        """The plan that its runs belong to."""
        return str(self.plan["plan_id"])

    @property
    def batch_id(self) -> str:
        """The plan's name in addresses."""
        return str(self.plan["name"])

    @property
    def runs(self) -> int:
        """All runs of the batch."""
        return sum(self.counts.values())

    @property
    def living(self) -> int:
        """Runs that still wait or run."""
        return self.counts["pending"] + self.counts["running"]

    @property
    def ended(self) -> int:
        """Runs that have ended, one way or the other."""
        return self.runs - self.living

    @property
    def states(self) -> dict[str, int]:
        """Counts with the cancelled runs apart; the API counts these as failed."""
        failed = self.counts["failed"] - self.cancelled
        return {**self.counts, "failed": failed, "cancelled": self.cancelled}


def list_batches(
    connection: Connection, after: int | None, limit: int, *, internal: bool = False
) -> Sequence[RowMapping]:
    """Return the next `limit` batches with a run, newest first; older than the one whose `id` is `after`.

    internal: also other plans with a name, such as studies.
    """
    has_run = exists().where(RUN.plan_id == PLAN.plan_id)
    is_listed = PLAN.name.is_not(None) if internal else PLAN.kind == PlanKind.BATCH
    query = select(plans).where(is_listed, has_run)
    return latest_rows(connection, after, limit, query, plans)


def batches_of(connection: Connection, rows: Sequence[RowMapping]) -> list[Batch]:
    """Return the plans in these rows with their counts, in this order, without plans that have no run."""
    counted = _counted(connection, [row["plan_id"] for row in rows])
    started = _last_starts(connection, [plan for plan, row in counted.items() if row["running"]])
    ids = [row[end] for row in counted.values() for end in ("first_run", "last_run")]
    ends = rows_by(connection, select(*END_COLUMNS), RUN.id, ids)
    batches = []
    for plan in rows:
        if (row := counted.get(plan["plan_id"])) is None:
            continue
        first, last = ends[row["first_run"]], ends[row["last_run"]]
        counts = {status.public: row[status.public] for status in RunStatus}
        moments = (last["created_at"], started.get(plan["plan_id"]), row["last_end"])
        batches.append(
            Batch(plan, counts, row["cancelled"], max(filter(None, moments)), first, last)
        )
    return batches


def _counted(connection: Connection, plan_ids: Sequence[str]) -> dict[str, RowMapping]:
    """Return runs by state, first and last id and last end of plans that have runs, from PLAN_INDEX alone."""
    counts = (
        func.count(case((RUN.status == status, 1))).label(status.public) for status in RunStatus
    )
    columns = (
        RUN.plan_id,
        func.min(RUN.id).label("first_run"),
        func.max(RUN.id).label("last_run"),
        func.max(RUN.completed_at).label("last_end"),
        func.count(case((IS_CANCELLED, 1))).label("cancelled"),
        *counts,
    )
    return rows_by(connection, select(*columns).group_by(RUN.plan_id), RUN.plan_id, plan_ids)


def _last_starts(connection: Connection, plan_ids: Sequence[str]) -> dict[str, datetime]:
    """Latest start among the running runs of each plan; few run at a time, so their rows are few."""
    running = (RUN.status == RunStatus.RUNNING, RUN.plan_id.in_(plan_ids))
    query = select(RUN.plan_id, func.max(RUN.started_at)).where(*running).group_by(RUN.plan_id)
    starts: dict[str, datetime] = dict(connection.execute(query).all())
    return starts


def latest_batches(connection: Connection, limit: int) -> list[Batch]:
    """The `limit` newest batches."""
    return batches_of(connection, list_batches(connection, None, limit, internal=True))


def batch_named(connection: Connection, name: str) -> Batch:
    """The batch of this name with its counts; UnknownBatch when there is none, or it has no run."""
    row = plan_named(connection, name)
    if row and (batches := batches_of(connection, [row])):
        return batches[0]
    raise unknown_batch(name)


def plan_of_batch(connection: Connection, name: str) -> RowMapping:
    """The plan of this name; UnknownBatch when there is none, or it has no run."""
    row = plan_named(connection, name)
    if row is None or not has_rows(connection, select(RUN.id).filter_by(plan_id=row["plan_id"])):
        raise unknown_batch(name)
    return row


def unknown_batch(name: str) -> UnknownBatch:
    """The error for a name that no batch with a run has."""
    return UnknownBatch(f"no run belongs to batch {name[:64]!r}")


def runs_by_hash(
    connection: Connection, batch_id: str, hashes: Sequence[str]
) -> dict[str, RowMapping]:
    """Return run_id and status of a batch's runs with these request hashes, by hash."""
    plan = plan_named(connection, batch_id)
    if plan is None:
        return {}  # a new batch, the usual case
    columns = select(*RUN["request_hash", "run_id", "status"])
    return rows_by(
        connection, columns.filter_by(plan_id=plan["plan_id"]), RUN.request_hash, hashes
    )


def runs_on_other_prices(connection: Connection, batch_id: str, hashes: Collection[str]) -> int:
    """Count the runs of a batch that read versions of prices neither among these nor current."""
    current = select(price_series.c.data_hash)
    others = (RUN.data_hash.not_in(hashes), RUN.data_hash.not_in(current))
    counted = select(func.count()).select_from(runs).join(plans, PLAN.plan_id == RUN.plan_id)
    return connection.execute(counted.where(PLAN.name == batch_id, *others)).scalar_one()


def batch_summary(connection: Connection, batch: Batch) -> Json:
    """Counts, failures and times of a batch."""
    times = _times(connection, batch.plan_id)
    ended = [row for row in times if row["completed_at"]]
    return {
        "batch_id": batch.batch_id,
        "runs": batch.runs,
        "counts": batch.counts,
        "failures": _failures(connection, batch.plan_id) if batch.counts["failed"] else {},
        "cancelled": batch.cancelled,
        "created_at": utc_text(batch.first["created_at"]),
        "completed_at": None if batch.living else utc_text(batch.last_activity),
        "throughput_per_s": throughput([row["completed_at"] for row in ended]),
        "seconds_left": seconds_left(times, batch.living),
        "queue_wait_s": spread(_passed(times, "waiting_since", "started_at")),
        "run_s": spread(_passed(ended, "started_at", "completed_at")),
    }


def _passed(rows: Sequence[RowMapping], since: str, until: str) -> list[float]:
    """Return the seconds between two times of each run."""
    return [round((row[until] - row[since]).total_seconds(), 6) for row in rows]


def batch_requests(
    connection: Connection, batch_id: str, status: RunStatus | None = None
) -> list[Json]:
    """Return the requests of a batch's runs, all or those in a state, in the order of submission, with all fields.

    UnknownBatch when no run belongs to it.
    """
    plan = plan_of_batch(connection, batch_id)
    query = select(RUN.request_json).filter_by(plan_id=plan["plan_id"], kind=Kind.RUN)
    query = query if status is None else query.where(RUN.status == status)
    texts = connection.scalars(query.order_by(RUN.id))
    return [RunRequest.from_json(json.loads(text)).to_json() for text in texts]


def batch_portfolios(connection: Connection, batch_id: str) -> list[Json]:
    """Return the requests of the portfolios whose Jobs make up a batch, in the order of submission; UnknownBatch."""
    plan_id = plan_of_batch(connection, batch_id)["plan_id"]
    query = select(PLAN.spec).join(runs, RUN.run_id == PLAN.plan_id).where(RUN.plan_id == plan_id)
    return [json.loads(text) for text in connection.scalars(query.order_by(RUN.id))]


def _failures(connection: Connection, plan_id: str) -> dict[str, int]:
    reasons = select(RUN.error_type, func.count()).group_by(RUN.error_type)
    failed = reasons.filter_by(plan_id=plan_id, status=RunStatus.FAILED)
    counts: dict[str, int] = dict(connection.execute(failed).all())
    return counts


def _times(connection: Connection, plan_id: str) -> Sequence[RowMapping]:
    columns = select(*RUN["waiting_since", "started_at", "completed_at"])
    started = columns.where(RUN.plan_id == plan_id, RUN.started_at.is_not(None))
    return (
        connection.execute(started.order_by(RUN.id.desc()).limit(MAX_TIMED_RUNS)).mappings().all()
    )


def batch_tickers(connection: Connection, plan_id: str) -> dict[str, Any]:
    """Count all `runs` of a batch and the `completed` ones by ticker, in alphabetical order."""
    completed = func.count(case((IS_SUCCEEDED, 1)))
    counts = select(RUN.ticker, func.count().label("runs"), completed.label("completed"))
    grouped = counts.filter_by(plan_id=plan_id).group_by(RUN.ticker).order_by(RUN.ticker)
    return {row.ticker: row for row in connection.execute(grouped)}


def measured_runs(
    connection: Connection, plan_id: str, ranking: Ranking, ticker: str | None = None
) -> Sequence[Measurement]:
    """Return the runs of a batch, or of one `ticker` in it, that may be ranked, in the order of submission.

    They completed, were not ruined, made a trade and keep all constraints; the database checks those on columns.
    """
    others = [each for each in ranking.constraints if not each.names <= HEADLINE_COLUMNS.keys()]
    kept = [each.over(HEADLINE_COLUMNS) for each in ranking.constraints if each not in others]
    column = None if others else HEADLINE_COLUMNS.get(ranking.metric)
    query = (
        select(RUN.metrics_json if column is None else column, *RUN["run_id", "params_json"])
        .where(RUN.plan_id == plan_id, RUN.kind.in_((Kind.RUN, Kind.PORTFOLIO)))
        .where(RUN.ticker == ticker if ticker else true(), *_MAY_RANK, *chain.from_iterable(kept))
    )
    rows: Sequence[Any] = connection.execute(query.order_by(RUN.id)).all()
    return _measured(rows, ranking.metric, others) if column is None else rows


def _measured(rows: Iterable[Any], metric: str, kept: Sequence[Condition]) -> list[Measurement]:
    """Replace stored metrics by the value of `metric`, and drop runs that break a condition."""
    parsed = ((json.loads(stored)["values"], run_id, text) for stored, run_id, text in rows)
    return [
        (metrics.get(metric), run_id, text)
        for metrics, run_id, text in parsed
        if all(each.holds(metrics) for each in kept)
    ]


def leaders(
    connection: Connection, measured: Sequence[Measurement], ranking: Ranking, top: int
) -> list[Json]:
    """Return the `top` measured runs, best first, without those that lack the metric."""
    ranked = (each for each in measured if each[0] is not None)
    best = sorted(ranked, key=itemgetter(0), reverse=ranking.goal == "max")[:top]
    run_ids = [run_id for _, run_id, _ in best]
    listed = rows_by(connection, select(*RUN_COLUMNS), RUN.run_id, run_ids)
    return [batch_run(listed[run_id]) for run_id in run_ids]


def columns_of(
    connection: Connection, plan_id: str, surface: Surface, metric: str
) -> dict[str, Sequence[Any]]:
    """Return the columns by which conditions select measured runs, in the order of the runs.

    These are the parameters, the metrics with a column of their own, and the metric of the ranking.
    """
    query = select(RUN.run_id, *HEADLINE_COLUMNS.values()).filter_by(plan_id=plan_id)
    by_run = {run_id: values for run_id, *values in connection.execute(query)}
    rows = [by_run[run_id] for run_id in surface.run_ids]
    headlines = {name: [row[at] for row in rows] for at, name in enumerate(HEADLINE_COLUMNS)}
    return {**surface.params, **headlines, metric: surface.metrics}


def surface_of(measured: Sequence[Measurement]) -> Surface:
    """Arrange the measured runs by their parameters."""
    metrics, run_ids, texts = zip(*measured, strict=True) if measured else ((), (), ())
    return Surface(metrics, run_ids, side_by_side(list(map(_flat, texts))))


@lru_cache(maxsize=MAX_PARSED)
def _flat(params_json: str) -> Values:
    return flat_params(json.loads(params_json))


def batch_page(connection: Connection, plan_id: str, after: str, limit: int) -> list[Json]:
    """Return the next `limit` runs of a batch by request hash, the order of its unique index."""
    query = select(*RUN_COLUMNS).where(RUN.plan_id == plan_id, RUN.request_hash > after)
    rows = connection.execute(query.order_by(RUN.request_hash).limit(limit))
    return list(map(batch_run, rows.mappings()))


def batch_run(row: RowMapping) -> Json:
    """Return a run of a batch in the form of the API."""
    run = {
        **row,
        "params": json.loads(row["params"]),
        "status": RunStatus(row["status"]).public,
        "metrics": row["metrics"] and json.loads(row["metrics"])["values"],
        **times_of(row),
    }
    return without(run, ("waiting_since",))
