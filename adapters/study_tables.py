"""The table of studies."""

from sqlalchemy import Column, Index, SmallInteger

from adapters.access_tables import ACTOR_LENGTH
from adapters.database import Timestamp
from adapters.declarations import (
    Id,
    LongText,
    Rows,
    Uuid,
    identifier,
    key,
    required,
    table,
    words,
)

studies = table(
    "studies",
    Rows(
        "A study: its plan, its choices, its verdict.",
        of="study",
        kept="batches",
        web="INSERT UPDATE",
        reconciler="UPDATE",
    ),
    key("id", Id),
    required("study_id", Uuid, unique=True),
    Column("idempotency_key", words(128), unique=True),
    required("name", words(64)),
    required("kind", identifier(16)),
    required("ticker", identifier(15)),
    required("rule_type", identifier(32)),
    required("plan_json", LongText, doc="contracts.study.StudyPlan"),
    required("status", identifier(10)),
    Column(
        "choices_json",
        LongText,
        doc="the choice of each window, once it is made: consumer.studies",
    ),
    required(
        "judgements", SmallInteger, default=0, doc="how often the verdict's process was started"
    ),
    Column("outcome", identifier(16)),
    Column("sentence", words(255), doc="the verdict, or why there is none"),
    Column("submitted_by", identifier(ACTOR_LENGTH), doc="as of runs"),
    Column("verdict_json", LongText, doc="adapters.studies.verdict"),
    required("created_at", Timestamp),
    Column("completed_at", Timestamp),
    Index("ix_studies_status", "status"),
)
STUDY = studies.c
