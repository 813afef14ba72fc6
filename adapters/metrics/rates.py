"""Interest on idle cash and fees for borrowed shares, for the engine's wrapper and for reading a run."""

from decimal import Decimal
from functools import lru_cache

from contracts.values import frozen

DAYS_PER_YEAR = 365


@frozen
class AccountRates:
    """Yearly rates as fractions: fee on the value of shorts, and interest on idle cash; 0 turns each off."""

    borrow_rate: float = 0.0
    cash_rate: float = 0.0

    def __bool__(self) -> bool:
        return bool(self.borrow_rate or self.cash_rate)

    def accrued(self, cash: float, equity: float, days: int) -> tuple[float, float]:
        """Interest earned and borrow fee paid over `days` calendar days, from the account before them.

        A short is worth cash - equity, and that much of the cash is its collateral, so equity is idle; while long or
        flat, cash is. Interest compounds to the yearly rate; the fee is simple. Below zero both are 0.
        """
        if equity < 0.0:
            return 0.0, 0.0
        borrowed, idle = max(cash - equity, 0.0), max(min(cash, equity), 0.0)
        return idle * _growth(
            self.cash_rate, days
        ), borrowed * self.borrow_rate * days / DAYS_PER_YEAR


@lru_cache(maxsize=1024)
def _growth(yearly_rate: float, days: int) -> float:
    """Interest on 1; in decimals, since a power of floats may differ in its last bit on another CPU."""
    return float((1 + Decimal(yearly_rate)) ** (Decimal(days) / DAYS_PER_YEAR) - 1)
