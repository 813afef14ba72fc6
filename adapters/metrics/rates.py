"""What an account earns on idle cash and pays for borrowed shares: for the engine's wrapper, and when a run is read."""

from decimal import Decimal
from functools import lru_cache

from contracts.values import frozen

DAYS_PER_YEAR = 365


@frozen
class AccountRates:
    """Fractions per year: of the value of shorts, and on idle cash; 0 is off."""

    borrow_rate: float = 0.0
    cash_rate: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.borrow_rate or self.cash_rate)

    def accrued(self, cash: float, equity: float, days: int) -> tuple[float, float]:
        """Interest earned and borrow fee paid over so many calendar days, by what the account was before them.

        A short is worth cash - equity, and that much of the cash is its collateral, so equity is what is idle; while
        long or flat it is cash. Interest compounds to the yearly rate; the fee is simple. Below zero both are 0.
        """
        if equity < 0.0:
            return 0.0, 0.0
        borrowed, idle = max(cash - equity, 0.0), max(min(cash, equity), 0.0)
        return idle * _growth(
            self.cash_rate, days
        ), borrowed * self.borrow_rate * days / DAYS_PER_YEAR


@lru_cache(maxsize=1024)
def _growth(yearly_rate: float, days: int) -> float:
    """What 1 earns; by decimals, since a power of floats may differ in its last bit on another CPU."""
    return float((1 + Decimal(yearly_rate)) ** (Decimal(days) / DAYS_PER_YEAR) - 1)
