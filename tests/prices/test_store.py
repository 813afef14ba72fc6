"""Prices in the database: kept by content, one version current, nothing half stored, nothing in use forgotten."""

from functools import cache
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from adapters.database import connect_database, reading
from adapters.price_tables import price_parts, price_series, price_versions
from adapters.prices.bars import PriceBars
from adapters.prices.loading import (
    delete_unused,
    delete_version,
    examine,
    save_version,
    unused_versions,
)
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.store import PriceStore, packed_prices, version, versions_of
from adapters.runs.changes import NewRun, insert_runs
from adapters.tables import runs
from contracts.errors import Conflict, UnknownTicker
from tests.services.prices import without_prices
from tests.services.runs import new_request

DATA = Path(__file__).resolve().parents[2] / "data"
CSV = "Date,Open,High,Low,Close,Volume\n2013-02-28,63,64,62,63,100\n2013-03-01,63,64,62,{close},100\n"
REPORT: dict[str, Any] = {}


@pytest.fixture
def engine(database_url: str) -> Engine:
    """A database without prices."""
    return without_prices(connect_database(database_url))


def bars(close: float = 63.5) -> PriceBars:
    return read_prices(CSV.format(close=close).encode(), Meaning(timeframe="1d")).bars


def count(engine: Engine) -> tuple[int, ...]:
    with engine.connect() as connection:
        return tuple(
            connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (price_series, price_versions, price_parts)
        )


def current(engine: Engine, ticker: str = "NEW") -> str:
    with engine.connect() as connection:
        return version(connection, ticker, "1d").data_hash


def test_real_prices_come_back_as_they_were_loaded(engine: Engine) -> None:
    content = (DATA / "AAPL.csv").read_bytes()
    store = PriceStore(engine)
    loaded, report = examine(store, "AAPL", content, Meaning(timeframe="1d"))

    save_version(engine, "AAPL", loaded, report, "AAPL.csv")

    version = store.get("AAPL")
    assert (version.bars, version.first_bar, version.last_bar) == (
        3270,
        "2000-03-01",
        "2013-03-01",
    )
    assert store.bars(version.data_hash).data_hash == loaded.data_hash == version.data_hash
    _, again = examine(store, "AAPL", content, Meaning(timeframe="1d"))
    assert again["outcome"] == "unchanged"


def test_a_newer_version_becomes_current_and_the_older_stays(engine: Engine) -> None:
    old, new = bars(63.5), bars(63.6)
    for each in (old, new, old, new):
        save_version(engine, "NEW", each, REPORT)

    with engine.connect() as connection:
        versions = versions_of(connection, "NEW", "1d")

    assert [(each.data_hash, each.is_current) for each in versions] == [
        (new.data_hash, True),
        (old.data_hash, False),
    ]
    assert PriceStore(engine).bars(old.data_hash).data_hash == old.data_hash


def test_the_same_content_is_stored_once(engine: Engine) -> None:
    save_version(engine, "ONE", bars(), REPORT)
    save_version(engine, "TWO", bars(), REPORT)

    assert count(engine) == (2, 2, 1)


def test_an_unknown_ticker_timeframe_or_version_is_named_with_what_there_is(
    engine: Engine,
) -> None:
    save_version(engine, "NEW", bars(), REPORT)
    store = PriceStore(engine)

    for arguments, says in (
        (("OLD",), "the nearest are NEW"),
        (("NEW", "1h"), "it has 1d"),
        (("NEW", "1d", "f" * 64), "no 1d prices with data_hash ffffffffffff"),
    ):
        with pytest.raises(UnknownTicker, match=says):
            store.get(*arguments)  # type: ignore[arg-type]


def test_two_loads_of_one_ticker_at_once_both_end_and_one_is_current(engine: Engine) -> None:
    versions = [bars(63 + number / 100) for number in range(8)]
    barrier, faults = Barrier(len(versions)), list[BaseException]()

    def load_one(each: PriceBars) -> None:
        barrier.wait()
        try:
            save_version(engine, "NEW", each, REPORT)
        except BaseException as error:
            faults.append(error)

    threads = [Thread(target=load_one, args=(each,)) for each in versions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert count(engine) == (1, 8, 8)
    assert current(engine) in {each.data_hash for each in versions}


def test_a_load_that_breaks_in_the_middle_leaves_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_version(engine, "NEW", bars(63.5), REPORT)
    before = count(engine), current(engine)

    def broken(_: PriceBars) -> None:
        raise ConnectionError("the wire was cut")

    monkeypatch.setattr("adapters.prices.versions.pack_bars", broken)
    with pytest.raises(ConnectionError):
        save_version(engine, "NEW", bars(63.6), REPORT)

    assert (count(engine), current(engine)) == before


def test_what_runs_refer_to_and_what_is_current_cannot_be_deleted(engine: Engine) -> None:
    old, new = bars(63.5), bars(63.6)
    save_version(engine, "NEW", old, REPORT)
    save_version(engine, "NEW", new, REPORT)

    with engine.begin() as connection:
        with pytest.raises(Conflict, match="current version"):
            delete_version(connection, "NEW", "1d", new.data_hash)
        insert_runs(connection, [NewRun(new_request(ticker="NEW"), "hash")])
        connection.execute(runs.update().values(data_hash=old.data_hash))
        with pytest.raises(Conflict, match="is in use by runs"):
            delete_version(connection, "NEW", "1d", old.data_hash)
        connection.execute(runs.update().values(data_hash=None))
        delete_version(connection, "NEW", "1d", old.data_hash)

    assert count(engine) == (1, 1, 1)


def test_pruning_forgets_unused_versions_that_can_be_listed_before(engine: Engine) -> None:
    old, new = bars(63.5), bars(63.6)
    save_version(engine, "NEW", old, REPORT)
    save_version(engine, "OTHER", old, REPORT)
    save_version(engine, "NEW", new, REPORT)

    with reading(engine) as connection:
        assert [each.ticker for each in unused_versions(connection)] == ["NEW"]
    assert count(engine) == (2, 3, 2)
    delete_unused(engine)
    assert count(engine) == (2, 2, 2)
    assert PriceStore(engine).bars(old.data_hash).data_hash == old.data_hash  # OTHER still has it


def test_a_version_records_how_many_bars_make_a_year(engine: Engine) -> None:
    bars = read_prices((DATA / "AAPL.csv").read_bytes(), Meaning(timeframe="1d")).bars

    save_version(engine, "AAPL", bars, REPORT)

    with reading(engine) as connection:
        assert version(connection, "AAPL", "1d").bars_per_year == 252
        assert packed_prices(connection, "AAPL", "1d").bars_per_year == 252


@cache
def bars_larger_than_a_packet() -> PriceBars:
    """Read once, for both databases."""
    header = "Date,Open,High,Low,Close,Volume\n"
    rows = "".join(
        f"{1_000_000_000 + 300 * number},1,1,1,1,{number * 7919 % 100_003}\n"
        for number in range(140_000)
    )
    return read_prices((header + rows).encode(), Meaning(timeframe="5m")).bars


def test_a_series_larger_than_a_packet_is_stored_in_parts(engine: Engine) -> None:
    many = bars_larger_than_a_packet()

    save_version(engine, "MANY", many, REPORT)

    assert count(engine) == (1, 1, 3)
    assert PriceStore(engine).bars(many.data_hash).data_hash == many.data_hash
