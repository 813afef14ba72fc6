"""The pages of prices: all series with the upload form, and one series with its versions."""

from flask import Blueprint, render_template

from adapters.prices.looks import ZONES
from adapters.prices.store import current_versions, version_counts
from web.app import ask_database, platform
from web.prices.api import versions_with_runs
from web.titles import FIELDS

blueprint = Blueprint("prices_pages", __name__)


@blueprint.get("/prices")
def listed() -> str:
    """All series with their ranges, and the upload form."""
    return render_template(
        "prices/list.html",
        series=ask_database(current_versions),
        version_counts=ask_database(version_counts),
        max_mb=platform().settings.max_prices_mb,
        timeframes=FIELDS["timeframe"].choices,
        zones=ZONES,
    )


@blueprint.get("/prices/<ticker>/<timeframe>")
def page(ticker: str, timeframe: str) -> str:
    """One series: its latest bars, and its versions with their changes and the number of runs that read each."""
    versions, counts = versions_with_runs(ticker, timeframe)
    return render_template("prices/series.html", versions=versions, run_counts=counts)
