"""Find the header of a price file: its line, the delimiter, and the tickers named in it or in the lines around it."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from adapters.prices.forms import NAMES, Form, Header, form_of_row, plain_name
from contracts.values import frozen

DELIMITERS = ",;\t|"
MOST_ABOVE = 50  # non-blank lines among which the header is searched
COMMENT = "#"
TICKER_LIKE = re.compile(r"\^?([A-Z0-9]+|[a-z0-9]+)([.:/=&_-]([A-Z0-9]+|[a-z0-9]+))*")
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_LABELS = {"", "ticker", "tickers", "symbol", "symbols"}  # first cell of a line of tickers
_WORDS = re.compile(r"[^\s_.,'\"()]+")

csv.field_size_limit(sys.maxsize)  # a long cell is a fault of its own line and column


@frozen
class Layout:
    """Header of a file, its line and that of the first row (from 0), the delimiter, and the tickers that it names."""

    header: Header
    line: int
    start: int
    delimiter: str
    tickers: Sequence[str] = ()
    form: Form | None = None  # of a file without a header


def split_line(line: str, delimiter: str) -> list[str]:
    """Split a line into cells; the last one ends with a line break if its quote is not closed."""
    return next(csv.reader([f"{line}\n"], delimiter=delimiter), [])


def find_layout(lines: Sequence[str]) -> Layout:
    """Return the layout by the first line that is a header, else by a form without one, else by the first line."""
    declared, first = None, 0
    texts = [*islice(_texts(lines, 0), MOST_ABOVE)]
    if separator := _SEPARATOR.fullmatch(lines[texts[0]].strip()):
        declared, texts = separator[1], texts[1:] or texts
    for number in texts:
        if layout := _header_at(lines, number, declared):
            return layout
    first = next((each for each in texts if not lines[each].startswith(COMMENT)), texts[0])
    delimiter = declared or _delimiter(lines[first])
    cells = split_line(lines[first], delimiter)
    if form := form_of_row(cells):
        names = [f"column {place + 1}" for place in range(len(cells))]
        header = Header(names)
        header.places = {
            name: place for place, name in enumerate(form.columns.split()) if name != "-"
        }
        return Layout(header, first, first, delimiter, form=form)
    return Layout(Header(cells), first, first + 1, delimiter)


def _texts(lines: Sequence[str], start: int) -> Iterator[int]:
    """Yield the numbers of lines that are not blank."""
    return (number for number in range(start, len(lines)) if lines[number].strip())


def _delimiter(line: str) -> str:
    return max(DELIMITERS, key=line.count)


def _header_at(lines: Sequence[str], number: int, declared: str | None) -> Layout | None:
    """Return the layout of a header in this line; None if it is no header, or the row below is too short for it."""
    text = lines[number].lstrip(f"{COMMENT} ")
    delimiter = declared or _delimiter(text)
    names = split_line(text, delimiter)
    tickers = _tickers(split_line(lines[number - 1], delimiter), names) if number else []
    start, row = number + 1, list[str]()
    for start in _texts(lines, number + 1):
        row = split_line(lines[start], delimiter)
        if below := _tickers(row, names):
            tickers = below
        elif _is_index_line(row):
            names = [row[0], *names[1:]]
        elif not lines[start].startswith(COMMENT):
            break
    else:
        start, row = len(lines), []
    header, others = _read_names(names)
    if not header.is_complete or (row and len(row) <= max(header.places.values())):
        return None
    return Layout(header, number, start, delimiter, [*dict.fromkeys([*tickers, *others])])


def _tickers(row: Sequence[str], names: Sequence[str]) -> list[str]:
    """Return the tickers of a line of tickers alone, which yfinance writes above or below the column names."""
    if len(row) != len(names) or len(row) < 2 or row[0].strip().lower() not in _LABELS:
        return []
    cells = [cell for cell in map(str.strip, row[1:]) if cell]
    are_names = any(plain_name(cell) in NAMES["open"] + NAMES["close"] for cell in cells)
    return [] if are_names or not all(map(is_ticker_like, cells)) else [*dict.fromkeys(cells)]


def _is_index_line(row: Sequence[str]) -> bool:
    """True for the line in which pandas writes the name of the index alone."""
    return (
        len(row) > 1
        and plain_name(row[0]) in NAMES["date"][:3]
        and not any(map(str.strip, row[1:]))
    )


def is_ticker_like(text: str) -> bool:
    """True for a possible ticker, such as BTC/USDT or aapl.us: a word in one case, and no number."""
    return bool(TICKER_LIKE.fullmatch(text) and not re.fullmatch(r"[\d.:/_-]+", text))


def _read_names(names: Sequence[str]) -> tuple[Header, list[str]]:
    """Return the header of these names, and the tickers that they contain or stand for."""
    header = Header(names)
    if header.is_complete:
        return header, []
    is_pair = len(names) == 2 and not {*header.places} - {"date", "adjusted"}
    if (
        is_pair
        and "date" in header.places
        and re.search(r"[^\W\d]", names[1 - header.places["date"]])
    ):
        is_adjusted = "adjusted" in header.places
        name = header.take_other_as_close()
        return header, [name] if is_ticker_like(name) and not is_adjusted else []
    parts = [_without_ticker(name) for name in names]
    return Header([name for name, _ in parts]), [ticker for _, ticker in parts if ticker]


def _without_ticker(name: str) -> tuple[str, str]:
    """Separate a column's name from its ticker, as in AAPL.Open, Close_AAPL and ('Adj Close', 'AAPL')."""
    words = _WORDS.findall(name)
    for column, ticker in _splits(words):
        if ticker and _is_price(plain_name(column)) and is_ticker_like(ticker):
            return column, ticker
    return name, ""


def _splits(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield ways to split the words of a name into the column, of at most two words, and the ticker."""
    for count in (2, 1):
        yield " ".join(words[:count]), ".".join(words[count:])
        yield " ".join(words[-count:]), ".".join(words[:-count])


def _is_price(name: str) -> bool:
    return any(
        name in NAMES[each] for each in ("open", "high", "low", "close", "adjusted", "volume")
    )
