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
from contracts.run_request import TAG_LENGTH
from contracts.status import ErrorType, Kind, RunStatus

METRIC_INDEXES = {metric.name: f"ix_runs_{short}" for short, metric in HEADLINES.items()}
LISTED_INDEX = "ix_runs_listed"
BATCH_INDEX = "ix_runs_batch_states"


def _metric_index(metric: str) -> Index:
    """An order by one metric that also holds what lists are filtered by, so that no row is read for a refusal."""
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
    key(
        "id",
        Id,
        doc="in order of submission; the list is paged by it",
    ),
    required("run_id", Uuid, unique=True),
    required("kind", identifier(12), server_default=Kind.RUN.value, doc="contracts.status.Kind"),
    Column("batch_id", Name),
    Column("label", Name),
    Column(
        "title",
        Title,
        doc="what people call it; null: what follows from its request",
    ),
    Column("idempotency_key", words(128), unique=True),
    required("ticker", Ticker),
    required("timeframe", identifier(4), default="1d"),
    required("rule_type", Code),
    Column("rule_id", Name),
    required("params_json", LongText),
    required("request_json", LongText),
    required("request_hash", Sha256),
    required("status", State),
    required("attempt", Integer, default=1),
    Column("lease_token", Uuid),
    Column("lease_until", Timestamp),
    required("losses", SmallInteger, default=0),
    required("handbacks", SmallInteger, default=0),
    required("cancel_requested", SmallInteger, default=0),
    required("waiting_since", Timestamp, doc="when this attempt became PENDING"),
    Column("enqueued_at", Timestamp, doc="when its message was last enqueued; null: not yet"),
    Column("error_type", Code),
    Column("error_message", words(1000)),
    *(
        Column(metric.name, Integer if metric.unit == "count" else Double)
        for metric in HEADLINES.values()
    ),
    Column(
        "timing_sharpe_ratio",
        Double,
        doc="how far the trials of a batch differ; null in older runs",
    ),
    Column("metrics_json", LongText),
    *map(series, ("equity_curve_json", "trades_json", "signals_json")),
    Column(
        "sparkline",
        identifier(64),
        doc="the shape of the equity curve for lists, see adapters.sparkline",
    ),
    Column("data_hash", Sha256),
    Column(
        "benchmark_hash",
        Sha256,
        doc="version of the benchmark's prices; null without one of its own",
    ),
    Column("engine_version", Code),
    Column(
        "analysis_version",
        Code,
        doc="of the code around the engine; null in older runs",
    ),
    Column("image_tag", identifier(128)),
    Column("result_hash", Sha256),
    Column("reproduces", Uuid, doc="the run_id that this run repeats"),
    Column(
        "submitted_by",
        Actor,
        doc="name of the token; null where none was needed",
    ),
    Column("pinned", SmallInteger, doc="1: kept however old; otherwise null"),
    Column("worker", words(128), doc="host and process of the last claim"),
    required("created_at", Timestamp),
    Column("started_at", Timestamp),
    Column("completed_at", Timestamp),
    UniqueConstraint("batch_id", "request_hash", name="uq_batch_request"),
    Index("ix_runs_status", "status", "id"),
    Index("ix_runs_lease", "status", "lease_until"),
    # the columns behind an id are never searched by: with them a list's page is found in the index alone
    Index("ix_runs_ticker", "ticker", "id", "rule_type", "status"),
    Index("ix_runs_rule", "rule_type", "id"),
    Index("ix_runs_rule_id", "rule_id", "id"),
    # batches are listed and counted in it alone
    Index(BATCH_INDEX, "batch_id", "id", "status", "error_type", "completed_at"),
    Index("ix_runs_label", "label", "id"),
    Index("ix_runs_title", "title", "id"),
    Index("ix_runs_created", "created_at"),
    Index("ix_runs_started", "started_at"),
    Index("ix_runs_completed", "completed_at"),
    *map(_metric_index, METRIC_INDEXES),
    # the same by submission
    Index(LISTED_INDEX, "id", "ticker", "rule_type", "created_at", *METRIC_INDEXES),
    Index("ix_runs_reproduces", "reproduces"),
    Index("ix_runs_request", "request_hash"),  # whether somebody has asked for the same already
    Index("ix_runs_prices", "data_hash", "id"),  # which runs read a version of prices
    Index("ix_runs_benchmark", "benchmark_hash"),
)

RUN = runs.c  # the columns of a run
Criterion = ColumnElement[bool]  # which runs
IS_WAITING = RUN.status == RunStatus.PENDING
IS_SUCCEEDED = RUN.status == RunStatus.SUCCEEDED
IS_FAILED = RUN.status == RunStatus.FAILED
IS_LIVING = RUN.status.in_([RunStatus.PENDING, RunStatus.RUNNING])
# FAILED to the database, a word of its own to people
IS_CANCELLED = RUN.error_type == ErrorType.CANCELLED
# the metrics that no JSON has to be read for
HEADLINE_COLUMNS = {name: RUN[name] for name in METRIC_INDEXES}

batch_rankings = table(
    "batch_rankings",
    Rows(
        "What a batch is ranked by; set by its latest submission.",
        of="batch",
        kept="batches",
        web="INSERT UPDATE DELETE",
    ),
    key("batch_id", Name),
    required("metric", identifier(64)),
    required("goal", identifier(3)),
    required("constraints_json", LongText),
)

batch_titles = table(
    "batch_titles",
    Rows(
        "What people call a batch, or the study whose batch it is.",
        of="batch",
        kept="batches",
        web="INSERT DELETE",
    ),
    key("batch_id", Name),
    required("title", Title),
)

run_lines = table(
    "run_lines",
    Rows(
        "The lines that the rule of a single run looked at, in parts.",
        of="run",
        kind="lines",
        kept="series",
        worker="SELECT INSERT",
    ),
    key("run_id", Uuid),
    key(
        "part",
        Integer,
        doc="0 is the head, see adapters.runs.lines",
    ),
    required("packed", LongBlob),
)

screens = table(
    "screens",
    Rows(
        "What a screen tries on a ticker, or a study on a training part, how far it is, and what it has found.",
        of="run",
        kind="screens",
        kept="runs",
        web="INSERT UPDATE",
        worker="SELECT UPDATE",
        reconciler="INSERT",
    ),
    key("run_id", Uuid),
    required("screen_id", Uuid, doc="the run_id of its first ticker"),
    required("combinations", Integer),
    required("done", Integer, default=0, doc="combinations, as of the last heartbeat"),
    required(
        "values_json", LongText, doc="of each swept parameter, see adapters.screens.columns"
    ),
    required("places", LongBlob, doc="of each combination's values among them"),
    required(
        "ranking_json", LongText, doc="metric, goal and constraints, as they were submitted"
    ),
    Column(
        "permuted_json",
        words(255),
        doc="seed, first and last of the orders of the bars that a Job searches",
    ),
    Column("metrics", LongBlob, doc="of each combination, see adapters.screens.columns"),
    Column(
        "best_json", LongText, doc="the one with the highest Sharpe ratio, measured as a run is"
    ),
    required("differing", Integer, default=0, doc="combinations whose run came to other metrics"),
    Index("ix_screens_screen", "screen_id"),
    Index("ix_screens_differing", "differing"),
)

run_tags = table(
    "run_tags",
    Rows(
        "The tags of a run, as its request has them, to list runs by.",
        of="run",
        kind="tags",
        kept="runs",
        web="INSERT DELETE",
        reconciler="INSERT",
    ),
    key("run_id", Uuid),
    key("tag", words(TAG_LENGTH)),
    Index("ix_run_tags_tag", "tag", "run_id"),
)

run_charts = table(
    "run_charts",
    Rows(
        "The PNG charts of a run.",
        of="run",
        kind="charts",
        kept="charts",
        web="INSERT",
        worker="SELECT INSERT",
    ),
    key("run_id", Uuid),
    key("name", Code),
    required("png", LongBlob),
)

run_events = table(
    "run_events",
    Rows(
        "Every change of a run's state; the queue over time is counted from it.",
        of="run",
        kind="events",
        kept="events",
        web="INSERT",
        worker="INSERT",
        reconciler="INSERT",
    ),
    key("id", Id),
    required("run_id", Uuid),
    required("attempt", Integer),
    Column("from_status", State),
    required("to_status", State),
    required("at", Timestamp),
    Column("reason", words(255)),
    Column("host", words(128)),
    Index("ix_events_run", "run_id", "id"),
    # the queue over time is counted in the index alone
    Index("ix_events_at", "at", "from_status", "to_status"),
)
EVENT = run_events.c

run_totals = table(
    "run_totals",  # one row, see adapters.runs.totals
    Rows(
        "What `/metrics` counts, added up from the events by the reconciler.",
        of="platform",
        reconciler="INSERT UPDATE",
    ),
    key("name", Code),
    required("until", Timestamp, doc="events up to this time are in the totals"),
    required("totals_json", LongText),
)

presets = table(
    "strategies",  # an older word for presets
    Rows("A preset of the form.", of="platform", web="INSERT UPDATE DELETE"),
    key("id", Id),
    required("name", Name, unique=True),
    required("rule_type", Code),
    required("form_json", LongText),
    required("version", Integer, default=1, doc="no longer counted"),
    required("created_at", Timestamp, doc="of this form"),
)
