"""How an account is shared: the terms of a portfolio."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from engine.engine import BacktestEngine

# cash, value of all shorts, calendar days -> interest earned, borrow fee paid
Accrual = Callable[[float, float, int], tuple[float, float]]


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
        slippage = float(self.terms.slippage_bps) / 10_000.0
        return price * (1.0 + slippage if buys else 1.0 - slippage)
