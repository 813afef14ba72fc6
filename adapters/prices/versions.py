"""Versions that are about to be stored: bars with their report, as a row and parts."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, update

from adapters.database import database_now, insert_if_new
from adapters.price_tables import price_parts, price_series, price_versions
from adapters.prices.bars import PriceBars, bars_per_year
from adapters.prices.packing import pack_bars
from adapters.sparkline import encode_sparkline
from contracts.values import Json, frozen


def facts_of(bars: PriceBars) -> Json:
    """Return what a report says of the bars themselves."""
    return {
        "columns": [*bars.further],
        "data_hash": bars.data_hash,
        "first_bar": bars.first,
        "last_bar": bars.last,
        "bars": len(bars),
        "closes_only": bars.closes_only,
    }


def warnings_of(messages: Sequence[str]) -> list[Json]:
    """Return warnings about a file as a whole as a report has them."""
    return [{"level": "warning", "message": each, "line": None} for each in messages]


@frozen
class NewVersion:
    """Bars that are about to be stored as a version, and what is stored with them."""

    ticker: str
    bars: PriceBars
    report: Json
    source: str | None
    note: str | None
    loaded_by: str | None

    @property
    def series(self) -> Json:
        """Return the key of its series."""
        return {"ticker": self.ticker, "timeframe": self.bars.timeframe}

    def insert(self, connection: Connection) -> None:
        """Store the version, if it is new."""
        bars, data_hash = self.bars, {"data_hash": self.bars.data_hash}
        for number, (count, packed) in enumerate(pack_bars(bars)):
            part = {**data_hash, "part": number, "bars": count, "packed": packed}
            if not insert_if_new(connection, price_parts, **part):
                break
        insert_if_new(
            connection,
            price_versions,
            **self.series,
            **data_hash,
            first_bar=bars.first,
            last_bar=bars.last,
            bars=len(bars),
            price_decimals=bars.price_decimals,
            volume_decimals=bars.volume_decimals,
            bars_per_year=bars_per_year(bars.times),
            source=self.source,
            note=self.note,
            report_json=json.dumps(self.report, ensure_ascii=False),
            sparkline=encode_sparkline(bars.prices[3].tolist()),
            loaded_by=self.loaded_by,
            loaded_at=database_now(),
        )


def add_version(connection: Connection, version: NewVersion) -> None:
    """Store a version, if it is new, next to the current one of its series; it is current only where there is none."""
    insert_if_new(connection, price_series, **version.series, data_hash=version.bars.data_hash)
    version.insert(connection)


def make_current(connection: Connection, version: NewVersion) -> None:
    """Store a version, if it is new, as the current one of its series."""
    current = {"data_hash": version.bars.data_hash, "reserved_hash": None}
    replaced = update(price_series).filter_by(**version.series).values(**current)
    if not connection.execute(replaced).rowcount and not insert_if_new(
        connection, price_series, **version.series, **current
    ):  # another process has just stored the first version of this series
        connection.execute(replaced)
    version.insert(connection)
