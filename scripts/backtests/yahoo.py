"""Prices of Yahoo Finance, through the optional package yfinance (`pip install '.[yahoo]'`)."""

from datetime import UTC, date, datetime, timedelta

from backtests.errors import BadInput

INTERVALS = {"1w": "1wk"}  # Yahoo's name of a timeframe, where it differs


def require_yfinance() -> None:
    """Raise BadInput, with the command to install it, when the package is not installed."""
    try:
        import yfinance  # noqa: F401  # 1 s that only --yahoo pays
    except ImportError:
        raise BadInput("--yahoo needs yfinance: pip install -r requirements-yahoo.txt") from None


def yahoo_csv(ticker: str, timeframe: str, since: date) -> bytes:
    """Download prices as quoted, with Adj Close, up to yesterday or Sunday; BadInput when there are none.

    The bars of today and of this week are left out: they are incomplete, and would differ at the next load.
    """
    import yfinance
    from yfinance.exceptions import YFException

    until = datetime.now(UTC).date()
    if timeframe == "1w":
        until -= timedelta(days=until.weekday())
    try:
        frame = yfinance.Ticker(ticker).history(
            start=since,
            end=until,
            interval=INTERVALS.get(timeframe, timeframe),
            auto_adjust=False,
            actions=False,
        )
    except (YFException, OSError) as error:  # OSError: the network's
        raise BadInput(f"Yahoo Finance: {error or type(error).__name__}") from None
    if not len(frame):
        raise BadInput(f"Yahoo Finance: no {timeframe} prices from {since} to {until}")
    return bytes(frame.to_csv().encode())
