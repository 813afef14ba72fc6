"""The tables of who may come in, who came, and what was changed or refused."""

from sqlalchemy import BigInteger, Column, Index, SmallInteger

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
    key("name", Actor),
    required("scope", identifier(8)),
    required(
        "digest",
        Sha256,
        unique=True,
        doc="SHA-256 of the token, which itself is not stored",
    ),
    required("made_at", Timestamp),
    Column("expires_at", Timestamp, doc="null: never"),
    Column("revoked_at", Timestamp),
)

ended_sessions = table(
    "ended_sessions",
    Rows("Sessions of browsers that have logged out.", of="access", web="INSERT DELETE"),
    key("session_id", Code),
    required("at", Timestamp),
)

audit = table(
    "audit",
    Rows(
        "What people changed, and what they were refused.",
        of="access",
        kept="audit",
        web="INSERT",  # nobody changes a row
        reconciler="INSERT",
    ),
    key("id", Id),
    required("at", Timestamp),
    Column("actor", Actor, doc="name of the token or user; null: unknown"),
    required("address", identifier(45)),
    required("action", Sha256, doc="the endpoint, or the command"),
    required("subject", words(255), doc="the path, or what the command was given"),
    required("status", SmallInteger, doc="of the answer"),
    Column("run_id", Uuid),
    Column("batch_id", Name),
    Index("ix_audit_actor", "actor", "id"),
    Index("ix_audit_action", "action", "id"),
    Index("ix_audit_status", "status", "id"),
    Index("ix_audit_run", "run_id", "id"),
)

strangers = table(
    "strangers",
    Rows(
        "How often nobody with a name tried something, by the hour.",
        of="access",
        kept="audit",
        web="INSERT UPDATE",
    ),
    key("hour", Timestamp),
    key("kind", identifier(8), doc="logins, changes or reads"),
    key("status", SmallInteger, doc="of the answer"),
    required("requests", BigInteger),
)
