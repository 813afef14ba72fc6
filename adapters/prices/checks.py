"""Warnings about a series of valid bars: gaps, jumps, stale ends; and the changes that a new version makes."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from adapters.prices.bars import (
    CLOSES_ONLY,
    DAY_S,
    WEEKEND_SHARE,
    Column,
    PriceBars,
    Whole,
    bar_dates,
    bars_per_year,
)
from adapters.prices.dates import (
    LEAST_BARS,
    SAMPLE,
    STRAY,
    ZONES,
    Looks,
    duration,
    usual_distance_s,
)
from adapters.prices.table import listed
from adapters.prices.tickers import names_ticker
from contracts.timeframes import BY_DAY, LENGTH_S

SPLITS = (2, 3, 4, 5, 7, 8, 10, 15, 20, 25, 30, 50, 100)
# distance of a jump's factor from a whole one, as a fraction: the move of the price on the day of a split
SPLIT_TOLERANCE = 0.03
FRACTIONAL_SPLITS = (3 / 2, 4 / 3, 5 / 4)
# Prices also fall by a fifth to a third without a split, but rarely overnight: of 120,000 adjusted bars of 34 stocks,
# 1995 to 2018, 5 opened this close to such a fraction of the previous close, and 11 closed there.
FRACTION_TOLERANCE = 0.02
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# bars on one weekday in place of another, as indexes into DAYS, and how their dates are off
SUNDAYS_FOR_FRIDAYS = (6, 4, "the day before")
SATURDAYS_FOR_MONDAYS = (5, 0, "the day after")
SESSIONS_A_WEEK = 5
USUAL_ZONE = "America/New_York"  # of days that show no other
LEAST_SHARE = 0.1  # of the bars, on the wrong weekday
LONGEST_BREAK_DAYS = 7  # of an exchange: from 10 to 17 September 2001
# change of a close from bar to bar, as a fraction, above which a warning is given
LARGEST_STEP = 0.5
# change of an open or close from the previous close, as a fraction; a smaller one is never taken for a split
LEAST_JUMP = 0.1
STALE_BARS = 10  # equal closes at the end: a delisted ticker, or a feed that stands still


def oddities(bars: PriceBars) -> list[str]:
    """Return warnings about a whole series; none of them rejects it."""
    return [*_spacing(bars), *_week(bars), *_gaps(bars), *_jumps(bars), *_columns(bars)]


def _spacing(bars: PriceBars) -> Iterator[str]:
    """Warn of bars that are not spaced as their timeframe is."""
    apart_s, length_s = usual_distance_s(bars.times), LENGTH_S[bars.timeframe]
    if apart_s not in (None, length_s):
        spacing = (
            f"bars are {duration(apart_s)} apart, not {duration(length_s)} as in {bars.timeframe}"
        )
        yield f"{spacing}; check the timeframe. A year counts as {bars_per_year(bars.times):,} bars"


def _week(bars: PriceBars) -> Iterator[str]:
    """Warn of daily bars at weekends in place of the adjacent weekday: dated a day off, or those of Tel Aviv."""
    if bars.timeframe != "1d" or len(bars) < LEAST_BARS:
        return
    counts = np.bincount(_weekdays(bars), minlength=7).tolist()
    for extra, lacking, off in (SUNDAYS_FOR_FRIDAYS, SATURDAYS_FOR_MONDAYS):
        if counts[extra] >= LEAST_SHARE * len(bars) and counts[lacking] <= STRAY * counts[extra]:
            days = f"{counts[extra]:,} bars on {DAYS[extra]}s and {counts[lacking]:,} on {DAYS[lacking]}s"
            yield f"{days}: dates may be wrong, each {off} its session"


def _weekdays(bars: PriceBars) -> Whole:
    """(bars,) 0 for Monday to 6 for Sunday."""
    days: Whole = (bars.times // DAY_S + 3) % 7
    return days


def _gaps(bars: PriceBars) -> Iterator[str]:
    """Warn of long stretches without a daily or weekly bar; tickers that trade at weekends trade every day."""
    if bars.timeframe not in BY_DAY:
        return
    on_weekdays = np.is_busday(bars.timestamps.astype("M8[D]")).all()
    has_weekends = on_weekdays or len(np.unique(_weekdays(bars))) == SESSIONS_A_WEEK
    longest_s = DAY_S * (LONGEST_BREAK_DAYS if has_weekends else 1)
    before = np.flatnonzero(np.diff(bars.times) > longest_s)
    breaks = [" to ".join(bar_dates(bars.times[place : place + 2], "1d")) for place in before]
    if breaks:
        yield f"gap of more than {duration(longest_s)}, {_times(len(breaks))}: {listed(breaks)}"


def _jumps(bars: PriceBars) -> Iterator[str]:
    opens, closes = bars.columns["Open"], bars.columns["Close"]
    factors, falls = closes[1:] / closes[:-1], closes[:-1] / opens[1:]
    places = np.flatnonzero((abs(factors - 1) > LEAST_JUMP) | (abs(falls - 1) > LEAST_JUMP))
    factors, falls = factors[places], falls[places]
    at_close = _are_near(np.maximum(factors, 1 / factors), SPLITS, SPLIT_TOLERANCE)
    # the bar opens at 2/3, 3/4 or 4/5 of the previous close
    at_open = _are_near(falls, FRACTIONAL_SPLITS, FRACTION_TOLERANCE) & ~at_close
    is_split, split_factors = at_close | at_open, np.where(at_open, 1 / falls, factors)
    days = bar_dates(bars.times[places + 1], bars.timeframe)
    jumps = [*zip(days, factors, split_factors, is_split, strict=True)]
    if splits := [f"{day} (×{factor:.3g})" for day, _, factor, split in jumps if split]:
        yield f"possible unadjusted split, {_times(len(splits))}: {listed(splits)}"
    if large := [
        f"{day} ({(factor - 1) * 100:+.0f}%)"
        for day, factor, _, split in jumps
        if not split and abs(factor - 1) > LARGEST_STEP
    ]:
        yield f"close moved more than {LARGEST_STEP:.0%} in one bar, {_times(len(large))}: {listed(large)}"


def _are_near(ratios: Column, targets: Sequence[float], tolerance: float) -> Any:
    """(ratios,) True where a ratio is within `tolerance`, a fraction, of a target."""
    return (abs(ratios[:, np.newaxis] / np.array(targets) - 1) < tolerance).any(axis=1)


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _columns(bars: PriceBars) -> Iterator[str]:
    """Warn of missing volumes, closes that stand still, and a series of closes only."""
    silent = int((bars.volume == 0).sum())
    if 0 < silent < len(bars):
        yield f"no volume in {silent:,} of {len(bars):,} bars"
    closes = bars.prices[3]
    equal = len(closes) - 1 - int(np.flatnonzero(closes != closes[-1]).max(initial=-1))
    if equal >= STALE_BARS:
        yield f"the last {equal:,} closes are equal; the series may have ended"
    if bars.closes_only:
        yield CLOSES_ONLY


def changes(bars: PriceBars, before: PriceBars) -> tuple[dict[str, int], list[str]]:
    """Count the bars added to the version `before`, revised and removed; warn of the revised and removed ones."""
    common, here, there = np.intersect1d(
        bars.times, before.times, assume_unique=True, return_indices=True
    )
    now, then = (
        np.stack([*bars.columns.values()])[:, here],
        np.stack([*before.columns.values()])[:, there],
    )
    differs = (now != then).any(axis=0)
    for name in bars.further.keys() & before.further.keys():
        new, old = bars.further[name][here], before.further[name][there]
        differs |= (new != old) & ~(np.isnan(new) & np.isnan(old))
    missing = np.setdiff1d(before.times, bars.times, assume_unique=True)
    revised, removed = (bar_dates(times, bars.timeframe) for times in (common[differs], missing))
    warnings = []
    if revised:
        largest_pct = abs(now[3] / then[3] - 1)[differs].max() * 100
        by = f"by up to {largest_pct:.3g}% of the close"
        warnings.append(
            f"{len(revised):,} bars differ from the current version, {by}: {listed(revised)}"
        )
    if removed:
        warnings.append(
            f"{len(removed):,} bars of the current version are missing: {listed(removed)}"
        )
    if dropped := [name for name in before.further if name not in bars.further]:
        warnings.append(f"further columns of the current version are missing: {listed(dropped)}")
    added = len(bars) - len(common)
    return {"added": added, "revised": len(revised), "removed": len(removed)}, warnings


def exchange_zone(bars: PriceBars, zone: str | None) -> str:
    """Return the time zone of a series' exchange: that of its file, or the one that the hours of its sessions show.

    Days that show none are New York's, or UTC's for a market that trades at weekends; hours that show none are UTC's.
    """
    if zone and zone != "UTC":
        return zone
    if bars.timeframe in BY_DAY:
        at_weekend = float((~np.is_busday(bars.timestamps.astype("M8[D]"))).mean())
        return zone or ("UTC" if at_weekend > WEEKEND_SHARE else USUAL_ZONE)
    moments = [datetime.fromtimestamp(each, UTC) for each in bars.times[:SAMPLE].tolist()]
    zones = [
        each
        for each in ZONES
        if Looks([moment.astimezone(ZoneInfo(each)) for moment in moments]).zone == each
    ]
    return zones[0] if len(zones) == 1 else "UTC"


def other_tickers(names: Sequence[str], ticker: str) -> list[str]:
    """Warn of each ticker that a file names and that is not the one it is loaded as."""
    return [
        f"the file is for {name} but is loaded as {ticker}"
        for name in names
        if not names_ticker(name, ticker)
    ]
