"""How far the price went against and for each trade while it was held."""

from collections.abc import Mapping
from typing import Any

from adapters.prices.bars import Column


def excursions(trade: Mapping[str, Any], high: Column, low: Column) -> dict[str, float]:
    """mae_pct and mfe_pct of a trade, each >= 0, in percent of its entry price, to 4 decimals.

    high, low: (bars,) of the traded bars. They count on bars that the position was held throughout: not on that of an
    entry at the close, nor on that of an exit at the open or at a stop within the bar, where only the fill counts.
    """
    first = trade["entry_bar"] + (trade["entry_at"] == "close")
    after = trade["exit_bar"] + (trade["exit_at"] == "close")
    entry, left = trade["entry_price"], trade["exit_price"]
    lowest = min(entry, low[first:after].min(initial=left))
    highest = max(entry, high[first:after].max(initial=left))
    down, up = float(entry - lowest) / entry * 100.0, float(highest - entry) / entry * 100.0
    against, favourable = (down, up) if trade["side"] == "BUY" else (up, down)
    return {"mae_pct": round(against, 4), "mfe_pct": round(favourable, 4)}
