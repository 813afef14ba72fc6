"""How much an order may buy: the engine's arithmetic of a size, under the bounds of an account that others share."""

from math import floor, inf

from engine.engine import BacktestEngine
from engine.simulation import SHARE_ROUNDING
from portfolio.sharing import Sharing

DUST = 1e-9  # of equity; what rounding leaves of the cash buys nothing


class Room:
    """What the orders of one bar may still use; the budget of each is of the equity before all of them.

    held, gross: the values of what is held, signed and unsigned.
    """

    def __init__(self, sharing: Sharing, cash: float, held: float, gross: float) -> None:
        self._terms = terms = sharing.terms
        self._fee_rate = float(terms.fee_rate)
        self._limit = sharing.max_gross_pct / 100.0
        self.cash, self.equity, self.gross = cash, cash + held, gross
        self.budget = float(terms.position_size)
        if terms.size_type == "percent":
            self.budget = self.equity * terms.position_size / 100.0

    def affordable(
        self, price: float, limit: float = inf, in_ticker: float = 0.0
    ) -> tuple[float, str]:
        """The number of shares, and what binds it, which is why an order is left out when that is 0.

        limit: the most of equity in this ticker, as a fraction. in_ticker: the value of what is held of it already.
        """
        shares, reason = self.budget / price, "budget_below_one_share"
        if self._limit <= 1.0:
            cap = self.cash / (price * (1.0 + self._fee_rate))
            if self.cash <= 0.0:
                return 0.0, "no_cash"
            if cap <= shares:
                shares, reason = cap, "cash_below_one_share"
        if (cap := self._cap(price, self._limit, self.gross)) < shares:
            shares, reason = cap, "max_gross"
        if limit < inf and (cap := self._cap(price, limit, in_ticker)) < shares:
            shares, reason = cap, "max_weight"
        dust = 0.0 if reason == "budget_below_one_share" else DUST * self.equity / price
        shares = whole(shares, self._terms)
        return (shares if shares > max(dust, 0.0) else 0.0), reason

    def _cap(self, price: float, limit: float, used: float) -> float:
        """The shares that a bound leaves, as a fraction of equity after their fee."""
        return (limit * self.equity - used) / (price * (1.0 + limit * self._fee_rate))

    def take(self, value: float, cash: float) -> None:
        """A position of this value was opened, which left this cash."""
        self.cash = cash
        self.gross += value
        self.equity -= self._fee_rate * value


def whole(shares: float, terms: BacktestEngine) -> float:
    """The number of shares that can be traded: as the engine rounds, unless they are fractional."""
    return shares if terms.fractional_shares else float(floor(shares + SHARE_ROUNDING))
