"""Read a price file into bars: interpret it, report how, check every line, and mend what may be mended."""

import math
import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from decimal import Context, Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from adapters.prices.bars import LEAST_DECIMALS, MOST_DIGITS, PriceBars, Whole
from adapters.prices.cells import (
    VOLUMES,
    ambiguous_cell,
    clock_reader,
    number,
    with_clock,
    writes_decimal_comma,
)
from adapters.prices.dates import BadRows, Dates, in_file_order, repeated_s
from adapters.prices.dates import Meaning as Meaning
from adapters.prices.decoding import decode
from adapters.prices.table import NAME, Faults, Objects, PriceTable, listed, read_table, refuse
from contracts.timeframes import Timeframe

MOST = Decimal(10**MOST_DIGITS)  # a price or a volume is below this
LEAST = 1 / MOST  # the smallest price
ADJUSTED_DIGITS = 7  # significant ones that the lowest adjusted price keeps
_EXACT = Context(
    prec=5 * MOST_DIGITS
)  # digits that LEAST, MOST and the ratio of both can give a price
MOST_FURTHER = 20  # columns in addition to the prices
FLOATS = Decimal("1.7e308")
MOST_NAMES = 20  # names of ignored columns in one sentence
NULLS = frozenset({"", "null", "nan", "none", "na", "n/a", "#n/a", "-", "--", "."})
_TITLES = {"adjusted": "Adj Close", "clock": "Time", "ticks": "Tick volume"}
_NO_CLOCK = "{!r} is not a time of day; use HH:MM"
_UNSURE = "its column does not show whether the separator marks thousands or decimals"
_TAKEN = "Open is set to Close, High and Low to the higher and lower of the two"
_SCIENTIFIC = re.compile(r"-?\d+(\.\d*)?e[+-]?\d{1,3}", re.ASCII)
_DIGITS_ALONE = re.compile("[0-9.,]*")
_MONEY = re.compile(
    r"(?<![^+-])([A-Z]{0,3}[$€£¥₩₹]|(USD|EUR|GBP) )\s*(?=[\d.])|\s*([$€£¥₩₹¢円원]|USD|EUR|GBP)$"
)


@dataclass(slots=True)
class Reading:
    """Bars of a file, how it was interpreted, the impression of its dates, sentences on what was done, and warnings."""

    bars: PriceBars
    meaning: Meaning
    looks: str
    done: list[str]
    warnings: list[str]
    tickers: Sequence[str]  # named by the file, at most one


def read_prices(content: bytes, meaning: Meaning) -> Reading:
    """Read the bars of a CSV; RefusedFile names every fault with its line."""
    text, done = decode(content)
    table = read_table(text)
    done += table.done
    warnings = [*table.warnings]
    table = _with_times(_without_nulls(table, warnings))
    before_dates = len(done)
    dates = Dates(
        table.columns["date"].tolist(), replace(meaning, zone=meaning.zone or table.zone)
    )
    done += [dates.order] if dates.order else []
    warnings += dates.doubts()
    rows = _read(table, dates, warnings)
    done[before_dates:before_dates] = _on_columns(rows)
    done += _choose_volume(rows.columns)
    _fill(rows.columns, warnings)
    times = rows.columns["date"]
    if times[0] > times[-1]:
        rows = rows.part(slice(None, None, -1))
        done.append("rows were newest first; reversed")
    timeframe, zone = dates.meaning.timeframe, dates.clock_zone
    if zone:
        separate_repeated_hours(rows.columns, zone, done)
    rows = mend_rows(rows, dates.meaning.bad_rows, done, warnings)
    check_rows(rows, timeframe, zone)
    done += _adjust(rows.columns, dates.meaning.adjust)
    further: Any = rows.further
    bars = replace(_bars(rows.columns, timeframe), further=further)
    return Reading(
        bars, dates.meaning, dates.looks.in_words(timeframe), done, warnings, table.tickers
    )


def _without_nulls(table: PriceTable, warnings: list[str]) -> PriceTable:
    """Drop rows without any price, as Yahoo writes days without trading."""
    prices = [table.columns[name] for name in PRICES if name in table.columns]
    kept = np.array([any(map(_is_given, cells)) for cells in zip(*prices, strict=True)])
    if kept.all():
        return table
    if not kept.any():
        raise refuse("no row has a price", f"line {table.lines[0]}")
    lines = table.lines[~kept].tolist()
    warnings.append(
        f"skipped rows without prices: line{'s' if len(lines) > 1 else ''} {listed(lines)}"
    )
    return table.part(kept)


def _with_times(table: PriceTable) -> PriceTable:
    """Join times of day from a column of their own with the dates."""
    if "clock" not in table.columns:
        return table
    faults, read = Faults(), clock_reader(table.columns["clock"])
    clocks = _interpret(
        table, "clock", lambda cell: _NO_CLOCK if (clock := read(cell)) is None else clock, faults
    )
    faults.check()
    columns = dict(table.columns)
    days = columns.pop("date")
    del columns["clock"]
    dates = [*map(with_clock, days, clocks)]
    return replace(table, columns={"date": np.array(dates, object), **columns})


def _is_given(cell: str) -> bool:
    return cell.lower() not in NULLS


def _read(table: PriceTable, dates: Dates, warnings: list[str]) -> PriceTable:
    """Interpret the cells: dates as seconds since 1970 UTC, the others as numbers."""
    faults = Faults()
    columns = {"date": _interpret(table, "date", dates.seconds, faults)}
    texts = {name: _plain(cells) for name, cells in table.columns.items() if name != "date"}
    table = replace(table, columns={"date": table.columns["date"], **texts})
    comma = writes_decimal_comma(texts, table.delimiter)
    for name, cells in texts.items():
        if cell := ambiguous_cell(cells, table.delimiter):
            warnings.append(
                f"{_title(name)} {cell!r} is read as {number(cell, comma):f}; {_UNSURE}"
            )
        read = partial(_number, is_volume=name in VOLUMES, comma=comma)
        columns[name] = _interpret(table, name, read, faults)
    faults.check()
    return replace(table, columns=columns, further=_further(table.further, comma))


def _further(texts: Mapping[str, Objects], comma: bool) -> dict[str, Any]:
    """Return the columns of which every cell is blank or a finite number, and one is a number."""
    columns = ((name, [_value(cell, comma) for cell in cells]) for name, cells in texts.items())
    numbers = {name: np.array(values) for name, values in columns if None not in values}
    kept = [name for name, values in numbers.items() if not np.isnan(values).all()]
    return {name: numbers[name] for name in kept[:MOST_FURTHER]}


def _value(cell: str, comma: bool) -> float | None:
    """Return the number of a cell, NaN for a blank one; None if it is neither."""
    if not _is_given(cell):
        return math.nan
    value = number(cell, comma)
    if value is None and _SCIENTIFIC.fullmatch(
        cell
    ):  # as floats are written that are very large or small
        value = Decimal(cell)
    return None if value is None or not abs(value) < FLOATS else float(value)


def _on_columns(table: PriceTable) -> list[str]:
    """Return sentences on the other columns of a file: those that are kept, and those that are not."""
    titles = {table.titles[name] for name in table.further}
    names = [name[:NAME] for name in table.ignored if name not in titles]
    left_out = [f"ignored columns: {listed(names, MOST_NAMES)}"] if names else []
    kept = f"further columns kept: {listed([*table.further], MOST_FURTHER)}"
    return [*left_out, kept] if table.further else left_out


def _plain(cells: Objects) -> Objects:
    """Strip currency signs, and blanks and apostrophes between thousands, from numbers; keep other cells."""
    bare = {cell: text for cell in set(cells) if (text := _bare_number(cell)) != cell}
    return np.array([bare.get(cell, cell) for cell in cells], object) if bare else cells


def _bare_number(cell: str) -> str:
    if _DIGITS_ALONE.fullmatch(cell):
        return cell
    bare = re.sub(r"(?<=\d)[\s'’](?=\d{3}(\D|$))", "", _MONEY.sub("", cell))
    return bare if bare[:1] in "+-.,0123456789" else cell


def _interpret(
    table: PriceTable, name: str, read: Callable[[str], object], faults: Faults
) -> Objects:
    """Interpret a column's cells by `read`, whose result for an invalid cell is a description of the fault."""
    cells = table.columns[name]
    by_cell = {cell: read(cell) for cell in set(cells)}  # prices repeat
    values = np.array([by_cell[cell] for cell in cells], object)
    for fault in {each for each in by_cell.values() if isinstance(each, str)}:
        here = values == fault
        faults.add(
            f"{_title(name)} {fault}", table.lines[here], [cell[:NAME] for cell in cells[here]]
        )
    return values


def _title(name: str) -> str:
    return _TITLES.get(name) or name.capitalize()


def _number(cell: str, is_volume: bool, comma: bool) -> Decimal | str:
    if is_volume and not _is_given(cell):
        return Decimal(0)
    value = number(cell, comma)
    if value is None:
        return "{!r} is not a number"
    if (Decimal(0) if is_volume else LEAST) <= value < MOST:
        return value
    accepted = "at least 0" if is_volume else f"above 0 (1e-{MOST_DIGITS} or more)"
    return f"{{}} is out of range: {accepted} and below 1e{MOST_DIGITS}"


def _choose_volume(columns: dict[str, Objects]) -> list[str]:
    """Use the number of ticks as the volume if the file has no other; return a sentence on it."""
    ticks = columns.pop("ticks", None)
    if ticks is None:
        return []
    if "volume" in columns and columns["volume"].any():
        return ["tick volume ignored; the file has traded volume"]
    columns["volume"] = ticks
    return ["using tick volume; the file has no other"]


def _fill(columns: dict[str, Objects], warnings: list[str]) -> None:
    """Add the columns that the file lacks."""
    if missing := [name.capitalize() for name in PRICES if name not in columns]:
        warnings.append(f"no column for {listed(missing)}: {_TAKEN}")
    close = columns["close"]
    open_ = columns.setdefault("open", close)
    columns.setdefault("high", np.maximum(open_, close))
    columns.setdefault("low", np.minimum(open_, close))
    if "volume" not in columns:
        columns["volume"] = np.full(len(close), Decimal(0))
        warnings.append("no Volume column: set to 0, so rules that use volume give no signals")
    elif not columns["volume"].any():
        warnings.append("no volume in any bar, so rules that use volume give no signals")


def _adjust(columns: dict[str, Objects], is_requested: bool) -> list[str]:
    """Multiply whole bars by Adj Close / Close if requested; return a sentence on it."""
    adjusted = columns.pop("adjusted", None)
    if adjusted is None:
        return []
    if not is_requested:
        return ["Adj Close ignored as requested; prices are unadjusted"]
    ratios = adjusted / columns["close"]
    if (ratios == 1).all():
        return ["Adj Close equals Close on every bar; nothing to adjust"]
    step = Decimal(1).scaleb(min(each.adjusted() for each in adjusted) - ADJUSTED_DIGITS + 1)
    for name in PRICES:  # rounding is monotonic: High stays the highest
        exact = columns[name] * ratios
        columns[name] = np.array(
            [price.quantize(step, context=_EXACT) for price in exact], object
        )
    factors = dict.fromkeys(f"×{each:.4f}" for each in (ratios.min(), ratios.max()))
    return [f"prices scaled by Adj Close ({' to '.join(factors)}); volume unchanged"]


def _bars(columns: dict[str, Objects], timeframe: Timeframe) -> PriceBars:
    prices = [columns[name] for name in PRICES]
    if columns["high"].max() >= MOST:
        raise refuse(f"scaling by Adj Close gives prices of 1e{MOST_DIGITS} or more")
    decimals = _decimals(set().union(*prices), LEAST_DECIMALS)
    volume_decimals = _decimals(set(columns["volume"]), 0)
    scaled = tuple(_scaled(column, decimals) for column in prices)
    if scaled[2].min() <= 0:
        raise refuse(
            f"the lowest price is below 1e-{decimals}, the smallest that fits beside the highest"
        )
    times, volume = columns["date"].astype(np.int64), _scaled(columns["volume"], volume_decimals)
    return PriceBars(timeframe, times, scaled, volume, decimals, volume_decimals)


def _decimals(values: Set[Decimal], least: int) -> int:
    """Number of decimals that hold all values exactly, as far as a number of 15 digits can."""
    needed = max(-int(value.normalize().as_tuple().exponent) for value in values)
    available = MOST_DIGITS - 1 - max(max(values).adjusted(), 0)
    return max(0, min(max(needed, least), available))


def _scaled(values: Objects, decimals: int) -> Whole:
    whole = {value: round(value.scaleb(decimals)) for value in set(values)}
    return np.fromiter(map(whole.__getitem__, values), np.int64, len(values))


PRICES = ("open", "high", "low", "close")
# as a fraction of a price: an error of High or Low up to this comes from rounded floats
ROUNDING = Decimal("1e-9")
_TWICE = {"1d": "on one day", "1w": "in one week"}
_LOADED_WITH = "to load the file anyway, set bad_rows=widen or bad_rows=drop"


def separate_repeated_hours(columns: dict[str, Objects], zone: ZoneInfo, done: list[str]) -> None:
    """Move the second pass through a repeated hour, when clocks go back, after the first, as in the file."""
    times, places = in_file_order(columns["date"].astype(np.int64), zone)
    if len(places):
        columns["date"] = times.astype(object)
        moments = [f"{each}Z" for each in times[places].view("M8[s]").astype(str)]
        done.append(
            f"clocks go back in {zone}: where a clock time appears twice, the second bar counts as the later one, "
            f"{len(places):,} in all: {listed(moments)}"
        )


def mend_rows(
    rows: PriceTable, bad_rows: BadRows, done: list[str], warnings: list[str]
) -> PriceTable:
    """Return the rows with High and Low around Open and Close: rounding errors mended, others treated by `bad_rows`."""
    open_, high, low, close = (rows.columns[name] for name in PRICES)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    bad = (high < top) | (low > bottom)
    off = np.maximum(top - high, low - bottom)
    by_rounding = bad & (off <= ROUNDING * top)
    bad &= ~by_rounding
    if by_rounding.any():
        rows = _widened(rows, by_rounding)
        done.append(
            f"High or Low rounded to Open or Close in {_counted(rows.lines[by_rounding])}"
        )
    if not bad.any() or bad_rows == "refuse":
        return rows
    here = _counted(rows.lines[bad])
    if bad_rows == "widen":
        warnings.append(f"High and Low widened to Open and Close in {here}")
        return _widened(rows, bad)
    if bad.all():
        raise refuse("every row has a High or Low that contradicts its other prices")
    warnings.append(f"skipped rows whose High or Low contradicts their other prices: {here}")
    return rows.part(~bad)


def _counted(lines: Whole) -> str:
    """Format lines for a sentence: `1 row: line 3`, `7 rows: lines 3, 4, 8, 9, 11 and 2 more`."""
    s = "" if len(lines) == 1 else "s"
    return f"{len(lines):,} row{s}: line{s} {listed(sorted(lines.tolist()))}"


def _widened(rows: PriceTable, here: NDArray[np.bool_]) -> PriceTable:
    open_, high, low, close = (rows.columns[name] for name in PRICES)
    widest = {
        "high": np.where(here, np.maximum(np.maximum(open_, close), high), high),
        "low": np.where(here, np.minimum(np.minimum(open_, close), low), low),
    }
    return replace(rows, columns=rows.columns | widest)


def check_rows(rows: PriceTable, timeframe: Timeframe, zone: ZoneInfo | None) -> None:
    """Raise RefusedFile with every bar that is out of order, repeated or impossible."""
    faults = Faults()
    _check_order(rows, timeframe, zone, faults)
    _check_ranges(rows, faults)
    faults.check()


def _check_order(
    rows: PriceTable, timeframe: Timeframe, zone: ZoneInfo | None, faults: Faults
) -> None:
    times, later = rows.columns["date"], rows.lines[1:]
    steps = np.diff(times)
    at_change = np.zeros(len(steps), bool)
    if zone:
        places = np.flatnonzero(steps <= 0)
        at_change[places] = [repeated_s(each, zone) != 0 for each in times[places + 1]]
    faults.add(
        f"Date is not after the row above, in the hour that repeats in {zone} when clocks go back; "
        "write times in UTC or with offsets",
        later[at_change],
    )
    faults.add(
        f"Date appears twice: two bars {_TWICE.get(timeframe, 'at one time')}",
        later[(steps == 0) & ~at_change],
    )
    faults.add(
        "Date is before the row above; dates must ascend or descend throughout",
        later[(steps < 0) & ~at_change],
    )


def _check_ranges(rows: PriceTable, faults: Faults) -> None:
    open_, high, low, close = (rows.columns[name] for name in PRICES)
    highest, lowest = np.maximum(np.maximum(open_, close), low), np.minimum(open_, close)
    under = high < highest
    over = (low > lowest) & ~under
    faults.add(
        f"High {{}} is below the highest of Open, Low and Close ({{}}); {_LOADED_WITH}",
        rows.lines[under],
        high[under],
        highest[under],
    )
    faults.add(
        f"Low {{}} is above the lowest of Open and Close ({{}}); {_LOADED_WITH}",
        rows.lines[over],
        low[over],
        lowest[over],
    )
