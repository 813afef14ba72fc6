"""How an account is shared: the terms of a portfolio, and how much each order may buy under them.

A size is the engine's arithmetic, under the bounds of an account that others share.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import floor, inf

from engine.engine import BacktestEngine
from engine.simulation import SHARE_ROUNDING

DUST = 1e-9  # of equity; what rounding leaves of the cash buys nothing
# cash, value of all shorts, equity, calendar days -> interest earned, borrow fee paid
Accrual = Callable[[float, float, float, int], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Sharing:
    """One account for many legs.

    terms: what orders fill under, as of a run; position_size is money, or percent of the account's equity. mode:
    "shared" (one cash account) or "sleeves" (each leg trades its own part of the capital). In a shared account:
    max_positions open at once; max_weight_pct of equity in one ticker; max_gross_pct of equity in all, longs and
    shorts added, 100 without leverage; each holds when a position is opened. Of sleeves: volatility_bars, weights are
    the inverse of the closes' volatility over so many bars instead of the legs' own; rebalance: on the first bar of
    each month, quarter or year ("monthly", "quarterly", "yearly"; else "never"); rebalance_off_pct: also when a weight
    is off by more points than that. accrual: what cash earns and shorts cost, at the first bar of each date.
    """

    terms: BacktestEngine
    mode: str = "shared"
    max_positions: int | None = None
    max_weight_pct: float | None = None
    max_gross_pct: float = 100.0
    volatility_bars: int | None = None
    rebalance: str = "never"
    rebalance_off_pct: float | None = None
    accrual: Accrual | None = None

    @cached_property
    def next_open(self) -> bool:
        """Whether orders fill at the next bar's open."""
        return self.terms.fill == "next_open"

    @cached_property
    def moment(self) -> str:
        """When orders fill within their bar: "open" or "close"."""
        return "open" if self.next_open else "close"

    def slipped(self, price: float, buys: bool) -> float:
        """A price with the slippage, which is against the trade."""
        slippage = self.terms.slippage_bps / 10_000.0
        return price * (1.0 + slippage if buys else 1.0 - slippage)


class Room:
    """What the orders of one bar may still use; the budget of each is of the equity before all of them.

    held, gross: the values of what is held, signed and unsigned.
    """

    def __init__(self, sharing: Sharing, cash: float, held: float, gross: float) -> None:
        self._terms = terms = sharing.terms
        self._fee_rate = terms.fee_rate
        self._limit = sharing.max_gross_pct / 100.0
        self.cash, self.equity, self.gross = cash, cash + held, gross
        self.budget = terms.position_size
        if terms.size_type == "percent":
            self.budget = self.equity * terms.position_size / 100.0

    def affordable(
        self, price: float, limit: float = inf, in_ticker: float = 0.0
    ) -> tuple[float, str]:
        """The number of shares, and what binds it, which is why an order is left out when that is 0.

        Of bounds that differ by rounding alone the first binds: size, cash, max_gross, max_weight.
        limit: the most of equity in this ticker, as a fraction. in_ticker: the value of what is held of it already.
        """
        budget = shares = self.budget / price
        reason, dust = "budget_below_one_share", max(DUST * self.equity / price, 0.0)
        if self._limit <= 1.0:
            cap = self.cash / (price * (1.0 + self._fee_rate))
            if self.cash <= 0.0:
                return 0.0, "no_cash"
            if cap <= shares:
                shares, reason = cap, "no_cash" if cap <= dust else "cash_below_one_share"
        for cap, bound in self._caps(price, limit, in_ticker):
            if cap < shares - dust:
                reason = bound
            shares = min(cap, shares)
        least = 0.0 if shares == budget else dust
        shares = whole(shares, self._terms)
        return (shares if shares > least else 0.0), reason

    def _caps(self, price: float, limit: float, in_ticker: float) -> Iterator[tuple[float, str]]:
        """The shares that the bounds on positions leave, and the name of each bound."""
        yield self._cap(price, self._limit, self.gross), "max_gross"
        if limit < inf:
            yield self._cap(price, limit, in_ticker), "max_weight"

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
