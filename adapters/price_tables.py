"""The tables of prices, by content: bars are kept once per data_hash, whatever ticker has them, and never change."""

from sqlalchemy import Column, Index, Integer, SmallInteger, UniqueConstraint

from adapters.declarations import (
    Actor,
    Id,
    LongBlob,
    LongText,
    Rows,
    Sha256,
    Ticker,
    Timestamp,
    Uuid,
    identifier,
    key,
    required,
    table,
    words,
)

price_parts = table(
    "price_parts",
    Rows(
        "The bars of a version of prices, in parts.",
        of="prices",
        kind="prices",
        kept="prices",
        web="INSERT DELETE",
        worker="SELECT",
    ),
    data_hash=key(Sha256),
    part=key(Integer),
    bars=Integer,
    packed=required(LongBlob, doc="see adapters.columns"),
)

price_versions = table(
    "price_versions",
    Rows(
        "The versions of each price series, and what each changed.",
        of="prices",
        kept="prices",
        web="INSERT UPDATE DELETE",
        worker="SELECT",
    ),
    UniqueConstraint("ticker", "timeframe", "data_hash", name="uq_price_version"),
    Index("ix_price_versions_hash", "data_hash"),
    id=key(Id),
    ticker=Ticker,
    timeframe=identifier(4),
    data_hash=Sha256,
    first_bar=required(identifier(20), doc="Date as the canonical CSV writes it"),
    last_bar=identifier(20),
    bars=Integer,
    price_decimals=SmallInteger,
    volume_decimals=SmallInteger,
    bars_per_year=Column(Integer, doc="counted from the bars; null in older versions"),
    source=Column(words(255), doc="a file's name, or where it was downloaded"),
    note=Column(words(255)),
    report_json=required(LongText, doc="what was done to the file, and its warnings"),
    sparkline=Column(
        identifier(64), doc="the shape of the closes for lists, see adapters.sparkline"
    ),
    loaded_by=Column(words(128)),
    loaded_at=Timestamp,
    readable_hash=Column(
        Sha256,
        doc="version that is read in its place: some of its bars are reserved; empty: all are; null: none",
    ),
)
VERSION = price_versions.c

price_series = table(
    "price_series",
    Rows(
        "The current version of each price series.",
        of="prices",
        web="INSERT UPDATE DELETE",
        worker="SELECT",
    ),
    ticker=key(Ticker),
    timeframe=key(identifier(4)),
    data_hash=required(Sha256, doc="of the current version"),
    reserved_hash=Column(
        Sha256, doc="of the current version with its reserved bars; null: none are reserved"
    ),
)

vaults = table(
    "vaults",  # see adapters.prices.vault
    Rows(
        "Reserved ends of tickers' prices, in all timeframes.",
        of="platform",
        web="INSERT DELETE",
        worker="SELECT",
    ),
    ticker=key(Ticker),
    from_date=required(identifier(10), doc="bars that end after its beginning are reserved"),
    reserved_by=Column(Actor),
    reserved_at=Timestamp,
)

vault_openings = table(
    "vault_openings",
    Rows(
        "Requests for which a vault was opened, once each; never deleted.",
        of="platform",
        web="INSERT",
        worker="SELECT",
    ),
    Index("ix_openings_study", "study_id"),
    ticker=key(Ticker),
    request_hash=key(Sha256, doc="of the request on the reserved bars, whatever their version"),
    from_date=identifier(10),
    run_id=required(Uuid, doc="the run whose request it was"),
    study_id=required(Uuid, doc="the study whose Jobs may read the bars"),
    opened_by=Column(Actor),
    opened_at=Timestamp,
)
