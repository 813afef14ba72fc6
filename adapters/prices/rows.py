"""Check the rows of a price file, one by one and in their order: mend some faults, refuse the file for others."""

from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from adapters.prices.bars import Whole
from adapters.prices.dates import BadRows
from adapters.prices.sessions import in_file_order, repeated_s
from adapters.prices.table import Faults, Objects, PriceTable, listed, refuse
from contracts.timeframes import Timeframe

PRICES = ("open", "high", "low", "close")
# as a fraction of a price: an error of High or Low up to this comes from rounded floats
ROUNDING = Decimal("1e-9")
_TWICE = {"1d": "on one day", "1w": "in one week"}
_LOADED_WITH = "bad_rows=widen or bad_rows=drop loads the file all the same"


def separate_repeated_hours(columns: dict[str, Objects], zone: ZoneInfo, done: list[str]) -> None:
    """Move the second pass through a repeated hour, when clocks go back, after the first, as in the file."""
    times, places = in_file_order(columns["date"].astype(np.int64), zone)
    if len(places):
        columns["date"] = times.astype(object)
        moments = [f"{each}Z" for each in times[places].view("M8[s]").astype(str)]
        done.append(
            f"clocks go back in {zone}: of bars at one clock time the second is taken as the later one, "
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
            f"High or Low off in its last digits set to Open or Close in {_counted(rows.lines[by_rounding])}"
        )
    if not bad.any() or bad_rows == "refuse":
        return rows
    here = _counted(rows.lines[bad])
    if bad_rows == "widen":
        warnings.append(f"High and Low widened to Open and Close in {here}")
        return _widened(rows, bad)
    if bad.all():
        raise refuse("every row has a High or Low that contradicts its other prices")
    warnings.append(f"rows left out whose High or Low contradicts their other prices: {here}")
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
        f"Date is not after that of the row above, in the hour that clocks of {zone} show twice when they go back; "
        "write the times in UTC or with their offsets",
        later[at_change],
    )
    faults.add(
        f"Date appears twice: two bars {_TWICE.get(timeframe, 'at one time')}",
        later[(steps == 0) & ~at_change],
    )
    faults.add(
        "Date is before that of the row above; the dates must ascend, or descend, throughout",
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
