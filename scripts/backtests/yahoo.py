"""Prices of Yahoo Finance, through the optional package yfinance (`pip install '.[yahoo]'`)."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from backtests.errors import BadInput

PAUSES_S = (2.0, 8.0, 30.0)  # before each further try; what it refuses for its rate it grants half a minute later


def require_yfinance() -> None:
    """BadInput, with the way to it, when the package is not installed."""
    try:
        import yfinance  # noqa: F401  # 1 s that only --yahoo pays
    except ImportError:
        raise BadInput(["--yahoo needs yfinance: pip install -r requirements-yahoo.txt"]) from None


def yahoo_csv(
    ticker: str, timeframe: str, since: date, say: Callable[[str], None], sleep: Callable[[float], None]
) -> bytes:
    """Prices as they were quoted, with Adj Close, up to yesterday; BadInput when there are none after all tries.

    Today's bars are left out: they are not complete, and would differ at the next load.
    """
    import yfinance
    from yfinance.exceptions import YFException

    until, reason = datetime.now(UTC).date(), ""
    for pause_s in (*PAUSES_S, None):
        try:
            frame = yfinance.Ticker(ticker).history(
                start=since, end=until, interval=timeframe, auto_adjust=False, actions=False
            )
            if len(frame):
                return bytes(frame.to_csv().encode())
            reason = reason or f"no {timeframe} prices from {since} to {until}"  # after a fault it answers so, too
        except (YFException, OSError) as error:  # OSError: the network's
            reason = str(error) or type(error).__name__
        if pause_s is not None:
            say(f"{ticker}: Yahoo Finance: {reason}; trying again in {pause_s:.0f} s")
            sleep(pause_s)
    raise BadInput([f"Yahoo Finance: {reason}"])
