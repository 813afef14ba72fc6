"""What may name a ticker, and the file of its prices."""

import re
from pathlib import Path
from typing import cast

from contracts.timeframes import TIMEFRAMES, Timeframe

_UNNAMED: Timeframe = "1d"  # what a file holds whose name says nothing of it
_NAMED = [each for each in TIMEFRAMES if each != _UNNAMED]
TICKER = re.compile(r"(?!.*\.\.)[A-Z0-9.^=-]{1,15}", re.ASCII)
FILE_NAMES = f"<TICKER>.csv, or <TICKER>_ and one of {', '.join(_NAMED)} before .csv"
_FILE_NAME = re.compile(
    rf"([A-Z0-9.^=-]{{1,15}}?)(?:_({'|'.join(_NAMED)}))?\.csv(?:\.gz)?", re.ASCII
)


def is_ticker(text: str) -> bool:
    """Whether `text` may name a ticker: 1–15 of A–Z 0–9 . ^ = -, and no two dots in a row."""
    return bool(TICKER.fullmatch(text))


def price_files(folder: Path) -> list[Path]:
    """The files of a folder that end as price files do, plain or gzip, by name."""
    return sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])


def series_of_file(name: str) -> tuple[str, Timeframe] | None:
    """Ticker and timeframe of a price file's name; None when it is not one of FILE_NAMES, with or without .gz."""
    named = _FILE_NAME.fullmatch(name)
    return (named[1], cast(Timeframe, named[2] or _UNNAMED)) if named else None


def names_ticker(name: str, ticker: str) -> bool:
    """True where `name` in a file may mean `ticker`: AAPL.US and NASDAQ:AAPL are AAPL, and BTC/USDT is BTCUSDT."""
    return _letters(name) in _short_names(ticker) or _letters(ticker) in _short_names(name)


def _short_names(name: str) -> set[str]:
    """The name, and the same without its exchange."""
    bare = name.rpartition(":")[2]
    return {_letters(each) for each in (name, bare, re.sub(r"[.=][^.=]*$", "", bare))}


def _letters(name: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", name.upper())
