"""Loading of price files, or of Yahoo's prices: each is sent to the platform, and its outcome reported."""

import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from backtests.client import Client
from backtests.output import aligned, paragraphs
from backtests.transport import BadInput, Refused

TOO_LARGE = 413
BAD_ROWS = ("refuse", "widen", "drop")
COLUMNS = ("file", "ticker", "timeframe", "bars", "from", "to", "outcome", "warnings")
# default names of exports, none of which is a ticker
NAMELESS = "chart data download export history ohlcv prices quotes stock table"
# names of each timeframe in file names
TIMEFRAMES = {
    "1m": "1m 1 1min",
    "5m": "5m 5 5min",
    "15m": "15m 15 15min",
    "30m": "30m 30 30min",
    "1h": "1h h 60 60min",
    "4h": "4h 240",
    "1d": "1d d daily",
    "1w": "1w w weekly",
}
_TICKER = r"(?P<ticker>[A-Z0-9.^=-]{1,15}?)"
_PATTERNS = (
    rf"{_TICKER}[._]us(?:_(?P<frame>[dhwm]|5))?",  # Stooq: aapl.us, aapl_us_d
    rf"{_TICKER}(?:_(?P<frame>\d+[dhmw]))?",  # ours: AAPL, BRK-B_1h
    rf"[A-Z0-9_]+_{_TICKER}, (?P<frame>\d*[A-Z]?)(?:_[0-9a-f]+)?",  # TradingView: NASDAQ_AAPL, 1D
    rf"(?P<frame>daily|weekly)(?:_adjusted)?_{_TICKER}",  # Alpha Vantage: daily_AAPL
    rf"intraday_(?P<frame>\d+min)_{_TICKER}",  # Alpha Vantage: intraday_5min_AAPL
    rf"{_TICKER} Historical Data",  # Investing.com
)
NO_TICKER = "its name has no ticker: name it <TICKER>.csv, or add --ticker"
NO_TIMEFRAME = (
    f"its name has another timeframe than {', '.join(TIMEFRAMES)}; "
    "if it is one of them, add --timeframe"
)


class FileSeries(NamedTuple):
    """Ticker and timeframe of a file; timeframe: None for one that the platform does not have."""

    ticker: str
    timeframe: str | None


class Source(NamedTuple):
    """A price file, or another source of prices; fault: why it is not sent."""

    name: str
    ticker: str
    timeframe: str
    read: Callable[[], bytes]
    fault: str = ""


class LoadOutcome(NamedTuple):
    """Outcome of a source: its row of the table, and messages about it."""

    cells: list[str]
    messages: list[str]
    is_refused: bool = False


def sources_of(arguments: Namespace) -> list[Source]:
    """Return the sources of the command line; BadInput with all faults of named files, before anything is sent.

    A fault of a file in a named folder is reported with its source, and the others are loaded.
    """
    if arguments.yahoo:
        return _yahoo(arguments)
    paths, named = _paths(arguments), [Path(name) for name in arguments.files]
    series = {path: _series_of(path, arguments) for path in paths}
    sources = [_source(path, series) for path in paths]
    of_files = zip(paths, sources, strict=True)
    if faults := [
        f"{path}: {each.fault}" for path, each in of_files if each.fault and path in named
    ]:
        raise BadInput(*faults)
    return sources


def _series_of(path: Path, arguments: Namespace) -> FileSeries:
    by_name = series_of_name(path.name)
    return FileSeries(
        arguments.ticker or by_name.ticker, arguments.timeframe or by_name.timeframe
    )


def _source(path: Path, every: Mapping[Path, FileSeries]) -> Source:
    series = every[path]
    same = [str(each) for each, its in every.items() if its == series]
    fault = ""
    if not path.is_file():
        fault = "is a folder" if path.is_dir() else "no such file"
    elif not series.ticker:
        fault = no_ticker(path.name)
    elif series.timeframe is None:
        fault = NO_TIMEFRAME
    elif len(same) > 1:  # only the last would stay current
        fault = (
            f"{' and '.join(same)} are both {series.ticker} {series.timeframe}; load one of them"
        )
    return Source(
        path.name, series.ticker or "-", series.timeframe or "-", path.read_bytes, fault
    )


def _paths(arguments: Namespace) -> list[Path]:
    paths = [Path(name) for name in arguments.files]
    for folder in arguments.folder:
        paths += sorted([*Path(folder).glob("*.csv"), *Path(folder).glob("*.csv.gz")])
    if not paths:
        raise BadInput(
            "no price files: name some, or a --folder with *.csv files, or --yahoo TICKER"
        )
    if arguments.ticker and len(paths) > 1:
        raise BadInput(f"--ticker {arguments.ticker} is for one file, but {len(paths)} are named")
    return paths


def _yahoo(arguments: Namespace) -> list[Source]:
    if arguments.files or arguments.folder or arguments.ticker or arguments.since is None:
        raise BadInput(
            "--yahoo takes tickers and needs --from YYYY-MM-DD; it does not take files or --ticker"
        )
    require_yfinance()
    frame = arguments.timeframe or "1d"
    return [
        Source(
            f"Yahoo Finance {each}", each, frame, partial(yahoo_csv, each, frame, arguments.since)
        )
        for each in arguments.yahoo
    ]


def series_of_name(name: str) -> FileSeries:
    """Return the series that a file's name, without its folder, stands for; daily, without a ticker, if none.

    A copy's number, as browsers add it, is not part of the name: `AAPL (1).csv`.
    """
    stem = _stem(name)
    for pattern in _PATTERNS:
        match = re.fullmatch(pattern, stem, re.IGNORECASE | re.ASCII)
        if match and match["ticker"].lower() not in NAMELESS.split():
            frame = (match.groupdict().get("frame") or "d").replace("M", "month").lower()
            timeframes = (each for each, words in TIMEFRAMES.items() if frame in words.split())
            return FileSeries(match["ticker"].upper(), next(timeframes, None))
    return FileSeries("", "1d")


def _stem(name: str) -> str:
    endings = r"( ?\(\d+\))?(\.(csv|txt|tsv|xlsx))?(\.(gz|bz2|xz|zip))?$"
    return re.sub(endings, "", name, flags=re.IGNORECASE)


def no_ticker(name: str) -> str:
    """Say why a file's name has no ticker: it is a default name, or has a character that no ticker has."""
    stem = _stem(name)
    if stem.lower() in ["", *NAMELESS.split()]:
        return NO_TICKER
    named = re.fullmatch(r".+_([^_]+), \w*", stem)  # TradingView: CME_MINI_ES1!, 1D
    text = (named[1] if named else stem).upper()
    odd = [*dict.fromkeys(re.sub(r"[A-Z0-9.^=-]", "", text, flags=re.ASCII))]
    has = " ".join(map(repr, odd)) or f"{len(text)} of them"
    return (
        f"{text} is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has {has}; "
        "rename the file, or add --ticker"
    )


def load_source(client: Client, source: Source, arguments: Namespace) -> LoadOutcome:
    """Send one source. Refused when the command or its token is wrong, so that every source would be refused."""
    if source.fault:
        return _refused(source, {"file": source.fault})
    try:
        report = client.load_prices(
            source.ticker,
            source.read(),
            source.timeframe,
            dry_run=arguments.dry_run,
            adjust=not arguments.no_adjust,
            timezone=arguments.timezone,
            keep_dates=arguments.keep_dates,
            bad_rows=arguments.bad_rows,
            reserve_years=arguments.reserve_years,
            source=source.name,
            note=arguments.note,
        )
    except (BadInput, OSError) as error:
        return _refused(source, {"file": str(error)})
    except Refused as refused:
        if not _is_about_the_file(refused, arguments) and refused.code != TOO_LARGE:
            raise
        return _refused(source, refused.errors or {"file": refused.message})
    bars, warnings = f"{report['bars']:,}", report["warnings"]
    cells = [bars, report["first_bar"], report["last_bar"], report["outcome"], str(len(warnings))]
    messages = [
        f"warning: line {each['line']}: {each['message']}"
        if each["line"]
        else f"warning: {each['message']}"
        for each in warnings
    ]
    return LoadOutcome([*source[:3], *cells], [*report["done"], *messages])


def _refused(source: Source, faults: Mapping[str, str]) -> LoadOutcome:
    messages = [f"{place}: {fault}" for place, fault in faults.items()]
    return LoadOutcome([*source[:3], "-", "-", "-", "refused", "-"], messages, is_refused=True)


def _is_about_the_file(refused: Refused, arguments: Namespace) -> bool:
    """Return whether a refusal is about the file, so that others may be accepted, and not about the command."""
    of_file = {"file", "timeframe", *([] if arguments.timezone else ["timezone"])}
    return any(place in of_file or place.startswith("line ") for place in refused.errors)


def as_table(outcomes: Sequence[LoadOutcome]) -> str:
    """Format a row for each source, and below the table its changes, warnings and faults."""
    rows = [each.cells for each in outcomes]
    messages = [f"{each.cells[0]}: {line}" for each in outcomes for line in each.messages]
    return paragraphs(aligned([COLUMNS, *rows]), messages)


INTERVALS = {"1w": "1wk"}  # Yahoo's name of a timeframe, where it differs


def require_yfinance() -> None:
    """Raise BadInput, with the command to install it, when the package is not installed."""
    try:
        import yfinance  # noqa: F401  # 1 s that only --yahoo pays
    except ImportError:
        raise BadInput("--yahoo needs yfinance: pip install -r requirements-yahoo.txt") from None


def yahoo_csv(ticker: str, timeframe: str, since: date) -> bytes:
    """Download prices as quoted, with Adj Close, up to yesterday or Sunday; BadInput when there are none.

    The bars of today and of this week are left out: they are incomplete, and would differ at the next load.
    """
    import yfinance
    from yfinance.exceptions import YFException

    until = datetime.now(UTC).date()
    if timeframe == "1w":
        until -= timedelta(days=until.weekday())
    try:
        frame = yfinance.Ticker(ticker).history(
            start=since,
            end=until,
            interval=INTERVALS.get(timeframe, timeframe),
            auto_adjust=False,
            actions=False,
        )
    except (YFException, OSError) as error:  # OSError: the network's
        raise BadInput(f"Yahoo Finance: {error or type(error).__name__}") from None
    if not len(frame):
        raise BadInput(f"Yahoo Finance: no {timeframe} prices from {since} to {until}")
    return bytes(frame.to_csv().encode())
