"""Tables of access: tokens, sessions, use by actor, and the audit."""

from sqlalchemy import BigInteger, Column, Date, Double, Index, SmallInteger

from adapters.declarations import (
    Actor,
    Code,
    Id,
    Name,
    Rows,
    Sha256,
    Timestamp,
    Uuid,
    identifier,
    key,
    required,
    table,
    words,
)

tokens = table(
    "tokens",
    Rows(
        "Tokens of people and programs, as digests.",
        of="access",
        reconciler="INSERT UPDATE",  # by `adapters.tokens`, which is run in its pod
        is_secret=True,
    ),
    name=key(Actor),
    scope=identifier(8),
    digest=required(Sha256, unique=True, doc="SHA-256 of the token, which itself is not stored"),
    made_at=Timestamp,
    expires_at=Column(Timestamp, doc="null: never"),
    revoked_at=Column(Timestamp),
    daily_combinations=Column(BigInteger, doc="budget; null: `DAILY_COMBINATIONS`"),
    daily_cpu_s=Column(BigInteger, doc="budget in seconds; null: `DAILY_CPU_S`"),
)

actor_usage = table(
    "actor_usage",  # see adapters.budgets
    Rows(
        "Combinations that an actor submitted on a day, and CPU seconds of its Jobs; never deleted.",
        of="access",
        web="INSERT UPDATE",
        worker="SELECT INSERT UPDATE",
    ),
    actor=key(Actor, doc="name of the token or user; empty: no token was needed"),
    day=key(Date, doc="in UTC"),
    combinations=required(BigInteger),
    cpu_s=required(Double, doc="CPU seconds of Jobs that ended on this day"),
)
USED = actor_usage.c

ended_sessions = table(
    "ended_sessions",
    Rows("Sessions of browsers that have logged out.", of="access", web="INSERT DELETE"),
    session_id=key(Code),
    at=Timestamp,
)

audit = table(
    "audit",
    Rows(
        "Changes that people made, and requests that were refused.",
        of="access",
        kept="audit",
        web="INSERT",  # nobody changes a row
        reconciler="INSERT",
    ),
    Index("ix_audit_actor", "actor", "id"),
    Index("ix_audit_action", "action", "id"),
    Index("ix_audit_status", "status", "id"),
    Index("ix_audit_run", "run_id", "id"),
    id=key(Id),
    at=Timestamp,
    actor=Column(Actor, doc="name of the token or user; null: unknown"),
    address=identifier(45),
    action=required(Sha256, doc="the endpoint, or the command"),
    subject=required(words(255), doc="the path, or what the command was given"),
    status=required(SmallInteger, doc="of the answer"),
    run_id=Column(Uuid),
    batch_id=Column(Name),
)
