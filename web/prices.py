"""The API and the pages of prices: series, their versions, and uploads."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request
from flask.typing import ResponseReturnValue

from adapters.maintenance.deletion import delete_series
from adapters.maintenance.vault import delete_or_release
from adapters.prices.bars import PriceBars, candle_columns, csv_chunks, joined
from adapters.prices.dates import BAD_ROWS, ZONES
from adapters.prices.decoding import unpacked
from adapters.prices.loading import delete_version, examine, save_version
from adapters.prices.reading import Meaning
from adapters.prices.store import (
    PriceStore,
    Version,
    current_versions,
    run_counts,
    version_counts,
    versions_of,
)
from adapters.prices.table import refuse
from adapters.prices.vault import list_openings, list_vaults
from adapters.prices.versions import add_version, make_current
from adapters.runs.times import utc_text
from contracts.errors import InvalidRequest, UnknownTicker
from contracts.tickers import normalize_tickers
from contracts.timeframes import TIMEFRAMES, Timeframe
from contracts.values import Json, Values
from rules.language import Market
from web.api import (
    DELETED,
    DRY_RUN,
    NEEDED,
    Argument,
    arguments,
    conditional,
    describe_ticker,
    max_body_bytes,
    operation,
    read_arguments,
    read_body,
)
from web.app import ask_database, platform, reading_database
from web.charts.bars import WINDOW, read_window
from web.formats import flag, one_of, ticker_symbol, time_zone, whole_number, words
from web.titles import FIELDS

api = Blueprint("prices", __name__)

NO_SERIES, NO_VERSION = "404 no such series", "404 no such version"
LOADING = (
    replace(DRY_RUN, about="report on the file, store nothing"),
    Argument(
        "adjust",
        flag,
        "adjust prices for splits and dividends by Adj Close / Close; true by default",
        True,
    ),
    Argument(
        "timezone",
        time_zone,
        "of times without an offset, such as America/New_York; of daily bars with a time of day, the exchange's",
    ),
    Argument(
        "guess",
        flag,
        "detect the timeframe, and a missing time zone, from the dates",
        False,
    ),
    Argument("keep_dates", flag, "date daily bars as written; false by default", False),
    Argument(
        "bad_rows",
        one_of(*BAD_ROWS),
        "rows whose High or Low contradicts their other prices: refuse the file, by default, widen High and Low to "
        "Open and Close, or drop the rows",
        "refuse",
    ),
    Argument(
        "current", flag, "false: keep the current version, if there is one, for new runs", True
    ),
    Argument(
        "reserve_years",
        whole_number(1, 100),
        "reserve the last years of the file, and all later bars of the ticker, see PUT /api/vaults/<ticker>",
    ),
    Argument("source", words(255), "origin of the file; stored with the version"),
    Argument("note", words(255), "stored with the version"),
)
FILE = {"type": "string", "format": "binary"}


@api.get("/api/tickers")
def tickers() -> Response:
    """Tickers with their timeframes and date ranges."""
    listed = [
        {"ticker": ticker, "timeframes": ranges} for ticker, ranges in ticker_ranges().items()
    ]
    return conditional({"tickers": listed})


def ticker_ranges() -> dict[str, dict[str, Json]]:
    """Return the first and last day, bars, version and sparkline of each ticker and timeframe."""
    return {
        ticker: {
            timeframe: {
                "first_date": version.first_date.isoformat(),
                "last_date": version.last_date.isoformat(),
                "bars": version.bars,
                "closes_only": version.closes_only,
                "columns": version.columns,
                "data_hash": version.data_hash,
                "sparkline": version.sparkline,
            }
            for timeframe, version in ranges.items()
        }
        for ticker, ranges in platform().prices.all().items()
    }


@api.get("/api/prices")
@operation("200 PriceSeries: the current version of every series")
def series() -> Response:
    """Return the current version of every series."""
    return conditional({"series": [*map(_as_json, ask_database(current_versions))]})


@api.get("/api/prices/<ticker>/<timeframe>")
@operation("200 PriceVersions: the versions, latest first", NO_SERIES)
def versions(ticker: str, timeframe: str) -> Response:
    """All versions of one series, the latest first, with the number of runs that read each."""
    listed_versions, counts = versions_with_runs(ticker, timeframe)
    listed = [
        _as_json(each) | {"runs": counts.get(each.data_hash, 0), "report": each.report}
        for each in listed_versions
    ]
    return conditional({"ticker": ticker, "timeframe": timeframe, "versions": listed})


# of a version, in the API
_VERSION_FIELDS = (
    "ticker",
    "timeframe",
    "data_hash",
    "first_bar",
    "last_bar",
    "bars",
    "bars_per_year",
    "closes_only",
    "columns",
    "exchange_zone",
    "is_current",
    "source",
    "note",
    "loaded_by",
)


def _as_json(version: Version) -> Json:
    fields = {name: getattr(version, name) for name in _VERSION_FIELDS}
    return fields | {"loaded_at": utc_text(version.loaded_at)}


@api.put("/api/prices/<ticker>/<timeframe>")
@operation(
    "200 PriceReport: a dry run, or nothing was new",
    "201 PriceReport: loaded",
    "400 every fault by line",
    "413 too large",
    asks=LOADING,
    body={"text/csv": FILE, "application/gzip": FILE},
    body_setting="max_prices_mb",
    strict=True,
    needs="admin",
)
def put(ticker: str, timeframe: str) -> ResponseReturnValue:
    """Load a file of prices, plain or compressed, as the current version of a series; ?dry_run=true only reports on it.

    ?adjust=false ignores Adj Close; ?timezone=America/New_York is the zone of times without an offset; ?guess=true
    detects timeframe and time zone from the dates, and the answer names them. ?keep_dates=true keeps the dates of daily
    bars as written, which are otherwise those of their sessions. ?bad_rows=widen or drop loads a file with rows whose
    High or Low contradicts their other prices. ?current=false keeps the current version of a series.
    ?source= and ?note= are stored with the version.
    """
    symbol, frame = named_series(ticker, timeframe)
    query = arguments()
    meaning = Meaning(
        timeframe=frame,
        adjust=query["adjust"],
        zone=query["timezone"],
        guesses=query["guess"],
        keep_dates=query["keep_dates"],
        bad_rows=query["bad_rows"],
    )
    body = read_body()
    content = unpacked(body, max_body_bytes(current_app, request.endpoint))
    if content is body:  # not packed
        content = _in_utf8(body)
    bars, report = examine(platform().prices, symbol, content, meaning)
    reserve_from = _reserved_day(bars, query["reserve_years"])
    is_new = report["outcome"] != "unchanged" or reserve_from is not None
    stores = is_new and not query["dry_run"]
    if stores:
        labels = query["source"], query["note"]
        store = make_current if query["current"] else add_version
        save_version(platform().engine, symbol, bars, report, *labels, reserve_from, store)
    if stores and reserve_from:
        delete_or_release(platform().engine, symbol)
    return report | {"stored": stores}, 201 if stores else 200


def _reserved_day(bars: PriceBars, years: int | None) -> date | None:
    """Return the first of the last years of a file; InvalidRequest when it has no bars before them."""
    if years is None:
        return None
    first, last = (date.fromisoformat(end[:10]) for end in (bars.first, bars.last))
    last -= timedelta(days=(last.month, last.day) == (2, 29))
    day = last.replace(year=last.year - years) + timedelta(days=1)
    if day <= first:
        raise InvalidRequest(
            {"reserve_years": f"{years} is not accepted: the file begins on {first}"}
        )
    return day


def _in_utf8(text: bytes) -> bytes:
    """Return the text of a body in UTF-8 if its Content-Type names a known charset; RefusedFile for other text."""
    charset = request.mimetype_params.get("charset", "")
    try:
        return text.decode(charset).encode()
    except LookupError:  # none, or an unknown one: it is detected later
        return text
    except ValueError as error:
        raise refuse(f"not {charset[:40]} text, as its Content-Type says: {error}") from None


@api.get("/api/prices/<ticker>/<timeframe>/<data_hash>.csv")
@operation("200 text/csv: the bars", NO_VERSION)
def file(ticker: str, timeframe: str, data_hash: str) -> Response:
    """Return the bars of a version as the CSV whose SHA-256 is its data_hash."""
    version = platform().prices.get(*named_series(ticker, timeframe), data_hash)
    response = Response(
        csv_chunks(platform().prices.bars(version.data_hash)), mimetype="text/csv"
    )
    response.headers.set(
        "Content-Disposition",
        "attachment",
        filename=f"{version.ticker}_{timeframe}_{data_hash[:12]}.csv",
    )
    return response


@api.get("/api/prices/<ticker>/<timeframe>/bars")
@operation("200 Bars: the bars", NO_SERIES, asks=WINDOW)
def bars(ticker: str, timeframe: str) -> Response:
    """Return the current version's bars as columns: ?from=0&to=3270&max=4000, bar numbers and the most points."""
    version = platform().prices.get(*named_series(ticker, timeframe))
    window = read_window(version.bars)
    series = platform().prices.bars(version.data_hash)
    body = {
        "total": version.bars,
        "first": window.first,
        "bars_per_point": window.group,
        "price_decimals": series.decimals,
    }
    candles = joined(series[window.first : window.stop], window.starts - window.first)
    return conditional(body | candle_columns(candles))


@api.delete("/api/prices/<ticker>/<timeframe>/<data_hash>")
@operation(
    "204 deleted", NO_VERSION, "409 it is the current one, or runs refer to it", needs="admin"
)
def delete(ticker: str, timeframe: str, data_hash: str) -> ResponseReturnValue:
    """Delete a version; 409 while it is current or a run refers to it."""
    with platform().engine.begin() as connection:
        delete_version(connection, *named_series(ticker, timeframe), data_hash)
    return "", 204


@api.delete("/api/prices/<ticker>/<timeframe>")
@operation(DELETED, NO_SERIES, NEEDED, asks=(DRY_RUN,), needs="admin")
def delete_all(ticker: str, timeframe: str) -> ResponseReturnValue:
    """Delete a series with all versions; ?dry_run=true only counts them."""
    series = named_series(ticker, timeframe)
    return delete_series(platform().engine, *series, dry_run=arguments()["dry_run"])


def versions_with_runs(ticker: str, timeframe: str) -> tuple[list[Version], dict[str, int]]:
    """Return all versions of a series, the latest first, and the number of runs that read each, by hash."""
    with reading_database() as connection:
        series_versions = versions_of(connection, *named_series(ticker, timeframe))
        return series_versions, run_counts(
            connection, [each.data_hash for each in series_versions]
        )


def named_series(ticker: str, timeframe: str) -> tuple[str, Timeframe]:
    """Return the ticker, in capitals, and the timeframe of an address; InvalidRequest when one is not valid."""
    series = read_arguments(
        {"ticker": ticker, "timeframe": timeframe},
        Argument("ticker", ticker_symbol, "in any case", ""),
        Argument("timeframe", one_of(*TIMEFRAMES), "of its bars", "1d"),
    )
    return series["ticker"], series["timeframe"]


pages = Blueprint("prices_pages", __name__)


@pages.get("/prices")
def listed() -> str:
    """All series with their ranges, and the upload form."""
    return render_template(
        "prices/list.html",
        series=ask_database(current_versions),
        version_counts=ask_database(version_counts),
        max_mb=platform().settings.max_prices_mb,
        timeframes=FIELDS["timeframe"].choices,
        zones=ZONES,
    )


@pages.get("/prices/<ticker>/<timeframe>")
def page(ticker: str, timeframe: str) -> str:
    """One series: its latest bars, and its versions with their changes and the number of runs that read each."""
    versions, counts = versions_with_runs(ticker, timeframe)
    symbol = versions[0].ticker
    vaults = ask_database(list_vaults)
    return render_template(
        "prices/series.html",
        versions=versions,
        run_counts=counts,
        vault=next((each for each in vaults if each["ticker"] == symbol), None),
        openings=ask_database(list_openings, ticker=symbol),
    )


def market_of(values: Values, prices: PriceStore) -> Market:
    """Return the series that the rule of a request, whose fields may have any faults, may name."""
    timeframe, hashes = values.get("timeframe", "1d"), values.get("others")
    if timeframe not in [*TIMEFRAMES]:
        return Market()
    pinned = hashes if isinstance(hashes, dict) else {}

    def columns_of(ticker: Any, data_hash: Any) -> list[str]:
        try:
            is_text = isinstance(ticker, str) and isinstance(data_hash, str | None)
            return prices.get(ticker, timeframe, data_hash).columns if is_text else []
        except UnknownTicker as error:
            raise LookupError(describe_ticker(error)) from None

    columns = list[str]()
    with suppress(LookupError):  # a fault of another field
        columns = columns_of(normalize_tickers(values).get("ticker"), values.get("data_hash"))
    return Market(timeframe, columns, lambda ticker: columns_of(ticker, pinned.get(ticker)))
