"""How an account is shared: the terms of a portfolio."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.engine import BacktestEngine
from portfolio.legs import Array

MODES = ("shared", "sleeves")
MONTHS = {"never": 0, "monthly": 1, "quarterly": 3, "yearly": 12}

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
    each month, quarter or year; rebalance_off_pct: also when a weight is off by more points than that. accrual: what
    cash earns and shorts cost, at the first bar of each date. ValueError names the argument and what it accepts.
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

    def __post_init__(self) -> None:
        for name, choices in (("mode", MODES), ("rebalance", MONTHS)):
            if (value := getattr(self, name)) not in choices:
                raise ValueError(f"{name}: must be one of {', '.join(choices)}, got {value!r}")
        for name, least in (("max_positions", 1), ("max_weight_pct", 0), ("volatility_bars", 2)):
            if (value := getattr(self, name)) is not None and not value >= max(least, 1e-9):
                raise ValueError(f"{name}: must be a number from {least}, or None, got {value!r}")
        if not self.max_gross_pct > 0:
            raise ValueError(
                f"max_gross_pct: must be a number above 0, got {self.max_gross_pct!r}"
            )

    @property
    def next_open(self) -> bool:
        """Whether orders fill at the next bar's open."""
        return self.terms.fill == "next_open"

    @property
    def longshort(self) -> bool:
        """Whether a sell opens a short position."""
        return self.terms.direction == "longshort"

    @property
    def slippage(self) -> float:
        """Fraction of the price, against the trade."""
        return float(self.terms.slippage_bps) / 10_000.0

    def rebalancing_bars(self, times: Array) -> list[int]:
        """The first bar of each period but the first; times: datetime64, (bars,)."""
        if self.mode != "sleeves" or self.rebalance == "never":
            return []
        periods = times.astype("datetime64[M]").astype(int) // MONTHS[self.rebalance]
        found: list[int] = (np.flatnonzero(np.diff(periods)) + 1).tolist()
        return found
