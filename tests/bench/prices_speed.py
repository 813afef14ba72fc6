"""A Job's prices, from MariaDB's rows to arrays, against the same numbers read from files.

3,270 daily bars against numpy.loadtxt of the CSV that they are; 1,000,000 five-minute bars against decompressing the
very same parts, which is the least that reading them can take. A Job reads its prices over the connection by which it
has claimed its run, so opening one is no part of it. The two are measured in turn, and the best of each counts.
"""

import json
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.engine import Connection, Engine

from adapters.database import connect_database, reading
from adapters.prices.bars import PriceBars
from adapters.prices.loading import save_version
from adapters.prices.packing import run_prices
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.store import packed_prices
from adapters.schema import create_schema
from contracts.run_request import Timeframe
from tests.bench.services import row
from tests.services.mariadb_server import MariaDBServer, data_template

REPETITIONS = 25
MANY = 1_000_000
CSV = Path(__file__).resolve().parents[2] / "data" / "AAPL.csv"


def main() -> None:
    """Print the rows as one line of JSON."""
    with mariadb() as engine:
        save_version(
            engine,
            "FEW",
            read_prices(CSV.read_bytes(), Meaning(timeframe="1d")).bars,
            {},
        )
        save_version(engine, "MANY", random_walk(MANY), {})
        with reading(engine) as connection:
            parts = packed_prices(connection, "MANY", "5m").parts
            few = best_of(lambda: read(connection, "FEW", "1d"), parse)
            many = best_of(
                lambda: read(connection, "MANY", "5m"),
                lambda: [zlib.decompress(part) for part in parts],
            )
    stored = f"{sum(map(len, parts)) / 2**20:.1f} MB in the database, a random walk in cents"
    rows = [
        row("prices of a Job from MariaDB to arrays, 3,270 bars", few[0], "ms", few[1], budget="<= 1",
            note="against numpy.loadtxt of their CSV"),
        row("the same, 1,000,000 bars", many[0], "ms", many[1], budget="<= 6",
            note=f"against decompressing the same parts from memory; {stored}"),
    ]  # fmt: skip
    print(json.dumps(rows))


@contextmanager
def mariadb() -> Iterator[Engine]:
    """A database with the platform's empty tables, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        server = MariaDBServer(Path(folder), data_template(Path(folder)))
        try:
            server.start()
            server.create_database()
            engine = connect_database(server.url())
            create_schema(engine)
            yield engine
        finally:
            server.stop()


def read(connection: Connection, ticker: str, timeframe: Timeframe) -> None:
    """All bars of a ticker as a Job gets them."""
    run_prices(packed_prices(connection, ticker, timeframe), date(1990, 1, 1), date(2030, 1, 1))


def parse() -> None:
    """Dates and numbers of the CSV as a lean program reads them."""
    np.loadtxt(CSV, "M8[D],f8,f8,f8,f8,f8", delimiter=",", skiprows=1)


def random_walk(count: int) -> PriceBars:
    """Five-minute bars whose closes move by some cents, with volumes of five digits; the same each time."""
    draw = np.random.default_rng(0)
    close = 100_000 + draw.integers(-20, 21, count).cumsum()
    low, high = close - draw.integers(0, 21, count), close + draw.integers(0, 21, count)
    prices = (draw.integers(low, high, endpoint=True), high, low, close)
    return PriceBars(
        "5m", 946_684_800 + 300 * np.arange(count), prices, draw.integers(0, 100_000, count), 2, 0
    )


def best_of(ours: Callable[[], Any], reference: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of the quickest call of each."""
    best = [float("inf")] * 2
    for _ in range(REPETITIONS):
        for number, call in enumerate((ours, reference)):
            began = time.perf_counter()
            call()
            best[number] = min(best[number], (time.perf_counter() - began) * 1000)
    return best[0], best[1]


if __name__ == "__main__":
    main()
