"""Sharing of an account: the terms of a portfolio, and how much each order may buy under them.

Sizes follow the engine's arithmetic, within the bounds of an account that legs share.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from math import floor, inf

from engine.engine import BacktestEngine
from engine.simulation import SHARE_ROUNDING

DUST = 1e-9  # of equity; cash that is left by rounding buys nothing
# cash, value of all shorts, equity, calendar days -> interest earned, borrow fee paid
Accrual = Callable[[float, float, float, int], tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class SharingTerms:
    """Terms of one account for many legs.

    terms: terms of an order's fill, as of a run; position_size is money, or percent of the account's equity. mode:
    "shared" (one cash account), "sleeves" (each leg trades its own part of the capital) or "ranked" (see ranked.py).
    In a shared account:
    max_positions: open at once; max_weight_pct: of equity in one ticker; max_gross_pct: of equity in all, longs and
    shorts added, 100 without leverage; each applies when a position is opened. Of sleeves: volatility_bars: weights are
    the inverse of the closes' volatility over so many bars in place of the legs' weights; rebalance: on the first bar
    of each week, month, quarter or year ("weekly", "monthly", "quarterly", "yearly"; else "never"; of ranked legs also
    "ranking"); rebalance_off_pct: also when a weight is off by more points. Of ranked legs: top, bottom: how many are
    bought and sold short; buffer: ranks beyond, to which a position stays; weights: "equal", "inverse_volatility" or
    "score". accrual: interest on cash and cost of shorts, at the first bar of each date.
    """

    terms: BacktestEngine
    mode: str = "shared"
    max_positions: int | None = None
    max_weight_pct: float | None = None
    max_gross_pct: float = 100.0
    volatility_bars: int | None = None
    rebalance: str = "never"
    rebalance_off_pct: float | None = None
    top: int | None = None
    bottom: int | None = None
    buffer: int = 0
    weights: str = "equal"
    accrual: Accrual | None = None

    @cached_property
    def next_open(self) -> bool:
        """True when orders fill at the next bar's open."""
        return self.terms.fill == "next_open"

    @cached_property
    def moment(self) -> str:
        """The moment within a bar at which orders fill: "open" or "close"."""
        return "open" if self.next_open else "close"

    def slipped(self, price: float, buys: bool) -> float:
        """Return a price with slippage, which is against the trade."""
        slippage = self.terms.slippage_bps / 10_000.0
        return price * (1.0 + slippage if buys else 1.0 - slippage)


class BuyingPower:
    """Buying power left for the orders of one bar; each order's budget is a part of the equity before all of them.

    net, gross: the value of all positions, signed and unsigned.
    """

    def __init__(self, sharing: SharingTerms, cash: float, net: float, gross: float) -> None:
        self._terms = terms = sharing.terms
        self._fee_rate = terms.fee_rate
        self._limit = sharing.max_gross_pct / 100.0
        self.cash, self.equity, self.gross = cash, cash + net, gross
        self.budget = terms.position_size
        if terms.size_type == "percent":
            self.budget = self.equity * terms.position_size / 100.0

    def affordable(
        self, price: float, limit: float = inf, in_ticker: float = 0.0
    ) -> tuple[float, str]:
        """Return the number of shares and the bound that limits it, the reason of a left-out order when that is 0.

        Of bounds that differ only by rounding the first counts: size, cash, max_gross, max_weight.
        limit: largest part of equity in this ticker, as a fraction. in_ticker: value of the positions in it.
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
        shares = tradable(shares, self._terms)
        return (shares if shares > least else 0.0), reason

    def _caps(self, price: float, limit: float, in_ticker: float) -> Iterator[tuple[float, str]]:
        """Yield the shares that each bound on positions leaves, and its name."""
        yield self._cap(price, self._limit, self.gross), "max_gross"
        if limit < inf:
            yield self._cap(price, limit, in_ticker), "max_weight"

    def _cap(self, price: float, limit: float, used: float) -> float:
        """Return the shares that a bound leaves; limit: a fraction of equity after their fee."""
        return (limit * self.equity - used) / (price * (1.0 + limit * self._fee_rate))

    def take(self, value: float, cash: float) -> None:
        """Book a new position of this value, after which `cash` is left."""
        self.cash = cash
        self.gross += value
        self.equity -= self._fee_rate * value


def tradable(shares: float, terms: BacktestEngine) -> float:
    """Return the number of shares that can be traded: rounded down as in the engine, unless fractional."""
    return shares if terms.fractional_shares else float(floor(shares + SHARE_ROUNDING))
