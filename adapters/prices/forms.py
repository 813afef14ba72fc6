"""Forms of price files: names and order of the columns by vendor, and the recognition of a header or a first row."""

import csv
import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from contracts.values import frozen

COLUMNS = ("date", "clock", "open", "high", "low", "close", "adjusted", "volume", "ticks", "symbol")  # fmt: skip


class Form(NamedTuple):
    """Form in which a vendor exports prices.

    header: column names as exported, or, of a form without a header, an example of its first row.
    columns: the column that each of them stands for, "-" for those that are not read.
    first: pattern of the date in the first row, of a form without a header.
    footer: pattern of a last line that is no bar.
    """

    name: str
    header: str
    columns: str
    first: str = ""
    footer: str = ""

    def matches_row(self, cells: Sequence[str]) -> bool:
        """True for the first row of a file of this form, if it is one without a header."""
        columns = self.columns.split()
        if not self.first or len(cells) != len(columns):
            return False
        patterns = {"date": self.first, "clock": r"\d{1,2}:\d{2}(:\d{2})?"}
        pairs = zip(cells, columns, strict=True)
        return all(
            re.fullmatch(patterns.get(name, _NUMBER), cell.strip()) for cell, name in pairs
        )


@cache
def meanings(form: Form) -> dict[str, str]:
    """Map each plain name of its header to the column that it stands for."""
    names = map(plain_name, re.split("[,;]", form.header))
    return dict(zip(names, form.columns.split(), strict=True))


_NUMBER = r"\d+([.,]\d*)?([eE][+-]?\d+)?"
_BARCHART = r"Downloaded from Barchart.*"
_OHLCV = "date open high low close volume"
_TIMED = "date clock open high low close volume"
FORMS = (
    Form("plain", "Date,Open,High,Low,Close,Volume", _OHLCV),
    Form("plain, date and time", "Date,Time,Open,High,Low,Close,Volume", _TIMED),
    Form("Yahoo Finance", "Date,Open,High,Low,Close,Adj Close,Volume", "date open high low close adjusted volume"),
    Form("Stooq", "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>", f"symbol - {_TIMED} -"),
    Form("Stooq, Polish", "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen", _OHLCV),
    Form("TradingView", "time,open,high,low,close,Volume", _OHLCV),
    Form("Alpha Vantage", "timestamp,open,high,low,close,volume", _OHLCV),
    Form("backtesting.py", ",Open,High,Low,Close,Volume", _OHLCV),
    Form("tidyquant", "symbol,date,open,high,low,close,volume,adjusted", f"symbol {_OHLCV} adjusted"),
    Form("Tiingo", "date,close,high,low,open,volume,adjClose", "date close high low open volume adjusted"),
    Form("Kaggle's S&P 500", "date,open,high,low,close,volume,Name", f"{_OHLCV} symbol"),
    Form("Polygon", "ticker,volume,open,close,high,low,window_start,transactions",
         "symbol volume open close high low date -"),
    Form("Nasdaq.com", "Date,Close/Last,Volume,Open,High,Low", "date close volume open high low"),
    Form("Barchart", "Symbol,Time,Open,High,Low,Last,Change,%Chg,Volume,Open Int",
         "symbol date open high low close - - volume -", footer=_BARCHART),
    Form("Barchart, one symbol", "Time,Open,High,Low,Latest,Change,%Change,Volume",
         "date open high low close - - volume", footer=_BARCHART),
    Form("FRED", "observation_date,Value", "date close"),
    Form("EODHD", "Date,Open,High,Low,Close,Adjusted_close,Volume", "date open high low close adjusted volume",
         footer=r"\d{1,9}"),
    Form("EODHD, intraday", "Timestamp,Gmtoffset,Datetime,Open,High,Low,Close,Volume",
         "date - - open high low close volume", footer=r"\d{1,9}"),
    Form("MetaTrader 5", "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<TICKVOL>,<VOL>,<SPREAD>",
         "date clock open high low close ticks volume -"),
    Form("MetaTrader 5, Python", "time,open,high,low,close,tick_volume,spread,real_volume",
         "date open high low close ticks - volume"),
    Form("Dukascopy", "Gmt time,Open,High,Low,Close,Volume", _OHLCV),
    Form("Binance", "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
         "taker_buy_quote_volume,ignore", f"{_OHLCV} - - - - - -"),
    Form("CryptoDataDownload", "Unix,Date,Symbol,Open,High,Low,Close", "date - symbol open high low close"),
    Form("CryptoCompare", "time,high,low,open,volumefrom,volumeto,close", "date high low open volume - close"),
    Form("Investing.com", "Date,Price,Open,High,Low,Vol.,Change %", "date close open high low volume -"),
    Form("Investing.com, German", "Datum,Zuletzt,Eröffn.,Hoch,Tief,Vol.,+/- %", "date close open high low volume -"),
    Form("Investing.com, Spanish", "Fecha,Último,Apertura,Máximo,Mínimo,Vol.,% var.",
         "date close open high low volume -"),
    Form("Investing.com, French", "Date,Dernier,Ouv.,Plus Haut,Plus Bas,Vol.,Variation %",
         "date close open high low volume -"),
    Form("Investing.com, Italian", "Data,Ultimo,Apertura,Massimo,Minimo,Vol.,Var. %",
         "date close open high low volume -"),
    Form("Investing.com, Portuguese", "Data,Último,Abertura,Máxima,Mínima,Vol.,Var%",
         "date close open high low volume -"),
    Form("Ariva", "Datum;Erster;Hoch;Tief;Schlusskurs;Stuecke;Volumen", "date open high low close volume -"),
    Form("Onvista, comdirect", "Datum;Eröffnung;Hoch;Tief;Schluss;Volumen", _OHLCV),
    Form("Börse Frankfurt", "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz in Euro;Umsatz in Stück",
         "date open close high low - volume"),
    Form("KRX", "일자,종가,대비,등락률,시가,고가,저가,거래량,거래대금,시가총액,상장주식수",
         "date close - - open high low volume - - -"),
    Form("Naver", "날짜,종가,전일비,시가,고가,저가,거래량", "date close - open high low volume"),
    Form("Yahoo Japan", "日付,始値,高値,安値,終値,出来高,調整後終値", "date open high low close volume adjusted"),
    Form("kabuoji3", "日付,始値,高値,安値,終値,出来高,終値調整値", "date open high low close volume adjusted"),
    Form("Investing.com, Japanese", "日付け,終値,始値,高値,安値,出来高,変化率 %", "date close open high low volume -"),
    Form("Chinese", "日期,开盘,收盘,最高,最低,成交量", "date open close high low volume"),
    Form("Binance, no header", "1704067200000,10,11,9,10,5,1704153599999,50,1,2,20,0",
         f"{_OHLCV} - - - - - -", first=r"\d{13}|\d{16}"),
    Form("Kraken, API", "1704067200,10,11,9,10,10.2,5,1", "date open high low close - volume -", first=r"\d{10}"),
    Form("Kraken", "1704067200,10,11,9,10,5,1", f"{_OHLCV} -", first=r"\d{10}"),
    Form("HistData", "20240102 170000;10;11;9;10;0", _OHLCV, first=r"\d{8} \d{6}"),
    Form("MetaTrader 4", "2024.01.02,17:00,10,11,9,10,5", _TIMED, first=r"\d{4}\.\d{2}\.\d{2}"),
    Form("Kibot", "01/16/2024,10,11,9,10,5", _OHLCV, first=r"\d{1,2}/\d{1,2}/\d{4}"),
    Form("Kibot, intraday", "01/16/2024,09:30,10,11,9,10,5", _TIMED, first=r"\d{1,2}/\d{1,2}/\d{4}"),
    Form("FirstRate", "2024-01-02 09:30:00,10,11,9,10,5", _OHLCV, first=r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}:\d{2})?"),
    Form("no header", "20240102,10,11,9,10,5", _OHLCV, first=r"\d[\d/.-]{7,}([ T]\d{1,2}:[\d:.]+)?"),
    Form("no header, date and time", "20240102,09:30,10,11,9,10,5", _TIMED, first=r"\d[\d/.-]{7,}"),
    Form("no header, no volume", "2024-01-02,10,11,9,10", "date open high low close",
         first=r"\d[\d/.-]{7,}([ T]\d{1,2}:[\d:.]+)?"),
    Form("no header, closes", "2024-01-02,10", "date close", first=r"\d[\d/.-]{7,}([ T]\d{1,2}:[\d:.]+)?"),
)  # fmt: skip
# Further names of a column, the preferred first.
_MORE = {
    "date": "datetime trade_date day bar_time date_time begin start local_time unix unix_timestamp kursdatum index",
    "clock": "time uhrzeit hora 시간 時刻",
    "close": "last settle settlement close_price closing_price kurs value nav rate index_value",
    "volume": "vol volumen volume_traded 거래량 売買高",
    "ticks": "tick_vol tick_count",
    "adjusted": "수정종가 수정주가",
    "symbol": "sym ts_code act_symbol secid instrument ric code stock_code コード 銘柄コード 종목코드 股票代码",
}
# Patterns of names that are not listed above, such as close_adj and Volume BTC.
_PATTERNS = {
    "adjusted": r"(close|closing|last)?(price)?adj(usted|ust)?(close|closing|last)?(price)?",
    "volume": r"volume(?!s?e?w?ma)[a-z]{3,5}",
}
_LOOKS_ADJUSTED = re.compile(
    r"(?=.*adj)(?!.*(factor|ratio|vol))((?=.*clos)|(?!.*(open|high|low|split))).*"
)
# names of further columns; pandas names an index "Unnamed: 0"
_FURTHER = re.compile(r"(?!(open|high|low|close|volume|date|time)$|unnamed)[a-z][a-z0-9_]{0,30}")
_IN_UTC = re.compile("^(utc|gmt)|(utc|gmt)$")


def plain_name(name: str) -> str:
    """Return a column's name in lower case, without accents and numbering: letters, digits and percent signs alone."""
    decomposed = unicodedata.normalize("NFKD", re.sub(r"^\s*\d+\. ", "", name).lower())
    return "".join(letter for letter in decomposed if letter.isalnum() or letter == "%")


def _all_names() -> dict[str, list[str]]:
    """Return all names of each column, from the forms and `_MORE`."""
    pairs = [
        (column, name)
        for form in FORMS
        if not form.first
        for name, column in meanings(form).items()
    ]
    pairs += [(column, plain_name(name)) for column in _MORE for name in _MORE[column].split()]
    return {
        column: list(dict.fromkeys(name for each, name in pairs if each == column))
        for column in COLUMNS
    }


NAMES = _all_names()
_NAMES_OF_NUMBERS = {name for column in COLUMNS[2:8] for name in NAMES[column]}  # open to volume


class Header:
    """Names of a file's columns, and the columns that they stand for.

    form: the one with most of these names. Other columns go by any of their names, of which the first counts.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._plain = [plain_name(name) for name in names]
        fitting = [form for form in FORMS if self._has(form)]
        self.form = max(fitting, key=self._names_of, default=None)
        self.places = self._find_places()

    def _has(self, form: Form) -> bool:
        read = {name for name, column in meanings(form).items() if column != "-"}
        return not form.first and read <= {*self._plain}

    def _names_of(self, form: Form) -> int:
        return len({*meanings(form)} & {*self._plain})

    def _find_places(self) -> dict[str, int]:
        formal = meanings(self.form) if self.form else {}
        free = {name: self._plain.index(name) for name in self._plain}
        if free.get("", 0):  # an unnamed column is that of the dates at the very left only
            del free[""]
        places = {
            column: free.pop(name)
            for name, column in formal.items()
            if column != "-" and name in free
        }
        free = {name: place for name, place in free.items() if name not in formal}
        for column in COLUMNS:
            name = None if column in places else _name_of(column, free)
            if name is not None:
                places[column] = free.pop(name)
        return {column: places[column] for column in COLUMNS if column in places}

    def take_other_as_close(self) -> str:
        """Read the only other column as the closes, which FRED names after the series; return its name."""
        self.places = {"date": self.places["date"], "close": 1 - self.places["date"]}
        return self.names[self.places["close"]]

    @property
    def zone(self) -> str | None:
        """UTC if the name of the date column says so, else None."""
        is_utc = "date" in self.places and _IN_UTC.search(self._plain[self.places["date"]])
        return "UTC" if is_utc else None

    @property
    def is_complete(self) -> bool:
        """True with dates and closes."""
        return {"date", "close"} <= {*self.places}

    def repeated(self) -> list[int]:
        """Indexes of a column that appears twice, also as pandas renames the second: Close and Close.1."""
        plain = [plain_name(re.sub(r"\.\d+$", "", name)) for name in self.names]
        for place in self.places.values():
            same = [each for each, name in enumerate(plain) if name and name == plain[place]]
            if len(same) > 1:
                return same
        return []

    def ignored(self) -> list[int]:
        """Indexes of the columns that are not read."""
        return sorted({*range(len(self.names))} - {*self.places.values()})

    def further(self) -> dict[str, int]:
        """Indexes of the columns that are kept next to the prices if they hold numbers, by the name that they get."""
        formal = meanings(self.form) if self.form else {}
        further: dict[str, int] = {}
        for place in self.ignored():
            name = re.sub("[^a-z0-9]+", "_", self.names[place].strip().lower()).strip("_")
            is_adjusted = _LOOKS_ADJUSTED.fullmatch(self._plain[place])
            if _FURTHER.fullmatch(name) and self._plain[place] not in formal and not is_adjusted:
                further.setdefault(name, place)
        return further

    def looks_adjusted(self) -> list[str]:
        """Names of columns that are not read and look like adjusted closes."""
        return [
            self.names[place]
            for place in self.ignored()
            if _LOOKS_ADJUSTED.fullmatch(self._plain[place])
        ]


def _name_of(column: str, names: Mapping[str, int] | Iterable[str]) -> str | None:
    """Return the plain name, of these, that stands for a column; None if none does."""
    for name in NAMES[column]:
        if name in names:
            return name
    if column == "date":
        return next(
            (name for name in names if _IN_UTC.sub("", name) in NAMES["date"] and name), None
        )
    pattern = _PATTERNS.get(column)
    return next((name for name in names if pattern and re.fullmatch(pattern, name)), None)


def form_of_row(cells: Sequence[str]) -> Form | None:
    """Return the form without a header whose first row matches these cells; None if none does."""
    return next((form for form in FORMS if form.matches_row(cells)), None)


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
    try:
        return next(csv.reader([f"{line}\n"], delimiter=delimiter), [])
    except csv.Error:  # a cell longer than the reader's limit is no number and no name
        return [line]


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
    delimiter = declared or max(DELIMITERS, key=lines[first].count)
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


def _header_at(lines: Sequence[str], number: int, declared: str | None) -> Layout | None:
    """Return the layout of a header in this line; None if it is no header, or the row below is too short for it."""
    text = lines[number].lstrip(f"{COMMENT} ")
    delimiter = declared or max(DELIMITERS, key=text.count)
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
        if ticker and plain_name(column) in _NAMES_OF_NUMBERS and is_ticker_like(ticker):
            return column, ticker
    return name, ""


def _splits(words: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Yield ways to split the words of a name into the column, of at most two words, and the ticker."""
    for count in (2, 1):
        yield " ".join(words[:count]), ".".join(words[count:])
        yield " ".join(words[-count:]), ".".join(words[:-count])
