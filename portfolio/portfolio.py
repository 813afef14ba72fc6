"""Several assets in one account: legs in, fills, contributions and an equity curve out.

The arithmetic is the engine's: orders, prices, whole or fractional shares, fees and stops are those of a run, so that
one leg with the whole account equals its run bit for bit. docs/portfolios.md states each rule in words.
"""

from collections.abc import Sequence

from portfolio.legs import Calendar, Leg
from portfolio.result import PortfolioResult, result_of
from portfolio.sharing import Sharing
from portfolio.walk import Walk


def trade_together(
    sharing: Sharing, legs: Sequence[Leg], liquidate_below_pct: float | None = None
) -> PortfolioResult:
    """What the legs come to in one account.

    liquidate_below_pct: of the initial capital; at the first close with that or less all is sold, and nothing is traded
    afterwards. ValueError without a leg.
    """
    if not legs:
        raise ValueError("legs: at least one is needed, got none")
    calendar = Calendar(legs)
    result = _walked(sharing, legs, calendar, None)
    if liquidate_below_pct is None:
        return result
    passed = result.equity_curve <= sharing.terms.initial_capital * liquidate_below_pct / 100.0
    last = len(calendar) - sharing.next_open  # the last bar has no later open to sell at
    return (
        _walked(sharing, legs, calendar, int(passed.argmax())) if passed[:last].any() else result
    )


def _walked(
    sharing: Sharing, legs: Sequence[Leg], calendar: Calendar, liquidated: int | None
) -> PortfolioResult:
    walk = Walk(sharing, legs, calendar, liquidated)
    walk.go()
    return result_of(sharing, legs, calendar, walk.account)
