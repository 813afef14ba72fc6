"""Prices as pages: all series with loading, and one series with its versions."""

from flask import Blueprint, render_template

from adapters.prices.looks import ZONES
from adapters.prices.store import run_counts, version_counts, versions_of
from web.platform import ask_database, platform, reading_database
from web.prices.api import named_series
from web.request_fields import FIELDS

blueprint = Blueprint("prices_pages", __name__)


@blueprint.get("/prices")
def listed() -> str:
    """Every series with its range, and the way to load more."""
    held = [each for ranges in platform().prices.all().values() for each in ranges.values()]
    counts = ask_database(version_counts)
    choices = {"timeframes": FIELDS["timeframe"].choices, "zones": ZONES}
    offered = {"max_mb": platform().settings.max_prices_mb, **choices}
    return render_template("prices/list.html", series=held, version_counts=counts, **offered)


@blueprint.get("/prices/<ticker>/<timeframe>")
def page(ticker: str, timeframe: str) -> str:
    """One series: its latest bars, and its versions with what each changed and how many runs read it."""
    with reading_database() as connection:
        versions = versions_of(connection, *named_series(ticker, timeframe))
        counts = run_counts(connection, [each.data_hash for each in versions])
    current = next(each for each in versions if each.is_current)
    return render_template(
        "prices/series.html",
        current=current,
        versions=versions,
        run_counts=counts,
    )
