"""The ledger of trials: the number of rules that were tried on each price series, as JSON and as a page."""

from flask import Blueprint, Response, render_template

from adapters.studies.ledger import list_ledger
from contracts.timeframes import TIMEFRAMES
from web.api import Argument, arguments, conditional, operation
from web.app import ask_database
from web.formats import one_of, ticker_symbol

api = Blueprint("ledger_api", __name__)
pages = Blueprint("ledger", __name__)

MOST_SERIES = 200  # in one answer, those with the most trials
ASKS = (
    Argument("ticker", ticker_symbol, "of the series"),
    Argument("timeframe", one_of(*TIMEFRAMES), "of the series"),
)


@api.get("/api/ledger")
@operation("200 Ledger: series, those with the most trials first", asks=ASKS)
def ledger() -> Response:
    """Count the rules that were tried on each price series, by everybody and by each actor."""
    series = {name: value for name, value in arguments().items() if value}
    return conditional({"series": ask_database(list_ledger, MOST_SERIES, **series)})


@pages.get("/ledger")
@operation()
def page() -> str:
    """Show the series on which most rules were tried."""
    return render_template("ledger.html", series=ask_database(list_ledger, MOST_SERIES))
