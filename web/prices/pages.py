"""Prices as pages: all series with loading, and one series with its versions."""

from functools import partial

from flask import Blueprint, render_template
from markupsafe import Markup

from adapters.prices.bars import Bars
from adapters.prices.candles import candles
from adapters.store.database import reading
from adapters.store.prices import Version, run_counts, version_counts, versions_of
from web.platform import platform
from web.prices.api import named_series
from web.request_fields import FIELDS
from web.runs.charts import candle_plot, joined
from web.svg_plot import drawn_twice

blueprint = Blueprint("prices_pages", __name__)

SHOWN_BARS = 250  # of the chart of a series: a year of days
PLOT_SIZE = (1000, 300)


@blueprint.get("/prices")
def listed() -> str:
    """Every series with its range, and the way to load more."""
    held = [each for ranges in platform().prices.all().values() for each in ranges.values()]
    with reading(platform().engine) as connection:
        counts = version_counts(connection)
    offered = {"max_mb": platform().settings.max_prices_mb, "timeframes": FIELDS["timeframe"].choices}
    return render_template("prices/list.html", series=held, version_counts=counts, **offered)


@blueprint.get("/prices/<ticker>/<timeframe>")
def page(ticker: str, timeframe: str) -> str:
    """One series: its latest bars, and its versions with what each changed and how many runs read it."""
    with reading(platform().engine) as connection:
        versions = versions_of(connection, *named_series(ticker, timeframe))
        counts = run_counts(connection, [each.data_hash for each in versions])
    current = next(each for each in versions if each.is_current)
    draw = partial(candle_chart, platform().prices.bars(current.data_hash), current)
    return render_template(
        "prices/series.html",
        current=current,
        versions=versions,
        run_counts=counts,
        charts=drawn_twice(draw, PLOT_SIZE),
    )


def candle_chart(bars: Bars, held: Version, size: tuple[int, int]) -> Markup:
    """The latest candles of a series."""
    shown, _ = joined(candles(bars, held.first_date, held.last_date)[-SHOWN_BARS:])
    ends = f"from {shown[0]['close']:,.2f} on {shown[0]['date'][:10]} to {shown[-1]['close']:,.2f}"
    return candle_plot(shown, size).svg(f"Latest bars of {held.ticker}: {ends} on {shown[-1]['date'][:10]}.")
