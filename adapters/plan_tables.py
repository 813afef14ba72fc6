"""The tables of plans and of the reconciler's lead."""

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
    Timestamp,
    Title,
    Uuid,
    identifier,
    key,
    required,
    table,
    words,
)

plans = table(
    "plans",
    Rows(
        "A plan: runs that were submitted together, or the runs of a screen, a study or a portfolio.",
        of="plan",
        kind="plans",
        kept="runs",
        web="INSERT UPDATE",
        worker="SELECT UPDATE",
        reconciler="INSERT UPDATE",
    ),
    Index("ix_plans_kind", "kind", "id"),
    Index("ix_plans_status", "status"),
    # fair scheduling reads these two
    Index("ix_plans_first", "first_id"),
    Index("ix_plans_served", "served_at"),
    id=key(Id, doc="in order of submission; lists are paged by it"),
    plan_id=required(
        Uuid, unique=True, doc="of a screen or portfolio also the run_id of its first or only Job"
    ),
    kind=required(identifier(12), doc="contracts.status.PlanKind"),
    name=Column(Name, unique=True, doc="`batch_id` in addresses and requests; null: not a batch"),
    title=Column(Title, doc="given by people; null: derived from the spec or the runs"),
    submitted_by=Column(Actor, doc="name of the token; null where none was needed"),
    idempotency_key=Column(words(128), unique=True),
    request_hash=Column(Sha256, doc="of everything that decides the result"),
    spec=Column(LongText, doc="JSON of what was submitted, in the form of its kind"),
    summary=Column(LongText, doc="JSON of what lists show of the spec"),
    ranking=Column(LongText, doc="JSON: metric, goal and constraints; null: by the Sharpe ratio"),
    status=Column(State, doc="of a study or portfolio; others are as far as their runs"),
    step=Column(
        LongText, doc="JSON of what earlier steps decided: choices, or the run_id of each leg"
    ),
    starts=required(SmallInteger, default=0, doc="of the process that computes the verdict"),
    outcome=Column(identifier(16), doc="of a verdict"),
    sentence=Column(words(1000), doc="the verdict, or why there is no result"),
    result=Column(
        LongBlob,
        info={"kept": "series"},
        doc="compressed JSON: a verdict, or a portfolio's series, cleared after `KEEP_SERIES_DAYS`",
    ),
    created_at=Timestamp,
    completed_at=Column(Timestamp),
    first_id=Column(BigInteger, doc="no run before this one waits; null: none waits at all"),
    served_at=Column(Timestamp, doc="when a Job last claimed a run of it"),
)
PLAN = plans.c

leases = table(
    "leases",
    Rows("The leading reconciler.", of="platform", worker="SELECT", reconciler="INSERT UPDATE"),
    name=key(Code),
    holder=identifier(64),
    until=Timestamp,
    since=Column(Timestamp, doc="since when there was a holder at every moment"),
    image_tag=Column(identifier(128), doc="of the holder: the version of which new Jobs are"),
)
LEASE = leases.c
