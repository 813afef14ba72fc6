"""What is odd about bars that are sound one by one: gaps, jumps, stale ends; and what a new version changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import sub

from adapters.prices.bar_times import CLOSE_OFFSET_S
from adapters.prices.bars import Bars, bar_date
from adapters.prices.findings import Finding, listed
from adapters.prices.sessions import DAY_S, bars_per_year

SPLITS = (2, 3, 4, 5, 7, 8, 10, 15, 20, 25, 30, 50, 100)
SPLIT_TOLERANCE = 0.03  # of a jump's factor around a whole one: what a price moves on the day of a split
FRACTIONAL_SPLITS = (3 / 2, 4 / 3, 5 / 4)
# Prices fall by a fifth to a third without a split, too, but rarely overnight: of 120,000 adjusted bars of 34 stocks,
# 1995 to 2018, 5 opened this near to such a part of the close before, and 11 closed there.
FRACTION_TOLERANCE = 0.02
LEAST_SPACED = 4  # bars that show how far apart they are; fewer may all have weekends and holidays between them
LARGEST_STEP = 0.5  # change of a close from bar to bar, as a fraction, above which it is worth a look
STALE_BARS = 10  # equal closes at the end: a delisted ticker, or a feed that stands still


def oddities(bars: Bars) -> list[Finding]:
    """Warnings about a whole series, none of which refuses it."""
    found = [*_spacing(bars), *_gaps(bars), *_jumps(bars), *_volumes(bars), *_stale_end(bars)]
    return [Finding("warning", text) for text in found]


def _spacing(bars: Bars) -> Iterator[str]:
    """A file of another timeframe: three quarters of its bars, so that neither weekends nor gaps count, say which."""
    if len(bars) < LEAST_SPACED:
        return
    steps = sorted(map(sub, bars.times[1:], bars.times))
    apart = steps[len(steps) // 4]
    length = DAY_S if bars.timeframe == "1d" else CLOSE_OFFSET_S[bars.timeframe]
    if apart != length:
        known = f"bars of {bars.timeframe} are {_duration(length)} apart, and these {_duration(apart)}"
        yield f"{known}: is it the timeframe of the file? A year is counted as {bars_per_year(bars.times):,} of them"


def _duration(seconds: int) -> str:
    return str(timedelta(seconds=seconds)).removesuffix(", 0:00:00")


def _gaps(bars: Bars) -> Iterator[str]:
    """Sessions of the exchange that daily bars leave out; tickers that trade at weekends trade every day."""
    if bars.timeframe != "1d" or len(bars) < 2:
        return
    held = {_day(seconds) for seconds in bars.times}
    expected = _sessions(min(held), max(held), weekends=any(day.weekday() > 4 for day in held))
    missing = [day for day in expected if day not in held]
    extra = sorted(held - set(expected))
    if missing:
        yield f"a session of the exchange has no bar, {_times(len(missing))}: {listed(missing)}"
    if extra:
        yield f"a bar on a day on which the New York exchange was closed, {_times(len(extra))}: {listed(extra)}"


def _sessions(first: date, last: date, *, weekends: bool) -> list[date]:
    """Days from first to last on which New York trades, or all of them."""
    from holidays import financial_holidays  # 30 ms that only a load pays

    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if weekends:
        return days
    closed = financial_holidays("NYSE", years=range(first.year, last.year + 1))
    return [day for day in days if day.weekday() < 5 and day not in closed]


def _jumps(bars: Bars) -> Iterator[str]:
    opens, _, _, closes = bars.prices
    splits, large = [], []
    for before, opening, after, time in zip(closes, opens[1:], closes[1:], bars.times[1:], strict=False):
        factor = after / before
        if _is_split(factor) or _is_fractional_split(before / opening):
            splits.append(f"{bar_date(time, bars.timeframe)} (×{factor:.3g})")
        elif abs(factor - 1) > LARGEST_STEP:
            large.append(f"{bar_date(time, bars.timeframe)} ({(factor - 1) * 100:+.0f}%)")
    if splits:
        yield f"a jump looks like a split, {_times(len(splits))}, so the prices may not be adjusted: {listed(splits)}"
    if large:
        yield f"a close moved by over {LARGEST_STEP:.0%} in one bar, {_times(len(large))}: {listed(large)}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _is_split(factor: float) -> bool:
    """Whether a close changed by a whole factor, up or down."""
    ratio = max(factor, 1 / factor)
    return any(abs(ratio / whole - 1) < SPLIT_TOLERANCE for whole in SPLITS)


def _is_fractional_split(fall: float) -> bool:
    """Whether a bar opened at 2/3, 3/4 or 4/5 of the close before."""
    return any(abs(fall / part - 1) < FRACTION_TOLERANCE for part in FRACTIONAL_SPLITS)


def _volumes(bars: Bars) -> Iterator[str]:
    silent = sum(not volume for volume in bars.volume)
    if 0 < silent < len(bars):
        yield f"no volume in {silent:,} of {len(bars):,} bars"


def _stale_end(bars: Bars) -> Iterator[str]:
    closes = bars.prices[3]
    equal = next((number for number, close in enumerate(reversed(closes)) if close != closes[-1]), len(closes))
    if equal >= STALE_BARS:
        yield f"the last {equal:,} closes are equal: is the series still alive?"


@dataclass(frozen=True, slots=True)
class Changes:
    """How a version differs from the one before: bars by date, and the largest revision of a close, in percent."""

    added: int
    revised: list[str]
    removed: list[str]
    largest_pct: float

    def findings(self) -> list[Finding]:
        """Warnings: history that is rewritten, or shortened."""
        texts = []
        if self.revised:
            by = f"by up to {self.largest_pct:.3g}% of the close"
            texts.append(f"{len(self.revised):,} bars differ from the current version, {by}: {listed(self.revised)}")
        if self.removed:
            texts.append(f"{len(self.removed):,} bars of the current version are missing: {listed(self.removed)}")
        return [Finding("warning", text) for text in texts]


def changes(bars: Bars, before: Bars) -> Changes:
    """What `bars` change of the version `before`."""
    now, then = _by_time(bars), _by_time(before)
    common = [time for time in before.times if time in now]
    revised = [time for time in common if now[time] != then[time]]
    largest = max((abs(now[time][3] / then[time][3] - 1) * 100 for time in revised), default=0.0)
    removed = [time for time in before.times if time not in now]
    named = [[bar_date(time, bars.timeframe) for time in times] for times in (revised, removed)]
    return Changes(len(bars) - len(common), named[0], named[1], largest)


def _by_time(bars: Bars) -> dict[int, tuple[float, ...]]:
    scale, volume_scale = 10**bars.price_decimals, 10**bars.volume_decimals
    columns = zip(*bars.prices, bars.volume, strict=True)
    rows = ((*(price / scale for price in row[:4]), row[4] / volume_scale) for row in columns)
    return dict(zip(bars.times, rows, strict=True))


def _day(seconds: int) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()
