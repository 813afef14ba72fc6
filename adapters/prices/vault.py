"""The vault: the end of a ticker's prices, reserved in all timeframes until it is opened for one frozen request.

A version with reserved bars keeps its row and its parts, but names in `readable_hash` the version that is read in its
place: its bars before the date, with a data_hash of their own, so that downloads and receipts verify. Bars that are
loaded later are divided in the same way. The caller owns the transaction.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, RowMapping, delete, select, update

from adapters.database import database_now, insert_if_new
from adapters.logs import current_actor
from adapters.price_tables import (
    VERSION,
    price_series,
    price_versions,
    vault_openings,
    vaults,
)
from adapters.prices.bars import PriceBars
from adapters.prices.checks import changes, oddities
from adapters.prices.packing import unpack_bars
from adapters.prices.store import Version, all_versions, reserved_prices
from adapters.prices.versions import NewVersion, facts_of, warnings_of
from contracts.errors import Conflict, Unknown
from contracts.run_request import RunRequest
from contracts.timeframes import BY_DAY, LENGTH_S, Timeframe
from contracts.values import picked

LEAST_BARS = 2  # of a version: bars per year are counted from them


def insert_vault(connection: Connection, ticker: str, from_date: date) -> None:
    """Record that a ticker's bars are reserved; Conflict when some are already."""
    # locks the series until the end of the transaction, so that no version is stored in between
    connection.execute(select(price_series).filter_by(ticker=ticker).with_for_update()).all()
    values = {"from_date": from_date.isoformat(), "reserved_by": current_actor()}
    if not insert_if_new(connection, vaults, ticker=ticker, reserved_at=database_now(), **values):
        before = vault_of(connection, ticker)["from_date"]
        raise Conflict(f"{ticker} is reserved from {before} on already; release it first")


def hide_reserved(connection: Connection, ticker: str) -> None:
    """Replace each version of a ticker that has reserved bars by its readable part; nothing without a vault."""
    query = select(vaults.c.from_date).filter_by(ticker=ticker)
    from_date: str | None = connection.scalar(query)
    for each in all_versions(connection, VERSION.ticker == ticker) if from_date else ():
        readable_hash = each.readable_hash
        if readable_hash is None:
            bars, stop = _divided(connection, each, str(from_date))
            if stop == len(bars):
                continue
            readable_hash = _insert_readable(connection, each, bars[:stop])
            hidden = update(price_versions).filter_by(id=each.id)
            connection.execute(hidden.values(readable_hash=readable_hash))
        if each.is_current:
            current = {"reserved_hash": each.data_hash}
            if readable_hash:
                current["data_hash"] = readable_hash
            series = {"ticker": ticker, "timeframe": each.timeframe}
            connection.execute(update(price_series).filter_by(**series).values(**current))


def _divided(connection: Connection, version: Version, from_date: str) -> tuple[PriceBars, int]:
    """Return all bars of a version, and the number of the first that ends after the reserved day has begun.

    It begins at midnight UTC or, for intraday bars, of the exchange if that is earlier.
    """
    key = version.ticker, version.timeframe, version.data_hash
    bars = unpack_bars(reserved_prices(connection, *key))
    midnight = datetime.combine(date.fromisoformat(from_date), time())
    is_by_day = version.timeframe in BY_DAY
    zones = UTC, ZoneInfo("UTC" if is_by_day else version.exchange_zone or "UTC")
    begins_s = min(midnight.replace(tzinfo=zone).timestamp() for zone in zones)
    return bars, int((bars.times + LENGTH_S[version.timeframe]).searchsorted(begins_s, "right"))


def _insert_readable(connection: Connection, version: Version, bars: PriceBars) -> str:
    """Store the readable part of a version, and return its data_hash; "" when there is none."""
    if len(bars) < LEAST_BARS:
        return ""
    kept = ("ticker", "timeframe", "timezone", "exchange_zone")
    report = {
        **{name: version.report.get(name) for name in kept},
        **facts_of(bars),
        "looks": "",
        "outcome": "changed",
        **changes(bars, bars[:0])[0],
        "done": ["later bars are reserved"],
        "warnings": warnings_of(oddities(bars)),
    }
    stored = version.source, version.note, version.loaded_by
    NewVersion(version.ticker, bars, report, *stored).insert(connection)
    return bars.data_hash


def reserved_days(connection: Connection, ticker: str) -> dict[str, str]:
    """Return the day of the first reserved bar of each version that has any, by data_hash."""
    from_date = vault_of(connection, ticker)["from_date"]
    days = {}
    for each in all_versions(
        connection, VERSION.ticker == ticker, VERSION.readable_hash.is_not(None)
    ):
        bars, stop = _divided(connection, each, from_date)
        days[each.data_hash] = bars[stop:].first[:10]
    return days


def delete_vault(connection: Connection, ticker: str) -> None:
    """Release a ticker's reserved bars; Unknown when there are none."""
    if not connection.execute(delete(vaults).filter_by(ticker=ticker)).rowcount:
        raise _unreserved(ticker)
    series = update(price_series).where(price_series.c.reserved_hash.is_not(None))
    whole = {"data_hash": price_series.c.reserved_hash, "reserved_hash": None}
    connection.execute(series.filter_by(ticker=ticker).values(whole))
    versions = update(price_versions).filter_by(ticker=ticker)
    connection.execute(versions.values(readable_hash=None))


def vault_of(connection: Connection, ticker: str) -> RowMapping:
    """Return the vault of a ticker; Unknown when nothing of it is reserved."""
    query = select(vaults).filter_by(ticker=ticker)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise _unreserved(ticker)
    return row


def _unreserved(ticker: str) -> Unknown:
    return Unknown(f"no prices of {ticker} are reserved")


def list_vaults(connection: Connection) -> Sequence[RowMapping]:
    """Return the vaults by ticker."""
    return connection.execute(select(vaults).order_by(vaults.c.ticker)).mappings().all()


def vaults_read(connection: Connection, request: RunRequest) -> list[RowMapping]:
    """Return the vaults of the tickers whose prices a run reads."""
    return [each for each in list_vaults(connection) if each["ticker"] in request.price_hashes]


def list_openings(connection: Connection, /, **equal: str) -> Sequence[RowMapping]:
    """Return the openings of vaults, released ones too, whose columns have these values, oldest first."""
    query = select(vault_openings).filter_by(**equal)
    return connection.execute(query.order_by(vault_openings.c.opened_at)).mappings().all()


def insert_opening(connection: Connection, /, **columns: str) -> None:
    """Record that a vault is opened for a request by a study; Conflict when it was before."""
    key = picked(columns, ("ticker", "request_hash"))
    opening = {**columns, "opened_by": current_actor(), "opened_at": database_now()}
    if not insert_if_new(connection, vault_openings, **opening):
        before = list_openings(connection, **key)[0]
        raise Conflict(
            f"the vault of {key['ticker']} was opened for this request on {before['opened_at']:%Y-%m-%d}, "
            f"by study {before['study_id']}; it is opened once for each request"
        )


def whole_version(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str
) -> str:
    """Return the data_hash of a series' current version with its reserved bars; without any, the hash as it is."""
    query = select(price_series.c.reserved_hash).filter_by(ticker=ticker, timeframe=timeframe)
    return connection.scalar(query) or data_hash
