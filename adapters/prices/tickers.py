"""Names of tickers and of price files."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from contracts.tickers import normalize_ticker
from contracts.timeframes import TIMEFRAMES, Timeframe

_UNNAMED: Timeframe = "1d"  # of a file whose name states no timeframe
_NAMED = [each for each in TIMEFRAMES if each != _UNNAMED]
TICKER = re.compile(r"(?!.*\.\.)[A-Z0-9.^=-]{1,15}", re.ASCII)
ACCEPTED = "1 to 15 of A-Z 0-9 . ^ = -, no two dots in a row"
NEAREST = 3  # tickers that a message suggests
FILE_NAMES = f"<TICKER>.csv, or <TICKER>_ and one of {', '.join(_NAMED)} before .csv"
_FILE_NAME = re.compile(
    rf"([A-Z0-9.^=-]{{1,15}}?)(?:_({'|'.join(_NAMED)}))?\.csv(?:\.gz)?", re.ASCII
)


def is_ticker(text: str) -> bool:
    """True when `text` may name a ticker: 1–15 of A–Z 0–9 . ^ = -, and no two dots in a row."""
    return bool(TICKER.fullmatch(text))


def parse_ticker(text: str) -> str:
    """Return the normalized ticker; ValueError names what is accepted, and the characters that are not."""
    ticker = normalize_ticker(text)
    if is_ticker(ticker):
        return ticker
    refused = _refused_characters(ticker)
    raise ValueError(ACCEPTED + (f", so no {refused}" if refused else ""))


def _refused_characters(text: str) -> str:
    """Return the characters that no ticker may have, each once, in quotes."""
    return " ".join(map(repr, dict.fromkeys(re.findall(r"[^A-Z0-9.^=-]", text))))


def nearest_tickers(ticker: str, tickers: Iterable[str]) -> str:
    """List the tickers with the most similar spelling, for a message."""
    nearest = get_close_matches(ticker, list(tickers), NEAREST, cutoff=0.0)
    return f"the nearest are {', '.join(nearest)}" if nearest else "there are no prices at all"


def ticker_fault(text: str) -> str:
    """Return the reason why a text is no ticker; empty if it is one."""
    if is_ticker(text):
        return ""
    size = "two dots in a row" if ".." in text else f"{len(text)} of them"
    has = _refused_characters(text) or size
    return f"{text} is not a ticker: 1 to 15 of A-Z 0-9 . ^ = - are accepted, and it has {has}"


def name_fault(name: str) -> str:
    """Return the reason why a file's name names no series."""
    stem = re.sub(rf"(_({'|'.join(_NAMED)}))?\.csv(\.gz)?$", "", name)
    return f"not named {FILE_NAMES}: {ticker_fault(stem)}"


def price_files(folder: Path) -> list[Path]:
    """Return the files of a folder with the endings of price files, plain or gzip, by name."""
    return sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])


def series_of_file(name: str) -> tuple[str, Timeframe] | None:
    """Return ticker and timeframe of a price file's name; None if it is not one of FILE_NAMES, with or without .gz."""
    named = _FILE_NAME.fullmatch(name)
    return (named[1], cast(Timeframe, named[2] or _UNNAMED)) if named else None


def names_ticker(name: str, ticker: str) -> bool:
    """True when `name` in a file may mean `ticker`: AAPL.US and NASDAQ:AAPL are AAPL, and BTC/USDT is BTCUSDT."""
    return _letters(name) in _short_names(ticker) or _letters(ticker) in _short_names(name)


def _short_names(name: str) -> set[str]:
    """Return the name with and without its exchange, in letters and digits alone."""
    bare = name.rpartition(":")[2]
    return {_letters(each) for each in (name, bare, re.sub(r"[.=][^.=]*$", "", bare))}


def _letters(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
