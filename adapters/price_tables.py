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
    key("data_hash", Sha256),
    key("part", Integer),
    required("bars", Integer),
    required("packed", LongBlob, doc="see adapters.prices.packing"),
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
    key("id", Id),
    required("ticker", Ticker),
    required("timeframe", identifier(4)),
    required("data_hash", Sha256),
    required("first_bar", identifier(20), doc="Date as the canonical CSV writes it"),
    required("last_bar", identifier(20)),
    required("bars", Integer),
    required("price_decimals", SmallInteger),
    required("volume_decimals", SmallInteger),
    Column("bars_per_year", Integer, doc="counted from the bars; null in older versions"),
    Column("source", words(255), doc="a file's name, or where it was downloaded"),
    Column("note", words(255)),
    required("report_json", LongText, doc="what was done to the file, and its warnings"),
    Column(
        "sparkline",
        identifier(64),
        doc="the shape of the closes for lists, see adapters.sparkline",
    ),
    Column("loaded_by", words(128)),
    required("loaded_at", Timestamp),
    UniqueConstraint("ticker", "timeframe", "data_hash", name="uq_price_version"),
    Index("ix_price_versions_hash", "data_hash"),
)
VERSION = price_versions.c

price_series = table(
    "price_series",
    Rows(
        "Which version of each price series is current.",
        of="prices",
        web="INSERT UPDATE",
        worker="SELECT",
    ),
    key("ticker", Ticker),
    key("timeframe", identifier(4)),
    required("data_hash", Sha256, doc="of the current version"),
)
