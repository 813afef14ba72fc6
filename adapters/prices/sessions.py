"""Assign the clock times of a price file to sessions: the day of a daily bar, and the hour that clocks repeat."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from adapters.prices.bars import Timestamps, Whole

LEAST_BARS = 5  # bars that show on which days of the week a market trades
# share of bars at weekends or on the day of another bar, by the dates as written; fewer are special sessions
LEAST_ODD = 0.01
STRAY = 0.2  # share of those that may remain by the sessions' dates
CLOCK_CHANGE = np.timedelta64(1, "h")
_HOURS = sorted(range(-12, 13), key=abs)


def session_hours(moments: Sequence[datetime]) -> int:
    """Hours to add to the times of daily bars so that their dates are those of the sessions; 0 where they already are.

    A session that begins in the evening belongs to the day after. Its bars are recognised by their days of the week: as
    written some are at weekends or two on one day, with the hours added hardly any; or by clock times on both sides of
    midnight that differ by a clock change alone. One number of hours serves both sides of such a change. Dates without
    a time of day are taken as written: 0.
    """
    if len(moments) < LEAST_BARS or not any(map(has_time, moments)):
        return 0
    clocks: Timestamps = np.array([each.replace(tzinfo=None) for each in moments], "M8[s]")
    shifted: dict[int, Timestamps] = {
        hours: clocks + np.timedelta64(hours, "h") for hours in _HOURS
    }
    spreads = {hours: np.ptp(each - each.astype("M8[D]")) for hours, each in shifted.items()}
    narrowest = min(spreads.values())
    if (
        narrowest <= CLOCK_CHANGE
    ):  # keep shifts under which midnight does not separate the two times
        shifted = {hours: each for hours, each in shifted.items() if spreads[hours] == narrowest}
    odd = {hours: _odd_share(each) for hours, each in shifted.items()}
    best, as_written = min(odd, key=odd.__getitem__), _odd_share(clocks)
    is_clear = as_written >= LEAST_ODD and odd[best] <= STRAY * as_written
    return best if is_clear or (0 not in odd and odd[best] <= as_written) else 0


def has_time(moment: datetime) -> bool:
    """True when a time of day is written; midnight stands for a date alone."""
    return moment.time() != time.min


def _odd_share(clocks: Timestamps) -> float:
    """Share of bars at weekends, plus the share on the day of another bar."""
    days = clocks.astype("M8[D]")
    return float((~np.is_busday(days)).mean()) + 1 - len(np.unique(days)) / len(days)


class SessionDays:
    """Days of a file's daily bars: those of their sessions, or as written.

    moments: of a sample of its bars. zone: of the exchange, if known; it decides for times with an offset, and a
    session that begins there in the evening still belongs to the day after. keep: take the dates as written.
    """

    def __init__(
        self, moments: Sequence[datetime], zone: ZoneInfo | None, *, keep: bool = False
    ) -> None:
        has_times = not keep and any(map(has_time, moments))
        self._zone = zone if has_times else None
        self.hours = session_hours([*map(self._local, moments)]) if has_times else 0
        self.may_differ = bool(self._zone or self.hours)

    @property
    def reason(self) -> str:
        """Reason why the days differ from the dates as written."""
        if not self.hours:
            return f"by the clock of {self._zone}"
        return (
            "sessions begin the evening before"
            if self.hours > 0
            else "the bars are stamped the day after"
        )

    def day(self, moment: datetime) -> datetime:
        """Midnight UTC of the bar's day."""
        local = self._local(moment) + timedelta(hours=self.hours)
        return datetime(local.year, local.month, local.day, tzinfo=UTC)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(self._zone) if self._zone and moment.tzinfo else moment


def repeated_s(second: int, zone: ZoneInfo) -> int:
    """Seconds by which clocks go back if the local time of this UTC time occurs twice, else 0."""
    local = datetime.fromtimestamp(second, zone)
    before, after = local.replace(fold=0).utcoffset(), local.replace(fold=1).utcoffset()
    return int(((before or timedelta()) - (after or timedelta())).total_seconds())


def exists(moment: datetime) -> bool:
    """True when this local time exists; clocks that go forward skip an hour."""
    local = moment.astimezone(UTC).astimezone(moment.tzinfo)
    return local.replace(tzinfo=None) == moment.replace(tzinfo=None)


def in_file_order(times: Whole, zone: ZoneInfo) -> tuple[Whole, Whole]:
    """Move the second pass through each repeated hour after the first; return the times and the indexes moved.

    times: (bars,) seconds since 1970 in the file's order, oldest first, each the first of the two UTC times that its
    clock time may stand for. The second pass begins where the times stop ascending.
    """
    later, places = times.copy(), list[int]()
    for place in np.flatnonzero(np.diff(times) <= 0) + 1:
        back_s = repeated_s(int(times[place]), zone)
        if not back_s or (places and place <= places[-1]):
            continue
        stop = int(place)
        while stop < len(times) and abs(times[stop] - times[place]) < back_s:
            if not repeated_s(int(times[stop]), zone):
                break
            stop += 1
        later[place:stop] += back_s
        places += range(int(place), stop)
    return later, np.array(places, np.int64)
