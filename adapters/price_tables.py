"""The tables of prices, by content: bars are kept once per data_hash, whatever ticker has them, and never change."""

from sqlalchemy import Column, Index, Integer, SmallInteger, UniqueConstraint

from adapters.declarations import (
    Id,
    LongBlob,
    LongText,
    Rows,
    Sha256,
    Ticker,
    Timestamp,
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
        web="INSERT DELETE",
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
)
VERSION = price_versions.c

price_series = table(
    "price_series",
    Rows(
        "The current version of each price series.",
        of="prices",
        web="INSERT UPDATE",
        worker="SELECT",
    ),
    ticker=key(Ticker),
    timeframe=key(identifier(4)),
    data_hash=required(Sha256, doc="of the current version"),
)
