"""The tables of runs and of what is made of them, with `metadata`, which has those of plans, prices and access, too.

Schema changes are additive: a new column has a default or may be null.
"""

from sqlalchemy import (
    Column,
    ColumnElement,
    Double,
    Index,
    Integer,
    SmallInteger,
    UniqueConstraint,
)

from adapters import access_tables, plan_tables, price_tables  # noqa: F401  # metadata has them once they are imported
from adapters.declarations import (
    Actor,
    Code,
    Id,
    LongBlob,
    LongText,
    Name,
    Rows,
    Sha256,
    State,
    Ticker,
    Timestamp,
    Title,
    Uuid,
    identifier,
    key,
    required,
    series,
    table,
    words,
)
from adapters.declarations import metadata as metadata
from adapters.metrics.table import HEADLINES
from contracts.run_request import NOTE_LENGTH, TAG_LENGTH
from contracts.status import ErrorType, Kind, RunStatus

METRIC_INDEXES = {metric.name: f"ix_runs_{short}" for short, metric in HEADLINES.items()}
LISTED_INDEX = "ix_runs_listed"
PLAN_INDEX = "ix_runs_plan_states"


def _metric_index(metric: str) -> Index:
    """Make an index ordered by a metric that includes the columns of filters, so that refused rows are not read."""
    others = (other for other in METRIC_INDEXES if other != metric)
    return Index(
        METRIC_INDEXES[metric], metric, "id", "ticker", "rule_type", "created_at", *others
    )


runs = table(
    "backtest_results",  # an older name
    Rows(
        "A run, from its submission to its result.",
        of="run",
        kind="runs",
        kept="runs",
        web="INSERT UPDATE",
        worker="SELECT UPDATE",
        reconciler="INSERT UPDATE",
    ),
    UniqueConstraint("plan_id", "request_hash", name="uq_plan_request"),
    Index("ix_runs_status", "status", "id"),
    Index("ix_runs_lease", "status", "lease_until"),
    # the columns after the id are never searched; with them a page of the list is read from the index alone
    Index("ix_runs_ticker", "ticker", "id", "rule_type", "status"),
    Index("ix_runs_rule", "rule_type", "id"),
    Index("ix_runs_rule_id", "rule_id", "id"),
    # the runs of a plan are counted from this index alone
    Index(PLAN_INDEX, "plan_id", "id", "status", "error_type", "completed_at"),
    Index("ix_runs_label", "label", "id"),
    Index("ix_runs_title", "title", "id"),
    Index("ix_runs_created", "created_at"),
    Index("ix_runs_started", "started_at"),
    Index("ix_runs_completed", "completed_at"),
    *map(_metric_index, METRIC_INDEXES),
    # the same by submission
    Index(LISTED_INDEX, "id", "ticker", "rule_type", "created_at", *METRIC_INDEXES),
    Index("ix_runs_reproduces", "reproduces"),
    Index("ix_runs_request", "request_hash"),  # finds identical requests
    Index("ix_runs_prices", "data_hash", "id"),  # finds the runs of a price version
    Index("ix_runs_benchmark", "benchmark_hash"),
    id=key(Id, doc="in order of submission; the list is paged by it"),
    run_id=required(Uuid, unique=True),
    kind=required(identifier(12), server_default=Kind.RUN.value, doc="contracts.status.Kind"),
    plan_id=Column(Uuid, doc="the plan that it was submitted with"),
    label=Column(Name),
    title=Column(Title, doc="set by people; null: the default title"),
    idempotency_key=Column(words(128), unique=True),
    ticker=Ticker,
    timeframe=required(identifier(4), default="1d"),
    rule_type=Code,
    rule_id=Column(Name),
    params_json=LongText,
    request_json=LongText,
    request_hash=Sha256,
    status=State,
    attempt=required(Integer, default=1),
    lease_token=Column(Uuid),
    lease_until=Column(Timestamp),
    losses=required(SmallInteger, default=0),
    handbacks=required(SmallInteger, default=0),
    cancel_requested=required(SmallInteger, default=0),
    waiting_since=required(Timestamp, doc="when this attempt became PENDING"),
    enqueued_at=Column(Timestamp, doc="when its message was last enqueued; null: not yet"),
    error_type=Column(Code),
    error_message=Column(words(1000)),
    **{
        metric.name: Column(Integer if metric.unit == "count" else Double)
        for metric in HEADLINES.values()
    },
    timing_sharpe_ratio=Column(
        Double, doc="for the variance among the trials of a batch; null in older runs"
    ),
    metrics_json=Column(LongText),
    equity_curve_json=series(LongText),
    trades_json=series(LongText),
    signals_json=series(LongText),
    sparkline=Column(
        identifier(64), doc="the shape of the equity curve for lists, see adapters.sparkline"
    ),
    data_hash=Column(Sha256),
    benchmark_hash=Column(
        Sha256, doc="version of the benchmark's prices; null without one of its own"
    ),
    engine_version=Column(Code),
    analysis_version=Column(Code, doc="of the code around the engine; null in older runs"),
    image_tag=Column(identifier(128)),
    result_hash=Column(Sha256),
    python_json=Column(
        LongText, doc="of a rule in Python: receipt and printed text; null of other rules"
    ),
    reproduces=Column(Uuid, doc="the run_id that this run repeats"),
    submitted_by=Column(Actor, doc="name of the token; null where none was needed"),
    pinned=Column(SmallInteger, doc="1: kept however old; otherwise null"),
    worker=Column(words(128), doc="host and process of the last claim"),
    created_at=Timestamp,
    started_at=Column(Timestamp),
    completed_at=Column(Timestamp),
)

RUN = runs.c  # the columns of a run
Criterion = ColumnElement[bool]  # which runs
IS_WAITING = RUN.status == RunStatus.PENDING
IS_SUCCEEDED = RUN.status == RunStatus.SUCCEEDED
IS_FAILED = RUN.status == RunStatus.FAILED
IS_LIVING = RUN.status.in_([RunStatus.PENDING, RunStatus.RUNNING])
# FAILED in the database, a separate state on pages
IS_CANCELLED = RUN.error_type == ErrorType.CANCELLED
# metrics with a column, readable without JSON
HEADLINE_COLUMNS = {name: RUN[name] for name in METRIC_INDEXES}

run_lines = table(
    "run_lines",
    Rows(
        "The indicator lines of a single run's rule, in parts.",
        of="run",
        kind="lines",
        kept="series",
        worker="SELECT INSERT",
    ),
    run_id=key(Uuid),
    part=key(Integer, doc="0 is the head, see adapters.runs.explanations"),
    packed=LongBlob,
)

screens = table(
    "screens",
    Rows(
        "The combinations of a screen on a ticker, or of a study on a training part: progress and results.",
        of="run",
        kind="screens",
        kept="runs",
        web="INSERT UPDATE",
        worker="SELECT UPDATE",
        reconciler="INSERT",
    ),
    Index("ix_screens_differing", "differing"),
    run_id=key(Uuid),
    combinations=Integer,
    done=required(Integer, default=0, doc="combinations, as of the last heartbeat"),
    values_json=required(
        LongText, doc="of each swept parameter, see adapters.plans.combinations"
    ),
    places=required(LongBlob, doc="of each combination's values among them"),
    permuted_json=Column(
        words(255), doc="seed, first and last of the orders of the bars that a Job searches"
    ),
    metrics=Column(LongBlob, doc="of each combination, see adapters.plans.combinations"),
    best_json=Column(LongText, doc="the one with the highest Sharpe ratio, measured as a run is"),
    differing=required(Integer, default=0, doc="combinations whose run has other metrics"),
)

run_tags = table(
    "run_tags",
    Rows(
        "The tags of a run, as its request has them, to list runs by.",
        of="run",
        kind="tags",
        kept="runs",
        web="INSERT",
        reconciler="INSERT",
    ),
    Index("ix_run_tags_tag", "tag", "run_id"),
    run_id=key(Uuid),
    tag=key(words(TAG_LENGTH)),
)

notes = table(
    "notes",
    Rows(
        "A note that people wrote on a run or plan.",
        of="run",
        kind="notes",
        kept="runs",
        web="INSERT",
    ),
    run_id=key(Uuid, doc="of a run, or the plan_id of a plan"),
    text=required(words(NOTE_LENGTH)),
    author=Column(Actor, doc="name of the token; null where none was needed"),
    at=Timestamp,
)

run_others = table(
    "run_others",
    Rows(
        "The versions of other tickers' prices that a run reads, which are kept for it.",
        of="run",
        kind="other tickers",
        kept="runs",
        web="INSERT",
        reconciler="INSERT",
    ),
    Index("ix_run_others_hash", "data_hash"),
    run_id=key(Uuid),
    ticker=key(Ticker),
    data_hash=required(Sha256),
)

run_charts = table(
    "run_charts",
    Rows(
        "The PNG charts of a run.",
        of="run",
        kind="charts",
        kept="series",
        web="INSERT",
        worker="SELECT INSERT",
    ),
    run_id=key(Uuid),
    name=key(Code),
    png=LongBlob,
)

run_events = table(
    "run_events",
    Rows(
        "Every change of a run's state; the queue over time is counted from it.",
        of="run",
        kind="events",
        kept="runs",
        web="INSERT",
        worker="INSERT",
        reconciler="INSERT",
    ),
    Index("ix_events_run", "run_id", "id"),
    # the queue over time is counted from this index alone
    Index("ix_events_at", "at", "from_status", "to_status"),
    id=key(Id),
    run_id=Uuid,
    attempt=Integer,
    from_status=Column(State),
    to_status=State,
    at=Timestamp,
    reason=Column(words(255)),
    host=Column(words(128)),
)
EVENT = run_events.c

run_attempts = table(
    "run_attempts",
    Rows(
        "Times and log of an attempt, as its Job stores them at its end.",
        of="run",
        kind="attempts",
        kept="runs",
        worker="SELECT INSERT UPDATE",
    ),
    run_id=key(Uuid),
    attempt=Column(Integer, primary_key=True, autoincrement=False),
    marks_json=required(
        words(512),
        doc="seconds from the claim to the start of each part, see adapters.runs.timeline",
    ),
    log_text=required(LongText, doc="the last 64 KB"),
)

run_totals = table(
    "run_totals",  # one row, see adapters.runs.totals
    Rows(
        "Counters of `/metrics`, added up from the events by the reconciler.",
        of="platform",
        reconciler="INSERT UPDATE",
    ),
    name=key(Code),
    until=required(Timestamp, doc="events up to this time are in the totals"),
    totals_json=LongText,
)

presets = table(
    "strategies",  # an older word for presets
    Rows("A preset of the form.", of="platform", web="INSERT UPDATE DELETE"),
    id=key(Id),
    name=required(Name, unique=True),
    rule_type=Code,
    form_json=LongText,
    version=required(Integer, default=1, doc="no longer counted"),
    created_at=required(Timestamp, doc="of this form"),
)
