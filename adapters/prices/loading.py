"""Load price files: read, check, compare with the current version and store them, for page, API and CLI alike.

Also delete versions that nothing refers to.
"""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, delete, exists

from adapters.database import committed, reading
from adapters.logs import current_actor
from adapters.price_tables import VERSION, price_parts, price_versions
from adapters.prices.bars import PriceBars
from adapters.prices.checks import changes, exchange_zone, oddities, other_tickers
from adapters.prices.decoding import unpacked
from adapters.prices.reading import Meaning, read_prices
from adapters.prices.store import (
    IS_CURRENT,
    PriceStore,
    Version,
    all_versions,
    of_series,
    select_versions,
    version,
)
from adapters.prices.table import SHOWN, RefusedFile
from adapters.prices.tickers import name_fault, price_files, series_of_file
from adapters.prices.vault import hide_reserved, insert_vault
from adapters.prices.versions import NewVersion, facts_of, make_current, warnings_of
from adapters.tables import RUN, run_others
from contracts.errors import Conflict, UnknownTicker
from contracts.timeframes import Timeframe
from contracts.values import Json


def examine(
    store: PriceStore, ticker: str, content: bytes, meaning: Meaning
) -> tuple[PriceBars, Json]:
    """Return the bars of a file and the report on it, as the API answers it and as it is stored with the version.

    Its outcome is new, changed or unchanged, compared with the current version. Nothing is stored. RefusedFile when the
    file cannot be loaded.
    """
    reading = read_prices(content, meaning)
    bars = reading.bars
    try:
        current = store.get(ticker, bars.timeframe)
    except UnknownTicker:
        outcome, before = "new", bars[:0]
    else:
        outcome = "unchanged" if current.data_hash == bars.data_hash else "changed"
        before = store.bars(current.data_hash)
    counts, changed = changes(bars, before)
    zone = exchange_zone(bars, reading.meaning.zone)
    if outcome == "unchanged" and reading.meaning.zone and zone != current.exchange_zone:
        changed.append(
            f"the stored version keeps its time zone, {current.exchange_zone}: results of runs depend on it"
        )
    warnings = (
        other_tickers(reading.tickers, ticker) + reading.warnings + oddities(bars) + changed
    )
    return bars, {
        "ticker": ticker,
        "timeframe": bars.timeframe,
        "timezone": reading.meaning.zone,
        "exchange_zone": zone,
        "looks": reading.looks,
        "outcome": outcome,
        **facts_of(bars),
        **counts,
        "done": reading.done,
        "warnings": warnings_of(warnings),
    }


def save_version(
    engine: Engine,
    ticker: str,
    bars: PriceBars,
    report: Json,
    source: str | None = None,
    note: str | None = None,
    reserve_from: date | None = None,
    store: Callable[[Connection, NewVersion], None] = make_current,
) -> None:
    """Store these bars as a version of the series, by default as the current one; one that is stored stays as it is.

    One transaction: readers see the previous version until it commits, and never a reserved bar. Of two at once both
    succeed; the later one is current. reserve_from: reserves the ticker's bars from this day on; Conflict when they are
    already, from another day.
    """
    version = NewVersion(ticker, bars, report, source, note, current_actor())

    def save(connection: Connection) -> None:
        store(connection, version)
        if reserve_from:
            insert_vault(connection, ticker, reserve_from)
        hide_reserved(connection, ticker)

    committed(engine, save)


def load_folder(engine: Engine, folder: Path) -> list[tuple[str, str]]:
    """Load the price files of a folder that the store does not have yet: (file, outcome) of each.

    A file whose content is already a version changes nothing, so a newer version loaded by a user stays current; so
    does a series whose versions all have another source, even if a release adds a file of its name. A broken file is
    skipped, with the reason in its outcome; the others are loaded anyway.
    """
    return [(path.name, _take_in(engine, path)) for path in price_files(folder)]


def _take_in(engine: Engine, path: Path) -> str:
    named = series_of_file(path.name)
    if named is None:
        return f"skipped: {name_fault(path.name)}"
    with reading(engine) as connection:
        versions = all_versions(connection, *of_series(*named))
    sources = {each.data_hash: each.source for each in versions}
    try:
        content = unpacked(path.read_bytes())
        # a canonical file is recognised without parsing it
        if hashlib.sha256(content).hexdigest() in sources:
            return "already stored"
        meaning = Meaning(timeframe=named[1])
        bars, report = examine(PriceStore(engine), named[0], content, meaning)
    except OSError as error:  # a dangling link, a folder, or no permission
        return f"skipped: cannot be read: {error.strerror}"
    except RefusedFile as fault:
        return f"skipped: {'; '.join(fault.findings[:SHOWN])}"
    if bars.data_hash in sources:
        return "already stored"
    if sources and path.name not in sources.values():
        return f"skipped: {' '.join(named)} has prices from another source; load the file to replace them"
    save_version(engine, named[0], bars, report, path.name)
    return f"{report['outcome']}: {len(bars):,} bars from {bars.first} to {bars.last}"


def delete_version(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str
) -> None:
    """Delete a version; Conflict while it is current or a run refers to it."""
    unused = version(connection, ticker, timeframe, data_hash)
    if unused.is_current:
        raise Conflict(
            f"{ticker} {timeframe} {data_hash[:12]} is the current version; load another one first"
        )
    if not unused_versions(connection, VERSION.id == unused.id):
        raise Conflict(
            f"{ticker} {timeframe} {data_hash[:12]} is in use by runs, so it cannot be deleted"
        )
    delete_versions(connection, [unused])


def delete_versions(connection: Connection, versions: list[Version]) -> list[Version]:
    """Delete versions that nothing refers to, and their bars unless another ticker has the same; return them."""
    for each in versions:
        connection.execute(delete(price_versions).filter_by(id=each.id))
        others = exists().where(VERSION.data_hash == price_parts.c.data_hash)
        mine = delete(price_parts).filter_by(data_hash=each.data_hash)
        connection.execute(mine.where(~others))
    return versions


def delete_unused(engine: Engine) -> list[Version]:
    """Delete all unused versions and return them."""
    return committed(
        engine, lambda connection: delete_versions(connection, unused_versions(connection))
    )


def unused_versions(connection: Connection, *conditions: ColumnElement[bool]) -> list[Version]:
    """Versions that are not current and that no run refers to, oldest first."""
    reserved = price_versions.alias()  # of whose versions it is the readable part
    read = *RUN["data_hash", "benchmark_hash"], run_others.c.data_hash, reserved.c.readable_hash
    unused = [~exists().where(each == VERSION.data_hash) for each in read]
    return select_versions(connection, ~IS_CURRENT, *unused, *conditions)
