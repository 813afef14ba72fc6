"""What may name a ticker, and the file of its prices."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import cast

from contracts.tickers import normalize_ticker
from contracts.timeframes import TIMEFRAMES, Timeframe

_UNNAMED: Timeframe = "1d"  # what a file holds whose name says nothing of it
_NAMED = [each for each in TIMEFRAMES if each != _UNNAMED]
TICKER = re.compile(r"(?!.*\.\.)[A-Z0-9.^=-]{1,15}", re.ASCII)
ACCEPTED = "1 to 15 of A-Z 0-9 . ^ = -, no two dots in a row"
NEAREST = 3  # tickers that a message suggests
FILE_NAMES = f"<TICKER>.csv, or <TICKER>_ and one of {', '.join(_NAMED)} before .csv"
_FILE_NAME = re.compile(
    rf"([A-Z0-9.^=-]{{1,15}}?)(?:_({'|'.join(_NAMED)}))?\.csv(?:\.gz)?", re.ASCII
)


def is_ticker(text: str) -> bool:
    """Whether `text` may name a ticker: 1–15 of A–Z 0–9 . ^ = -, and no two dots in a row."""
    return bool(TICKER.fullmatch(text))


def parse_ticker(text: str) -> str:
    """Return the normalized ticker; ValueError says what is accepted, and which characters are not."""
    ticker = normalize_ticker(text)
    if is_ticker(ticker):
        return ticker
    refused = dict.fromkeys(re.findall(r"[^A-Z0-9.^=-]", ticker))
    raise ValueError(ACCEPTED + (f", so no {' '.join(map(repr, refused))}" if refused else ""))


def nearest_tickers(ticker: str, tickers: Iterable[str]) -> str:
    """The tickers that are spelled most like this one, as a message lists them."""
    nearest = get_close_matches(ticker, list(tickers), NEAREST, cutoff=0.0)
    return f"the nearest are {', '.join(nearest)}" if nearest else "there are no prices at all"


def price_files(folder: Path) -> list[Path]:
    """The files of a folder that end as price files do, plain or gzip, by name."""
    return sorted([*folder.glob("*.csv"), *folder.glob("*.csv.gz")])


def series_of_file(name: str) -> tuple[str, Timeframe] | None:
    """Ticker and timeframe of a price file's name; None when it is not one of FILE_NAMES, with or without .gz."""
    named = _FILE_NAME.fullmatch(name)
    return (named[1], cast(Timeframe, named[2] or _UNNAMED)) if named else None
