"""Several assets in one account: legs in, fills, contributions and an equity curve out.

The arithmetic is the engine's: orders, prices, whole or fractional shares, fees and stops are those of a run, so that
one leg with the whole account equals its run bit for bit. docs/portfolios.md states each rule in words.
"""

from collections.abc import Sequence

from portfolio.legs import Calendar, Leg
from portfolio.result import PortfolioResult
from portfolio.sharing import Sharing
from portfolio.walk import Walk


def trade_together(
    sharing: Sharing, legs: Sequence[Leg], liquidate_below_pct: float | None = None
) -> PortfolioResult:
    """What the legs, of which there is at least one, come to in one account.

    liquidate_below_pct: of the initial capital; at the first close with that or less all is sold, and nothing is traded
    afterwards.
    """
    calendar = Calendar(legs)
    result = PortfolioResult(Walk(sharing, legs, calendar).walked())
    if liquidate_below_pct is None:
        return result
    passed = result.equity_curve <= sharing.terms.initial_capital * liquidate_below_pct / 100.0
    last = len(calendar) - sharing.next_open  # the last bar has no later open to sell at
    if not passed[:last].any():
        return result
    return PortfolioResult(Walk(sharing, legs, calendar, int(passed.argmax())).walked())
