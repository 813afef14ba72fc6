"""Spelling of tickers: as people write them, and as they are stored."""

from contracts.values import Json, Values

TICKER_FIELDS = ("ticker", "benchmark")  # of a request


def normalize_ticker(text: str) -> str:
    """Return a ticker as prices are stored under it: AAPL for " aapl ". Other alphabets are not changed."""
    return text.strip().upper() if text.isascii() else text


def normalize_tickers(values: Values) -> Json:
    """Return a request with its tickers normalized."""
    return {
        name: normalize_ticker(value)
        if name in TICKER_FIELDS and isinstance(value, str)
        else value
        for name, value in values.items()
    }
