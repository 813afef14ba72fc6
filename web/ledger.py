"""The ledger of trials: the number of rules that were tried on each price series, as JSON and as a page."""

from flask import Blueprint, Response, render_template

from adapters.studies.ledger import list_ledger
from contracts.timeframes import TIMEFRAMES
from web.api import Argument, arguments, conditional, limit, operation
from web.app import ask_database
from web.formats import one_of, ticker_symbol

api = Blueprint("ledger_api", __name__)
pages = Blueprint("ledger", __name__)

MOST_SERIES, LISTED_SERIES = (
    200,
    50,
)  # in one answer, at most and by default; those with the most trials
LIMIT = limit(MOST_SERIES, LISTED_SERIES)
ASKS = (
    LIMIT,
    Argument("ticker", ticker_symbol, "of the series"),
    Argument("timeframe", one_of(*TIMEFRAMES), "of the series"),
)


@api.get("/api/ledger")
@operation("200 Ledger: series, those with the most trials first", asks=ASKS)
def ledger() -> Response:
    """Count the rules that were tried on each price series, by everybody and by each actor."""
    selected = {name: value for name, value in arguments().items() if value}
    return conditional({"series": ask_database(list_ledger, **selected)})


@pages.get("/ledger")
@operation(asks=(LIMIT,))
def page() -> str:
    """Show the series on which most rules were tried: ?limit=200."""
    length, most = arguments()["limit"], MOST_SERIES
    series = ask_database(list_ledger, length)
    return render_template("ledger.html", series=series, length=length, most=most)
