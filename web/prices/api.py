"""The HTTP API of prices."""

from flask import Blueprint, Response, jsonify

from web.answers import conditional
from web.platform import platform

blueprint = Blueprint("prices", __name__)


@blueprint.get("/api/tickers")
def tickers() -> Response:
    """Tickers with their timeframes and date ranges."""
    listed = [
        {
            "ticker": ticker,
            "timeframes": {
                timeframe: {
                    "first_date": held.first_date.isoformat(),
                    "last_date": held.last_date.isoformat(),
                    "bars": held.bars,
                    "data_hash": held.data_hash,
                }
                for timeframe, held in ranges.items()
            },
        }
        for ticker, ranges in platform().prices.all().items()
    ]
    return conditional(jsonify({"tickers": listed}))
