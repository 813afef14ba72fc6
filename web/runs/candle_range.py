"""Which candles of a run are shown: all of them, or those of a range of days."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from adapters.results.curves import FillBars
from contracts.errors import InvalidRequest
from contracts.run_result import RunResult
from web.arguments import day, reading_arguments
from web.runs.charts import candles_svg
from web.runs.view import ChartView

QUICK_DAYS = (("1M", 31), ("3M", 92), ("6M", 183), ("1Y", 365), ("3Y", 1096))
NO_BARS = Markup('<p class="empty"><strong>No bars in this range</strong>Choose dates inside the run.</p>')


@dataclass(frozen=True, slots=True)
class CandleRange:
    """The candles that are shown: from `first` to `last` (None: all), the last day, and the quick ranges."""

    first: str | None
    last: str | None
    end: str
    quick: list[tuple[str, str | None]]


def candle_range(result: RunResult, arguments: Mapping[str, str]) -> CandleRange:
    """The range that the arguments ask for; InvalidRequest when it is none."""
    with reading_arguments(arguments) as read:
        first, last = (_text(read(name, day, None)) for name in ("from", "to"))
    if first and last and first > last:
        raise InvalidRequest({"to": f"{last} is before {first}"})
    end = (result.equity_curve or [{"date": result.request["end_date"], "equity": 0.0}])[-1]["date"][:10]
    quick = [(text, (date.fromisoformat(end) - timedelta(days=days)).isoformat()) for text, days in QUICK_DAYS]
    return CandleRange(first, last, end, [*quick, ("All", None)])


def _text(moment: date | None) -> str | None:
    return moment.isoformat() if moment else None


def ranged_candles(result: RunResult, fills: Sequence[FillBars], shown: CandleRange) -> ChartView:
    """The candles of a range, drawn here whether or not there is a picture of all of them."""
    days = [candle["date"][:10] for candle in result.price_candles or []]
    bars = range(bisect_left(days, shown.first or ""), bisect_right(days, shown.last or "9999"))
    span = f"{days[bars[0]]} to {days[bars[-1]]}" if bars else "no bars"
    alt = f"Candles of {result.request['ticker']}, {span}, with the orders among them."
    svg = candles_svg(result, fills, bars, alt) if bars or not days else NO_BARS
    return ChartView("candlestick", alt, svg)
