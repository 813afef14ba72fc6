"""The tables of studies and portfolios, of whose turn it is, and of who leads: what the reconciler keeps going."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger

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
    required("name", Name),
    required("kind", identifier(16)),
    required("ticker", Ticker),
    required("rule_type", Code),
    required("plan_json", LongText, doc="contracts.study.StudyPlan"),
    required("status", State),
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
    Column("submitted_by", Actor, doc="as of runs"),
    Column("verdict_json", LongText, doc="adapters.studies.verdict"),
    required("created_at", Timestamp),
    Column("completed_at", Timestamp),
    Index("ix_studies_status", "status"),
)
STUDY = studies.c

portfolios = table(
    "portfolios",
    Rows(
        "A portfolio: its legs, and what they came to in one account; the rest is the row of its Job, a run.",
        of="run",
        kind="portfolios",
        kept="runs",
        web="INSERT UPDATE",
        worker="SELECT UPDATE",
        reconciler="UPDATE",
    ),
    key("id", Id),
    required(
        "run_id",
        Uuid,
        unique=True,
        doc="its own id, and that of its Job once all legs have run",
    ),
    Column("idempotency_key", words(128), unique=True),
    required("name", Name),
    Column(
        "title",
        Title,
        doc="what people call it; null: what follows from its request",
    ),
    required("mode", identifier(8)),
    required("request_json", LongText, doc="contracts.portfolio_request.PortfolioRequest"),
    required(
        "request_hash",
        Sha256,
        server_default="",
        doc="of its legs' runs and how they share the account",
    ),
    required("legs_json", LongText, doc="the run_id of each leg's run"),
    required("status", State, doc="contracts.portfolio_request.PortfolioStatus"),
    Column("reason", words(1000), doc="why there is no Job: what the failed leg says"),
    Column("submitted_by", Actor, doc="as of runs"),
    series("found", LongBlob),
    required("created_at", Timestamp),
    Column("completed_at", Timestamp, doc="when it ended without a Job"),
    Index("ix_portfolios_status", "status"),
)
PORTFOLIO = portfolios.c

batch_turns = table(
    "batch_turns",
    Rows(
        "A batch that waits for its turn, or had one lately.",
        of="batch",
        kept="batches",
        web="INSERT UPDATE",
        worker="SELECT INSERT UPDATE",
        reconciler="INSERT UPDATE",
    ),
    key("batch_id", Name),
    required(
        "actor",
        Actor,
        doc="who submitted it; empty where nobody has to say who they are",
    ),
    Column("served_at", Timestamp, doc="its latest turn"),
    Column(
        "first_id", BigInteger, doc="no run of it before this one waits; null: none does at all"
    ),
    Index("ix_batch_turns_actor", "actor", "served_at"),
)

leases = table(
    "leases",
    Rows("Which reconciler leads.", of="platform", worker="SELECT", reconciler="INSERT UPDATE"),
    key("name", Code),
    required("holder", identifier(64)),
    required("until", Timestamp),
    Column("since", Timestamp, doc="since when there was a holder at every moment"),
    Column("image_tag", identifier(128), doc="of the holder: the version of which new Jobs are"),
)
LEASE = leases.c
