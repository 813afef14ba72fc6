"""Store of all prices, by content: versions of each series, one of them current, and their bars.

The content of a data_hash never changes, so bars may be cached; the current version is looked up on every call. While
the end of a series is reserved (see adapters.prices.vault), each version that has such bars is replaced here by its
readable part, a version of its own: everybody but the Jobs of an opened study reads that.
"""

import json
from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from datetime import date, datetime
from functools import cache, lru_cache

from sqlalchemy import ColumnElement, Connection, Engine, and_, exists, func, select

from adapters.database import has_rows, reading
from adapters.price_tables import (
    VERSION,
    price_parts,
    price_series,
    price_versions,
    vault_openings,
)
from adapters.prices.bars import SHOWN_DECIMALS, PriceBars, candles
from adapters.prices.packing import PackedPrices, unpack_bars
from adapters.prices.tickers import is_ticker, nearest_tickers, parse_ticker
from adapters.tables import RUN
from contracts.errors import UnknownTicker
from contracts.run_request import RunRequest, Timeframe
from contracts.run_result import Candle
from contracts.values import Json, frozen, without

# the current version of a series
OF_SERIES = and_(
    *(price_series.c[name] == VERSION[name] for name in ("ticker", "timeframe", "data_hash"))
)
IS_READABLE = VERSION.readable_hash.is_(None)
IS_CURRENT = price_series.c.ticker.is_not(None)  # in the join of `select_versions`
CACHED_SERIES = 8  # unpacked; a million intraday bars are 48 MB, 3,270 daily ones 160 KB
CACHED_RANGES = 16  # results viewed in a row; 3,270 candles are about 2 MB


@frozen
class Version:
    """One version of a series; `is_current` is the one that new runs get."""

    id: int
    ticker: str
    timeframe: Timeframe
    data_hash: str
    first_bar: str
    last_bar: str
    bars: int
    price_decimals: int
    volume_decimals: int
    bars_per_year: int | None  # None in versions from before it was recorded
    source: str | None
    note: str | None
    report: Json
    sparkline: str
    loaded_by: str | None
    loaded_at: datetime
    readable_hash: str | None
    is_current: bool

    @property
    def closes_only(self) -> bool:
        """True when open, high and low are the close on every bar, as its report says."""
        return bool(self.report.get("closes_only"))

    @property
    def columns(self) -> list[str]:
        """Names of the further columns."""
        return [*self.report.get("columns", ())]

    @property
    def exchange_zone(self) -> str:
        """Time zone of the exchange; "" in versions from before it was stored: New York's days, and UTC's hours."""
        return str(self.report.get("exchange_zone", ""))

    @property
    def first_date(self) -> date:
        """Day of the first bar."""
        return date.fromisoformat(self.first_bar[:10])

    @property
    def last_date(self) -> date:
        """Day of the last bar."""
        return date.fromisoformat(self.last_bar[:10])


def select_versions(connection: Connection, *conditions: ColumnElement[bool]) -> list[Version]:
    """Readable versions that fulfil all conditions, oldest first."""
    return all_versions(connection, IS_READABLE, *conditions)


def all_versions(connection: Connection, *conditions: ColumnElement[bool]) -> list[Version]:
    """Versions that fulfil all conditions, oldest first, those with reserved bars included.

    The join finds a row of price_series for current ones only.
    """
    query = (
        select(price_versions, IS_CURRENT.label("is_current"))
        .select_from(price_versions.outerjoin(price_series, OF_SERIES))
        .where(*conditions)
        .order_by(VERSION.id)
    )
    return [
        Version(report=json.loads(row.report_json), **without(row._asdict(), ["report_json"]))
        for row in connection.execute(query)
    ]


def current_versions(connection: Connection) -> list[Version]:
    """The current version of every series, by ticker and timeframe."""
    return sorted(
        select_versions(connection, IS_CURRENT), key=lambda each: (each.ticker, each.timeframe)
    )


def versions_of(connection: Connection, ticker: str, timeframe: Timeframe) -> list[Version]:
    """All versions of one series, the latest first; UnknownTicker when there is none."""
    versions = select_versions(connection, *of_series(ticker, timeframe))
    if not versions:
        raise UnknownTicker(_unknown(connection, ticker, timeframe, None))
    return versions[::-1]


def of_series(ticker: str, timeframe: str) -> tuple[ColumnElement[bool], ...]:
    """Conditions for the versions of one series."""
    return VERSION.ticker == ticker, VERSION.timeframe == timeframe


def version_counts(connection: Connection) -> dict[tuple[str, str], int]:
    """Count the versions of each series, by ticker and timeframe."""
    series = (VERSION.ticker, VERSION.timeframe)
    counted = select(*series, func.count()).where(IS_READABLE)
    rows = connection.execute(counted.group_by(*series))
    return {(ticker, timeframe): count for ticker, timeframe, count in rows}


def version(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str | None = None
) -> Version:
    """One version of a series, the current one for None; UnknownTicker names the alternatives.

    Of a version with reserved bars, the readable part.
    """
    # the columns hold ASCII alone, and MySQL refuses to compare them with other text
    may_be = is_ticker(ticker) and f"{timeframe}{data_hash}".isascii()
    series = of_series(ticker, timeframe)
    version_condition = (
        IS_CURRENT
        if data_hash is None or not may_be
        else VERSION.data_hash == readable_hash(connection, data_hash, *series)
    )
    versions = may_be and select_versions(connection, *series, version_condition)
    if not versions:
        raise UnknownTicker(_unknown(connection, ticker, timeframe, data_hash))
    return versions[0]


def readable_hash(
    connection: Connection, data_hash: str, *conditions: ColumnElement[bool]
) -> str:
    """Return the data_hash of what may be read of a version: its own, or that of its readable part; "" for no bars.

    conditions: on its series. Two tickers with the same bars have the same hash, and one of them may be unreserved.
    """
    of_version = select(VERSION.readable_hash).filter_by(data_hash=data_hash).where(*conditions)
    replaced = connection.scalars(of_version).all()
    return data_hash if None in replaced else next(iter(replaced), data_hash)


def _unknown(connection: Connection, ticker: str, timeframe: str, data_hash: str | None) -> str:
    try:
        parse_ticker(ticker)
    except ValueError as fault:
        return f"{ticker[:32]!r} is not a ticker; accepted: {fault}"
    series = select(price_series.c.ticker, price_series.c.timeframe)
    readable = series.where(~exists().where(OF_SERIES, ~IS_READABLE))
    all_series = connection.execute(readable.order_by(price_series.c.ticker)).all()
    timeframes = [frame for name, frame in all_series if name == ticker]
    if timeframe in timeframes:
        return f"{ticker} has no {timeframe} prices with data_hash {str(data_hash)[:12]}"
    alternatives = (
        f"it has {', '.join(timeframes)}"
        if timeframes
        else nearest_tickers(ticker, dict.fromkeys(name for name, _ in all_series))
    )
    return f"no {timeframe} prices of ticker {ticker[:32]!r}; {alternatives}"


def packed_prices(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str | None = None
) -> PackedPrices:
    """The bars of one version of a series, the current one for None; UnknownTicker when there is none."""
    return _packed(connection, version(connection, ticker, timeframe, data_hash))


def prices_of(
    connection: Connection, request: RunRequest, study_id: str | None = None
) -> PackedPrices | UnknownTicker:
    """Return the bars that a run reads, with those of its benchmark and of the other tickers that its rule reads.

    Where there are none, the error says why. study_id: of the study that reads them, which may have opened a vault.
    """
    opened = select(vault_openings.c.study_id).filter_by(study_id=study_id)
    has_opened = study_id is not None and has_rows(connection, opened)

    def read(ticker: str, data_hash: str | None) -> PackedPrices:
        if has_opened and data_hash:
            return reserved_prices(connection, ticker, request.timeframe, data_hash)
        return packed_prices(connection, ticker, request.timeframe, data_hash)

    try:
        return replace(
            read(request.ticker, request.data_hash),
            benchmark=read(request.benchmark, request.benchmark_hash)
            if request.benchmark
            else None,
            others=[read(*other) for other in (request.others or {}).items()],
        )
    except UnknownTicker as error:
        return error


def reserved_prices(
    connection: Connection, ticker: str, timeframe: Timeframe, data_hash: str
) -> PackedPrices:
    """The bars of one version, reserved ones included; for opened vaults alone. UnknownTicker when there is none."""
    of_version = (*of_series(ticker, timeframe), VERSION.data_hash == data_hash)
    for each in all_versions(connection, *of_version):
        return _packed(connection, each)
    raise UnknownTicker(_unknown(connection, ticker, timeframe, data_hash))


def _packed(connection: Connection, version: Version) -> PackedPrices:
    query = (
        select(price_parts.c.packed)
        .filter_by(data_hash=version.data_hash)
        .order_by(price_parts.c.part)
    )
    return PackedPrices(
        version.ticker,
        version.timeframe,
        version.data_hash,
        version.price_decimals,
        version.volume_decimals,
        connection.scalars(query).all(),
        version.bars_per_year,
        zone=version.exchange_zone,
    )


class PriceStore:
    """Prices for pages and validation; unpacked bars are cached by the hash of what may be read of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cached_bars = lru_cache(maxsize=CACHED_SERIES)(self._bars)
        self._cached_candles = lru_cache(maxsize=CACHED_RANGES)(self._candles)

    def all(self) -> dict[str, dict[Timeframe, Version]]:
        """Current versions by ticker and timeframe."""
        by_ticker: dict[str, dict[Timeframe, Version]] = {}
        with reading(self._engine) as connection:
            for each in current_versions(connection):
                by_ticker.setdefault(each.ticker, {})[each.timeframe] = each
        return by_ticker

    def get(
        self, ticker: str, timeframe: Timeframe = "1d", data_hash: str | None = None
    ) -> Version:
        """One version, the current one for None; UnknownTicker when there is none."""
        with reading(self._engine) as connection:
            return version(connection, ticker, timeframe, data_hash)

    def remembered(self) -> "PriceStore":
        """Return a copy for one call, which looks up each version once and not once per run."""
        store = copy(self)
        store.get = cache(self.get)  # type: ignore[method-assign]
        return store

    def readable(self, data_hash: str) -> str:
        """Return the data_hash of what may be read of a version, see `readable_hash`."""
        with reading(self._engine) as connection:
            return readable_hash(connection, data_hash)

    def bars(self, data_hash: str) -> PriceBars:
        """The bars of one content as far as they may be read; UnknownTicker when they have been pruned."""
        return self._cached_bars(self.readable(data_hash))

    def _bars(self, data_hash: str) -> PriceBars:
        with reading(self._engine) as connection:
            versions = select_versions(connection, VERSION.data_hash == data_hash)
            if not versions:
                raise UnknownTicker(
                    f"the prices with data_hash {data_hash[:12]} are not in the store"
                )
            return unpack_bars(_packed(connection, versions[0]))

    def candles(self, data_hash: str, start_date: date, end_date: date) -> list[Candle] | None:
        """Candles of a version, both days included; None if it is not in the store. Callers must not change it."""
        try:
            return self._cached_candles(self.readable(data_hash), start_date, end_date)
        except UnknownTicker:
            return None

    def _candles(self, data_hash: str, start_date: date, end_date: date) -> list[Candle]:
        return candles(self._cached_bars(data_hash).between(start_date, end_date))

    def decimals(self, data_hash: str | None) -> int:
        """Number of decimals that a version's prices are displayed with; SHOWN_DECIMALS if it is not in the store."""
        try:
            return self.bars(data_hash or "").decimals
        except UnknownTicker:
            return SHOWN_DECIMALS


def run_counts(connection: Connection, hashes: Sequence[str]) -> dict[str, int]:
    """Count the runs that read each of these versions."""
    counted = select(RUN.data_hash, func.count()).where(RUN.data_hash.in_(hashes))
    return dict(connection.execute(counted.group_by(RUN.data_hash)).all())
