"""Price files, or Yahoo's prices, sent to the platform one after another, and what became of each."""

import re
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from backtests.client import Client
from backtests.errors import BadInput, Refused
from backtests.results import aligned, paragraphs
from backtests.yahoo import require_yfinance, yahoo_csv

TOO_LARGE = 413
BAD_ROWS = ("refuse", "widen", "drop")
COLUMNS = ("file", "ticker", "timeframe", "bars", "from", "to", "outcome", "warnings")
# Names that exports have when nobody gave them one; none of them is a ticker that was meant.
NAMELESS = "chart data download export history ohlcv prices quotes stock table"
# how file names speak of each timeframe
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
NO_TICKER = "its name does not say which ticker it holds: name it <TICKER>.csv, or say --ticker"
NO_TIMEFRAME = (
    f"its name speaks of another timeframe than {', '.join(TIMEFRAMES)}; "
    "if it is one of them, say --timeframe"
)


class Series(NamedTuple):
    """What a file holds; timeframe: None for one that the platform does not have."""

    ticker: str
    timeframe: str | None


class Source(NamedTuple):
    """A price file, or what stands for one; fault: why it is not sent."""

    name: str
    ticker: str
    timeframe: str
    read: Callable[[], bytes]
    fault: str = ""


class Outcome(NamedTuple):
    """What became of a source: its row of the table, and all else that there is to say, a sentence each."""

    cells: list[str]
    said: list[str]
    is_refused: bool = False


def sources_of(asked: Namespace) -> list[Source]:
    """The command line's sources; BadInput with all faults of what it names, before anything is sent.

    A fault of a file that only its folder names is the source's, and keeps no other out.
    """
    if asked.yahoo:
        return _yahoo(asked)
    paths, named = _paths(asked), [Path(name) for name in asked.files]
    series = {path: _series_of(path, asked) for path in paths}
    sources = [_source(path, series) for path in paths]
    of_files = zip(paths, sources, strict=True)
    if faults := [
        f"{path}: {each.fault}" for path, each in of_files if each.fault and path in named
    ]:
        raise BadInput(*faults)
    return sources


def _series_of(path: Path, asked: Namespace) -> Series:
    named = series_named(path.name)
    return Series(asked.ticker or named.ticker, asked.timeframe or named.timeframe)


def _source(path: Path, every: Mapping[Path, Series]) -> Source:
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


def _paths(asked: Namespace) -> list[Path]:
    paths = [Path(name) for name in asked.files]
    for folder in asked.folder:
        paths += sorted([*Path(folder).glob("*.csv"), *Path(folder).glob("*.csv.gz")])
    if not paths:
        raise BadInput(
            "no price files: name some, or a --folder that has *.csv files, or --yahoo TICKER"
        )
    if asked.ticker and len(paths) > 1:
        raise BadInput(f"--ticker {asked.ticker} is for one file, and these are {len(paths)}")
    return paths


def _yahoo(asked: Namespace) -> list[Source]:
    if asked.files or asked.folder or asked.ticker or asked.since is None:
        raise BadInput(
            "--yahoo takes the tickers and --from YYYY-MM-DD, and neither files nor --ticker"
        )
    require_yfinance()
    frame = asked.timeframe or "1d"
    return [
        Source(f"Yahoo Finance {each}", each, frame, partial(yahoo_csv, each, frame, asked.since))
        for each in asked.yahoo
    ]


def series_named(name: str) -> Series:
    """The series that a file's name, without its folder, speaks of; no ticker, and days, when it says nothing.

    A copy's number, as browsers add it, is not part of the name: `AAPL (1).csv`.
    """
    stem = _stem(name)
    for pattern in _PATTERNS:
        found = re.fullmatch(pattern, stem, re.IGNORECASE | re.ASCII)
        if found and found["ticker"].lower() not in NAMELESS.split():
            frame = (found.groupdict().get("frame") or "d").replace("M", "month").lower()
            known = (each for each, words in TIMEFRAMES.items() if frame in words.split())
            return Series(found["ticker"].upper(), next(known, None))
    return Series("", "1d")


def _stem(name: str) -> str:
    endings = r"( ?\(\d+\))?(\.(csv|txt|tsv|xlsx))?(\.(gz|bz2|xz|zip))?$"
    return re.sub(endings, "", name, flags=re.IGNORECASE)


def no_ticker(name: str) -> str:
    """Say why a file's name names no ticker: it says nothing, or the character that no ticker has."""
    stem = _stem(name)
    if stem.lower() in ["", *NAMELESS.split()]:
        return NO_TICKER
    named = re.fullmatch(r".+_([^_]+), \w*", stem)  # TradingView: CME_MINI_ES1!, 1D
    text = (named[1] if named else stem).upper()
    odd = [*dict.fromkeys(re.sub(r"[A-Z0-9.^=-]", "", text, flags=re.ASCII))]
    has = " ".join(map(repr, odd)) or f"{len(text)} of them"
    return (
        f"{text} is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has {has}; "
        "rename the file, or say --ticker"
    )


def load_source(client: Client, source: Source, asked: Namespace) -> Outcome:
    """Send one source. Refused when the question is wrong, or who asks, so that no other would be taken either."""
    if source.fault:
        return _refused(source, {"file": source.fault})
    try:
        report = client.load_prices(
            source.ticker,
            source.read(),
            source.timeframe,
            dry_run=asked.dry_run,
            adjust=not asked.no_adjust,
            timezone=asked.timezone,
            keep_dates=asked.keep_dates,
            bad_rows=asked.bad_rows,
            source=source.name,
            note=asked.note,
        )
    except (BadInput, OSError) as error:
        return _refused(source, {"file": str(error)})
    except Refused as refused:
        if not _is_about_the_file(refused, asked) and refused.code != TOO_LARGE:
            raise
        return _refused(source, refused.errors or {"file": refused.message})
    bars, warnings = f"{report['bars']:,}", report["warnings"]
    cells = [bars, report["first_bar"], report["last_bar"], report["outcome"], str(len(warnings))]
    said = [
        f"warning: line {each['line']}: {each['message']}"
        if each["line"]
        else f"warning: {each['message']}"
        for each in warnings
    ]
    return Outcome([*source[:3], *cells], [*report["done"], *said])


def _refused(source: Source, faults: Mapping[str, str]) -> Outcome:
    said = [f"{place}: {fault}" for place, fault in faults.items()]
    return Outcome([*source[:3], "-", "-", "-", "refused", "-"], said, is_refused=True)


def _is_about_the_file(refused: Refused, asked: Namespace) -> bool:
    """Whether other files may be taken all the same: not where the command names what no platform knows."""
    of_file = {"file", "timeframe", *([] if asked.timezone else ["timezone"])}
    return any(place in of_file or place.startswith("line ") for place in refused.errors)


def as_table(outcomes: Sequence[Outcome]) -> str:
    """A row for each source, and below it all that was done, warned of, and wrong."""
    rows = [each.cells for each in outcomes]
    said = [f"{each.cells[0]}: {line}" for each in outcomes for line in each.said]
    return paragraphs(aligned([COLUMNS, *rows]), said)
