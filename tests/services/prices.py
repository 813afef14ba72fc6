"""Prices for tests: the shipped files as the store packs them, and as a Job reads them."""

import hashlib
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Table, delete, insert, select
from sqlalchemy.engine import Connection, Engine

from adapters.database import connect_database, reading
from adapters.price_tables import price_parts, price_series, price_versions
from adapters.prices.decoding import unpacked
from adapters.prices.loading import load_folder
from adapters.prices.packing import PackedPrices, RunPrices, pack_bars
from adapters.prices.packing import run_prices as prices_of_run
from adapters.prices.reading import Meaning
from adapters.prices.reading import read_prices as read
from adapters.prices.store import prices_of
from adapters.prices.tickers import price_files, series_of_file
from adapters.schema import create_schema
from contracts.run_request import RunRequest, Timeframe

TABLES = (price_series, price_versions, price_parts)
DATA = Path(__file__).resolve().parents[2] / "data"


@cache
def packed_content(content: bytes, ticker: str, timeframe: Timeframe) -> PackedPrices:
    """A price file as the store keeps it."""
    bars = read(content, Meaning(timeframe=timeframe)).bars
    parts = [part for _, part in pack_bars(bars)]
    return PackedPrices(
        ticker, timeframe, bars.data_hash, bars.price_decimals, bars.volume_decimals, parts
    )


def packed_file(folder: Path, ticker: str, timeframe: Timeframe = "1d") -> PackedPrices:
    """The same of a file in a folder, named as those of data/ are."""
    (path,) = (
        each for each in price_files(folder) if series_of_file(each.name) == (ticker, timeframe)
    )
    return packed_content(unpacked(path.read_bytes()), ticker, timeframe)


def read_prices(
    folder: Path, ticker: str, timeframe: Timeframe, start: date, end: date
) -> RunPrices:
    """Prices as a Job reads them of a file that was loaded into the store."""
    return prices_of_run(packed_file(folder, ticker, timeframe), start, end)


def run_prices(
    connection: Connection, request: RunRequest, study_id: str | None = None
) -> PackedPrices:
    """Prices as the Job of a request, or of a study's, gets them."""
    prices = prices_of(connection, request, study_id)
    assert isinstance(prices, PackedPrices), prices
    return prices


def restore_seed(engine: Engine) -> None:
    """Leave the shipped prices, and nothing else, in the store."""
    with reading(engine) as connection:
        versions = {
            row.ticker: row.data_hash for row in connection.execute(select(price_versions))
        }
        current = {row.ticker: row.data_hash for row in connection.execute(select(price_series))}
    if versions == current == shipped_hashes():
        return
    # before the transaction: on a busy machine the server would give up a client that reads files
    seed = _seed()
    with without_prices(engine).begin() as connection:
        for table, rows in seed:
            connection.execute(insert(table), rows)


@cache
def shipped_hashes() -> dict[str, str]:
    """The data_hash of each shipped ticker, which is that of its canonical file."""
    contents = {
        path.name.partition(".csv")[0]: unpacked(path.read_bytes()) for path in price_files(DATA)
    }
    return {ticker: hashlib.sha256(content).hexdigest() for ticker, content in contents.items()}


@cache
def _seed() -> list[tuple[Table, list[dict[str, Any]]]]:
    """Tables with the rows of the shipped prices: to read the files takes 4 s."""
    with TemporaryDirectory() as directory:
        engine = connect_database(f"sqlite:///{directory}/seed.db")
        create_schema(engine)
        load_folder(engine, DATA)
        with reading(engine) as connection:
            tables = [
                (table, connection.execute(select(table)).mappings().all()) for table in TABLES
            ]
        engine.dispose()
    return [(table, [dict(row) for row in rows]) for table, rows in tables]


def without_prices(engine: Engine) -> Engine:
    """The same database with an empty store of prices."""
    with engine.begin() as connection:
        for table in reversed(TABLES):
            connection.execute(delete(table))
    return engine
