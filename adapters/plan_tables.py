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
    Index("ix_studies_status", "status"),
    id=key(Id),
    study_id=required(Uuid, unique=True),
    idempotency_key=Column(words(128), unique=True),
    name=Name,
    kind=identifier(16),
    ticker=Ticker,
    rule_type=Code,
    plan_json=required(LongText, doc="contracts.study.StudyPlan"),
    status=State,
    choices_json=Column(
        LongText, doc="the choice of each window, once it is made: consumer.studies"
    ),
    judgements=required(
        SmallInteger, default=0, doc="how often the verdict's process was started"
    ),
    outcome=Column(identifier(16)),
    sentence=Column(words(255), doc="the verdict, or why there is none"),
    submitted_by=Column(Actor, doc="as of runs"),
    verdict_json=Column(LongText, doc="adapters.studies.verdict"),
    created_at=Timestamp,
    completed_at=Column(Timestamp),
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
    Index("ix_portfolios_status", "status"),
    id=key(Id),
    run_id=required(
        Uuid, unique=True, doc="its own id, and that of its Job once all legs have run"
    ),
    idempotency_key=Column(words(128), unique=True),
    name=Name,
    title=Column(Title, doc="what people call it; null: what follows from its request"),
    mode=identifier(8),
    request_json=required(LongText, doc="contracts.portfolio_request.PortfolioRequest"),
    request_hash=required(
        Sha256, server_default="", doc="of its legs' runs and how they share the account"
    ),
    legs_json=required(LongText, doc="the run_id of each leg's run"),
    status=required(State, doc="contracts.portfolio_request.PortfolioStatus"),
    reason=Column(words(1000), doc="why there is no Job: what the failed leg says"),
    submitted_by=Column(Actor, doc="as of runs"),
    found=series(LongBlob),
    created_at=Timestamp,
    completed_at=Column(Timestamp, doc="when it ended without a Job"),
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
    Index("ix_batch_turns_actor", "actor", "served_at"),
    batch_id=key(Name),
    actor=required(Actor, doc="who submitted it; empty where nobody has to say who they are"),
    served_at=Column(Timestamp, doc="its latest turn"),
    first_id=Column(BigInteger, doc="no run of it before this one waits; null: none does at all"),
)

leases = table(
    "leases",
    Rows("Which reconciler leads.", of="platform", worker="SELECT", reconciler="INSERT UPDATE"),
    name=key(Code),
    holder=identifier(64),
    until=Timestamp,
    since=Column(Timestamp, doc="since when there was a holder at every moment"),
    image_tag=Column(identifier(128), doc="of the holder: the version of which new Jobs are"),
)
LEASE = leases.c
