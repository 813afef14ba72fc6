"""The tables. Schema changes are additive: a new column has a default or may be null."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from adapters.database import Timestamp
from adapters.metrics.table import HEADLINES
from contracts.status import ErrorType, RunStatus

metadata = MetaData()

MYSQL = ("mysql", "mariadb")


def _on_mysql(generic: TypeEngine, special: TypeEngine) -> TypeEngine:  # type: ignore[type-arg]
    return generic.with_variant(special, *MYSQL)


def _ascii(length: int) -> TypeEngine:  # type: ignore[type-arg]
    """Identifiers: compared byte by byte, one byte each in an index."""
    return _on_mysql(String(length), mysql.VARCHAR(length, charset="ascii", collation="ascii_bin"))


def _text(length: int) -> TypeEngine:  # type: ignore[type-arg]
    """Words of people: any script, but 'a' and 'A' differ, as they do in SQLite."""
    return _on_mysql(String(length), mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin"))


LongText = _on_mysql(Text(), mysql.MEDIUMTEXT(charset="utf8mb4", collation="utf8mb4_bin"))  # TEXT holds 64 KB only
LongBlob = _on_mysql(LargeBinary(), mysql.MEDIUMBLOB())
Id = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself for INTEGER only

_OPTIONS: dict[str, Any] = {
    f"{name}_{option}": value for name in MYSQL for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"))
}

METRIC_INDEXES = {metric.name: f"ix_runs_{short}" for short, metric in HEADLINES.items()}
LISTED_INDEX = "ix_runs_listed"
ACTOR_LENGTH = 80  # characters of a token's name, or of a user's whom a proxy has logged in


def _metric_index(metric: str) -> Index:
    """An order by one metric that also holds what lists are filtered by, so that no row is read for a refusal."""
    others = (other for other in METRIC_INDEXES if other != metric)
    return Index(METRIC_INDEXES[metric], metric, "id", "ticker", "rule_type", "created_at", *others)


runs = Table(
    "backtest_results",  # an older name; a row is a run from its submission on
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),  # in order of submission; the list is paged by it
    Column("run_id", _ascii(36), nullable=False, unique=True),
    Column("batch_id", _text(64)),
    Column("label", _text(64)),
    Column("idempotency_key", _text(128), unique=True),
    Column("ticker", _ascii(15), nullable=False),
    Column("timeframe", _ascii(4), nullable=False, default="1d"),
    Column("rule_type", _ascii(32), nullable=False),
    Column("rule_id", _text(64)),
    Column("params_json", LongText, nullable=False),
    Column("request_json", LongText, nullable=False),
    Column("request_hash", _ascii(64), nullable=False),
    Column("status", _ascii(10), nullable=False),
    Column("attempt", Integer, nullable=False, default=1),
    Column("lease_token", _ascii(36)),
    Column("lease_until", Timestamp),
    Column("losses", SmallInteger, nullable=False, default=0),
    Column("handbacks", SmallInteger, nullable=False, default=0),
    Column("cancel_requested", SmallInteger, nullable=False, default=0),
    Column("waiting_since", Timestamp, nullable=False),  # when this attempt became PENDING
    Column("enqueued_at", Timestamp),  # when its message was last enqueued; null: not yet
    Column("error_type", _ascii(32)),
    Column("error_message", _text(1000)),
    *(Column(metric.name, Integer if metric.unit == "count" else Double) for metric in HEADLINES.values()),
    Column("timing_sharpe_ratio", Double),  # how far the trials of a batch differ; null in older runs
    Column("metrics_json", LongText),
    Column("equity_curve_json", LongText),
    Column("trades_json", LongText),
    Column("signals_json", LongText),
    Column("sparkline", _ascii(64)),  # the shape of the equity curve for lists, see adapters.sparkline
    Column("data_hash", _ascii(64)),
    Column("benchmark_hash", _ascii(64)),  # version of the benchmark's prices; null without a benchmark of its own
    Column("engine_version", _ascii(32)),
    Column("analysis_version", _ascii(32)),  # of the code around the engine; null in older runs
    Column("image_tag", _ascii(128)),
    Column("result_hash", _ascii(64)),
    Column("reproduces", _ascii(36)),  # the run_id that this run repeats
    Column("submitted_by", _ascii(ACTOR_LENGTH)),  # name of the token; null where none was needed
    Column("pinned", SmallInteger),  # 1: kept however old; otherwise null
    Column("worker", _text(128)),  # host and process of the last claim
    Column("created_at", Timestamp, nullable=False),
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
    Index("ix_runs_batch_states", "batch_id", "id", "status", "error_type", "completed_at"),
    Index("ix_runs_label", "label", "id"),
    Index("ix_runs_created", "created_at"),
    Index("ix_runs_started", "started_at"),
    Index("ix_runs_completed", "completed_at"),
    *map(_metric_index, METRIC_INDEXES),
    Index(LISTED_INDEX, "id", "ticker", "rule_type", "created_at", *METRIC_INDEXES),  # the same by submission
    Index("ix_runs_reproduces", "reproduces"),
    Index("ix_runs_prices", "data_hash", "id"),  # which runs read a version of prices
    Index("ix_runs_benchmark", "benchmark_hash"),
    **_OPTIONS,
)

IS_LIVING = runs.c.status.in_([RunStatus.PENDING, RunStatus.RUNNING])
IS_CANCELLED = runs.c.error_type == ErrorType.CANCELLED  # FAILED to the database, a word of its own to people
HEADLINE_COLUMNS = {name: runs.c[name] for name in METRIC_INDEXES}  # the metrics that no JSON has to be read for

batch_rankings = Table(
    "batch_rankings",
    metadata,
    Column("batch_id", _text(64), primary_key=True),
    Column("metric", _ascii(64), nullable=False),
    Column("goal", _ascii(3), nullable=False),
    Column("constraints_json", LongText, nullable=False),
    **_OPTIONS,
)

run_charts = Table(
    "run_charts",
    metadata,
    Column("run_id", _ascii(36), primary_key=True),
    Column("name", _ascii(32), primary_key=True),
    Column("png", LongBlob, nullable=False),
    **_OPTIONS,
)

run_lines = Table(
    "run_lines",
    metadata,
    Column("run_id", _ascii(36), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),  # 0 is the head, see adapters.runs.lines
    Column("packed", LongBlob, nullable=False),
    **_OPTIONS,
)

run_events = Table(
    "run_events",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("run_id", _ascii(36), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("from_status", _ascii(10)),
    Column("to_status", _ascii(10), nullable=False),
    Column("at", Timestamp, nullable=False),
    Column("reason", _text(255)),
    Column("host", _text(128)),
    Index("ix_events_run", "run_id", "id"),
    Index("ix_events_at", "at", "from_status", "to_status"),  # the queue over time is counted in the index alone
    **_OPTIONS,
)

run_totals = Table(
    "run_totals",  # one row, see adapters.runs.totals
    metadata,
    Column("name", _ascii(32), primary_key=True),
    Column("until", Timestamp, nullable=False),  # events up to this time are in the totals
    Column("totals_json", LongText, nullable=False),
    **_OPTIONS,
)

# Prices by content: bars are kept once per data_hash, whatever ticker they were loaded for, and never change.
price_parts = Table(
    "price_parts",
    metadata,
    Column("data_hash", _ascii(64), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("bars", Integer, nullable=False),
    Column("packed", LongBlob, nullable=False),  # see adapters.prices.packing
    **_OPTIONS,
)

price_versions = Table(
    "price_versions",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("ticker", _ascii(15), nullable=False),
    Column("timeframe", _ascii(4), nullable=False),
    Column("data_hash", _ascii(64), nullable=False),
    Column("first_bar", _ascii(20), nullable=False),  # Date as the canonical CSV writes it
    Column("last_bar", _ascii(20), nullable=False),
    Column("bars", Integer, nullable=False),
    Column("price_decimals", SmallInteger, nullable=False),
    Column("volume_decimals", SmallInteger, nullable=False),
    Column("bars_per_year", Integer),  # counted from the bars; null in older versions
    Column("source", _text(255)),  # a file's name, or where it was downloaded
    Column("note", _text(255)),
    Column("report_json", LongText, nullable=False),  # what was done to the file, and its warnings
    Column("sparkline", _ascii(64)),  # the shape of the closes for lists, see adapters.sparkline
    Column("loaded_by", _text(128)),
    Column("loaded_at", Timestamp, nullable=False),
    UniqueConstraint("ticker", "timeframe", "data_hash", name="uq_price_version"),
    Index("ix_price_versions_hash", "data_hash"),
    **_OPTIONS,
)

price_series = Table(
    "price_series",
    metadata,
    Column("ticker", _ascii(15), primary_key=True),
    Column("timeframe", _ascii(4), primary_key=True),
    Column("data_hash", _ascii(64), nullable=False),  # of the current version
    **_OPTIONS,
)

studies = Table(
    "studies",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("study_id", _ascii(36), nullable=False, unique=True),
    Column("idempotency_key", _text(128), unique=True),
    Column("name", _text(64), nullable=False),
    Column("kind", _ascii(16), nullable=False),
    Column("ticker", _ascii(15), nullable=False),
    Column("rule_type", _ascii(32), nullable=False),
    Column("plan_json", LongText, nullable=False),  # contracts.study.StudyPlan
    Column("status", _ascii(10), nullable=False),
    Column("choices_json", LongText),  # the choice of each window, once it is made: consumer.studies
    Column("judgements", SmallInteger, nullable=False, default=0),  # how often the verdict's process was started
    Column("outcome", _ascii(16)),
    Column("sentence", _text(255)),  # the verdict, or why there is none
    Column("submitted_by", _ascii(ACTOR_LENGTH)),  # as of runs
    Column("verdict_json", LongText),  # adapters.studies.verdict
    Column("created_at", Timestamp, nullable=False),
    Column("completed_at", Timestamp),
    Index("ix_studies_status", "status"),
    **_OPTIONS,
)

presets = Table(
    "strategies",  # an older word for presets
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("name", _text(64), nullable=False, unique=True),
    Column("rule_type", _ascii(32), nullable=False),
    Column("form_json", LongText, nullable=False),
    Column("version", Integer, nullable=False, default=1),  # no longer counted
    Column("created_at", Timestamp, nullable=False),  # of this form
    **_OPTIONS,
)

leases = Table(
    "leases",
    metadata,
    Column("name", _ascii(32), primary_key=True),
    Column("holder", _ascii(64), nullable=False),
    Column("until", Timestamp, nullable=False),
    Column("since", Timestamp),  # since when there was a holder at every moment
    **_OPTIONS,
)

tokens = Table(
    "tokens",
    metadata,
    Column("name", _ascii(ACTOR_LENGTH), primary_key=True),
    Column("scope", _ascii(8), nullable=False),
    Column("digest", _ascii(64), nullable=False, unique=True),  # SHA-256 of the token, which itself is not stored
    Column("made_at", Timestamp, nullable=False),
    Column("expires_at", Timestamp),  # null: never
    Column("revoked_at", Timestamp),
    **_OPTIONS,
)

ended_sessions = Table(
    "ended_sessions",
    metadata,
    Column("session_id", _ascii(32), primary_key=True),
    Column("at", Timestamp, nullable=False),
    **_OPTIONS,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Id, primary_key=True, autoincrement=True),
    Column("at", Timestamp, nullable=False),
    Column("actor", _ascii(ACTOR_LENGTH)),  # name of the token or user; null: unknown
    Column("address", _ascii(45), nullable=False),
    Column("action", _ascii(64), nullable=False),  # the endpoint, or the command
    Column("subject", _text(255), nullable=False),  # the path, or what the command was given
    Column("status", SmallInteger, nullable=False),  # of the answer
    Column("run_id", _ascii(36)),
    Column("batch_id", _text(64)),
    Index("ix_audit_actor", "actor", "id"),
    Index("ix_audit_action", "action", "id"),
    Index("ix_audit_status", "status", "id"),
    Index("ix_audit_run", "run_id", "id"),
    **_OPTIONS,
)

strangers = Table(
    "strangers",
    metadata,
    Column("hour", Timestamp, primary_key=True),
    Column("kind", _ascii(8), primary_key=True),  # logins, changes or reads
    Column("status", SmallInteger, primary_key=True, autoincrement=False),  # of the answer
    Column("requests", BigInteger, nullable=False),
    **_OPTIONS,
)
