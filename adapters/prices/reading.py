"""A price file becomes bars: what it means is worked out, said, and checked line by line."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import compress

import numpy as np

from adapters.prices.bars import LEAST_DECIMALS, MOST_DIGITS, Bars, Whole
from adapters.prices.cells import (
    ambiguous_cell,
    number,
    writes_decimal_comma,
)
from adapters.prices.dates import Dates
from adapters.prices.findings import Faults, Finding, lines_in_words, listed, refuse
from adapters.prices.meaning import Meaning as Meaning
from adapters.prices.meaning import doubts, settled
from adapters.prices.table import NAME, Table, read_table
from contracts.timeframes import Timeframe

MOST = Decimal(10**MOST_DIGITS)  # of a price or a volume
LEAST = 1 / MOST  # of a price
ADJUSTED_DIGITS = 7  # significant ones that the lowest adjusted price keeps
_EXACT = Context(prec=5 * MOST_DIGITS)  # what LEAST, MOST and the ratio of both make of a price
MOST_NAMES = 20  # of columns that are left out
PRICES = ("open", "high", "low", "close")
NULLS = frozenset({"", "null", "nan", "n/a", "-", "."})
TWICE = {"1d": "on one day", "1w": "in one week"}


@dataclass(slots=True)
class Reading:
    """The bars of a file, how it was taken and what it looks like, what was done to it, and what is odd about it."""

    bars: Bars
    meaning: Meaning
    looks: str
    done: list[str]
    warnings: list[Finding] = field(default_factory=list)


@dataclass(slots=True)
class _Rows:
    """The rows of a file while they are made into bars."""

    lines: list[int]
    times: list[int]
    columns: dict[str, list[Decimal]]


def read_prices(content: bytes, meaning: Meaning) -> Reading:
    """The bars of a CSV; Refused names every fault with its line."""
    table = read_table(content)
    done: list[str] = []
    warnings: list[Finding] = []
    if table.ignored:
        done.append(
            f"columns left out: {listed([name[:NAME] for name in table.ignored], MOST_NAMES)}"
        )
    table = _without_nulls(table, warnings)
    dates = Dates(table)
    meaning = settled(meaning, dates.looks)
    warnings += [Finding("warning", each) for each in doubts(meaning, dates.looks)]
    rows = _Rows(list(table.lines), *_columns(table, dates, meaning, warnings))
    if len(rows.times) > 1 and rows.times[0] > rows.times[-1]:
        rows = _reversed(rows)
        done.append("newest first in the file: turned round")
    done += _adjust(rows, meaning)
    _check_rows(rows, meaning.timeframe)
    return Reading(
        _bars(rows, meaning.timeframe),
        meaning,
        dates.looks.in_words(meaning.timeframe),
        done,
        warnings,
    )


def _without_nulls(table: Table, warnings: list[Finding]) -> Table:
    """The table without rows that have no prices at all, as Yahoo writes days without trading."""
    places = [table.columns[name] for name in PRICES if name in table.columns]
    kept = [
        any(row[place].strip().lower() not in NULLS for place in places) for row in table.rows
    ]
    if all(kept):
        return table
    left_out = [line for line, keep in zip(table.lines, kept, strict=True) if not keep]
    if len(left_out) == len(kept):
        raise refuse("no row has a price", table.lines[0])
    warnings.append(
        Finding("warning", f"rows without prices left out: {lines_in_words(left_out)}")
    )
    return replace(
        table, rows=list(compress(table.rows, kept)), lines=list(compress(table.lines, kept))
    )


def _columns(
    table: Table, dates: Dates, meaning: Meaning, warnings: list[Finding]
) -> tuple[list[int], dict[str, list[Decimal]]]:
    """The times of the bars, and their numbers by column."""
    faults = Faults()
    times = dates.times(table.lines, meaning, faults)
    columns = _numbers(table, faults, warnings)
    faults.check()
    if missing := [name for name in PRICES if name not in columns]:
        warnings.append(
            Finding(
                "warning",
                f"no column for {listed([_TITLES[name] for name in missing])}: {_TAKEN}",
            )
        )
        _fill(columns)
    if "volume" not in columns:
        columns["volume"] = [Decimal(0)] * len(times)
        warnings.append(
            Finding(
                "warning",
                "no column for Volume: taken as 0, so rules that read volume say nothing",
            )
        )
    return times, columns


_TAKEN = "an open is taken as the close, a high and a low as the higher and the lower of the two"


def _fill(columns: dict[str, list[Decimal]]) -> None:
    """Put in the prices that the file lacks."""
    ends = columns.setdefault("open", list(columns["close"])), columns["close"]
    columns.setdefault("high", [max(both) for both in zip(*ends, strict=True)])
    columns.setdefault("low", [min(both) for both in zip(*ends, strict=True)])


def _numbers(table: Table, faults: Faults, warnings: list[Finding]) -> dict[str, list[Decimal]]:
    names = [name for name in _TITLES if name in table.columns]
    comma = writes_decimal_comma({name: table.column(name) for name in names}, table.delimiter)
    columns = {}
    for name in names:
        column = table.column(name)
        # prices repeat: one number for all of one text
        meant = {cell: number(cell, comma) for cell in set(column)}
        if cell := ambiguous_cell(meant, table.delimiter):
            unsure = "nothing in its column tells separators of thousands from those of decimals"
            warnings.append(
                Finding(
                    "warning", f"{_TITLES[name]} {cell!r} is read as {meant[cell]:f}; {unsure}"
                )
            )
        columns[name] = _in_range(
            name, zip(column, map(meant.get, column), table.lines, strict=True), faults
        )
    return columns


def _in_range(
    name: str, cells: Iterable[tuple[str, Decimal | None, int]], faults: Faults
) -> list[Decimal]:
    volume, title, found = name == "volume", _TITLES[name], []
    least, wanted = (
        (Decimal(0), "at least 0") if volume else (LEAST, f"above 0 (1e-{MOST_DIGITS} or more)")
    )
    for cell, value, line in cells:
        if value is None and volume and cell.lower() in NULLS:
            found.append(least)
        elif value is None:
            faults.add(line, f"{title} {{!r}} is not a number", cell[:NAME])
        elif least <= value < MOST:
            found.append(value)
        else:
            faults.add(
                line,
                f"{title} {{}} is out of range: {wanted} and below 1e{MOST_DIGITS}",
                cell[:NAME],
            )
    return found


_TITLES = {name: name.capitalize() for name in PRICES} | {
    "adjusted": "Adj Close",
    "volume": "Volume",
}


def _reversed(rows: _Rows) -> _Rows:
    return _Rows(
        rows.lines[::-1],
        rows.times[::-1],
        {name: values[::-1] for name, values in rows.columns.items()},
    )


def _adjust(rows: _Rows, meaning: Meaning) -> list[str]:
    """Multiply whole bars by Adj Close / Close, if that is wanted; what was done, in a sentence."""
    adjusted = rows.columns.pop("adjusted", None)
    if adjusted is None:
        return []
    if not meaning.adjust:
        return ["Adj Close left out, as asked: prices are as they were quoted"]
    ratios = [
        after / before for after, before in zip(adjusted, rows.columns["close"], strict=True)
    ]
    if all(ratio == 1 for ratio in ratios):
        return ["Adj Close is Close on every bar: nothing to adjust"]
    step = Decimal(1).scaleb(min(values.adjusted() for values in adjusted) - ADJUSTED_DIGITS + 1)
    for name in PRICES:  # rounding is monotonic: High stays the highest
        pairs = zip(rows.columns[name], ratios, strict=True)
        rows.columns[name] = [
            (price * ratio).quantize(step, ROUND_HALF_EVEN, _EXACT) for price, ratio in pairs
        ]
    least, most = min(ratios), max(ratios)
    return [
        f"prices of whole bars multiplied by Adj Close / Close, {least:.4f} to {most:.4f}; volumes as they are"
    ]


def _check_rows(rows: _Rows, timeframe: Timeframe) -> None:
    """Refused with every bar that is out of order, repeated, or impossible."""
    faults = Faults()
    named = f"two bars {TWICE.get(timeframe, 'at one time')}"
    for before, after, line in zip(rows.times, rows.times[1:], rows.lines[1:], strict=False):
        if after == before:
            faults.add(line, f"Date appears twice: {named}")
        elif after < before:
            faults.add(
                line,
                "Date is before that of the row above; the dates must ascend, or descend, throughout",
            )
    for bar in zip(rows.lines, *(rows.columns[name] for name in PRICES), strict=True):
        if fault := _bar_fault(*bar[1:]):
            faults.add(bar[0], *fault)
    faults.check()


def _bar_fault(
    open_: Decimal, high: Decimal, low: Decimal, close: Decimal
) -> tuple[str, Decimal, Decimal] | None:
    if high < max(open_, close, low):
        return (
            "High {} is below the highest of Open, Low and Close ({})",
            high,
            max(open_, close, low),
        )
    if low > min(open_, close):
        return "Low {} is above the lowest of Open and Close ({})", low, min(open_, close)
    return None


def _bars(rows: _Rows, timeframe: Timeframe) -> Bars:
    prices = [rows.columns[name] for name in PRICES]
    values = set().union(*prices)
    if max(values) >= MOST:
        raise refuse(f"Adj Close / Close makes prices of 1e{MOST_DIGITS} and more")
    decimals = _decimals(values, LEAST_DECIMALS)
    volume_decimals = _decimals(set(rows.columns["volume"]), 0)
    scaled = tuple(_scaled(column, decimals) for column in prices)
    if min(column.min() for column in scaled) <= 0:
        raise refuse(
            f"the lowest price is below 1e-{decimals}, the smallest that fits beside the highest"
        )
    volume = _scaled(rows.columns["volume"], volume_decimals)
    return Bars(
        timeframe, np.array(rows.times, np.int64), scaled, volume, decimals, volume_decimals
    )


def _decimals(values: Set[Decimal], least: int) -> int:
    """Decimals that hold all values exactly, as far as a number of 15 digits can."""
    needed = max(-int(value.normalize().as_tuple().exponent) for value in values)
    room = MOST_DIGITS - 1 - max(max(values).adjusted(), 0)
    return max(0, min(max(needed, least), room))


def _scaled(values: Sequence[Decimal], decimals: int) -> Whole:
    whole = {
        value: int(value.scaleb(decimals).to_integral_value(ROUND_HALF_EVEN))
        for value in set(values)
    }
    return np.fromiter(map(whole.__getitem__, values), np.int64, len(values))
