"""The table of portfolios."""

from sqlalchemy import Column, Index

from adapters.access_tables import ACTOR_LENGTH
from adapters.database import Timestamp
from adapters.declarations import (
    Id,
    LongBlob,
    LongText,
    Rows,
    Sha256,
    Uuid,
    identifier,
    key,
    required,
    series,
    table,
    words,
)
from contracts.run_request import TITLE_LENGTH

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
    required("name", words(64)),
    Column(
        "title",
        words(TITLE_LENGTH),
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
    required("status", identifier(10), doc="contracts.portfolio_request.PortfolioStatus"),
    Column("reason", words(1000), doc="why there is no Job: what the failed leg says"),
    Column("submitted_by", identifier(ACTOR_LENGTH), doc="as of runs"),
    series("found", LongBlob),
    required("created_at", Timestamp),
    Column("completed_at", Timestamp, doc="when it ended without a Job"),
    Index("ix_portfolios_status", "status"),
)
PORTFOLIO = portfolios.c
