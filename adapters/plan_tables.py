"""The tables of plans, of the reconciler's lead, and of the ledger of trials."""

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

ledger = table(
    "ledger",  # see adapters.studies.ledger
    Rows(
        "Number of rules that were tried on a price series, by everybody and by each actor; never deleted.",
        of="platform",
        worker="SELECT INSERT UPDATE",
    ),
    Index("ix_ledger_tried", "actor", "tried"),
    ticker=key(Ticker),
    timeframe=key(identifier(4)),
    actor=key(Actor, doc="name of a token; empty: everybody"),
    tried=required(BigInteger, doc="trials, repeated ones included"),
    distinct_rules=BigInteger,
    hashes=required(LongBlob, doc="the lowest ones, by which the different rules are counted"),
    first_day=required(identifier(10), doc="of all bars that were tried"),
    last_day=identifier(10),
    sampled_to=Column(
        BigInteger,
        doc="no rule with a higher hash joins the sample of these years; null: any may",
    ),
    since=Timestamp,
    latest=Column(Timestamp),
)
LEDGER = ledger.c

ledger_trials = table(
    "ledger_trials",
    Rows(
        "A sample of the rules that were tried on a price series, with their positions.",
        of="platform",
        worker="SELECT INSERT UPDATE DELETE",
    ),
    ticker=key(Ticker),
    timeframe=key(identifier(4)),
    hash=key(BigInteger, doc="of rule, params, stops and direction"),
    first_year=SmallInteger,
    last_year=SmallInteger,
    study_id=Column(Uuid, doc="the only study that has tried it; null: others, too"),
    steps=required(LongBlob, doc="side of the position over time"),
)
TRIAL = ledger_trials.c
