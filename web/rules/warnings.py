"""What a rule without faults is nevertheless unlikely to have been meant to be, in sentences."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from contracts.errors import UnknownTicker
from contracts.values import Values
from rules.catalog import checked_rule
from rules.language import doubts
from web.platform import platform

MARKET = ("ticker", "timeframe", "end_date")  # of a request: the prices that a rule would read


def warnings_about(rule_type: str, params: Values, market: Values) -> Iterator[str]:
    """Doubts about the conditions, and that the prices end before the rule has values; `market` may be anything."""
    rule = checked_rule(rule_type, params)
    if rule_type == "FORMULA":
        yield from doubts(rule.formula)
    name, needed = rule.longest_lookback()
    bars = _bars_until(*(market.get(each) for each in MARKET))
    if bars is not None and bars <= needed:
        yield (
            f"{name} looks back {needed:,} bars before all of it has values, and until {market['end_date']} "
            f"{market['ticker']} has {bars:,}: no signal can come from what needs them"
        )


def _bars_until(ticker: Any, timeframe: Any, end: Any) -> int | None:
    """How many bars a run that ends then may read, those before its start among them; None without such prices."""
    if not all(isinstance(each, str) for each in (ticker, timeframe, end)):
        return None
    try:
        last = date.fromisoformat(end)
        held = platform().prices.get(ticker, timeframe)
    except (ValueError, UnknownTicker):
        return None
    if last >= held.last_date:
        return held.bars
    return len(platform().prices.bars(held.data_hash).between(held.first_date, last))
