"""Decimals of money: as many as the account needs, by one rule for JSON, CSV, pages and charts."""

from math import floor, log10

CENTS = 2
CENTS_FROM = 1000  # initial capital for which cents are exact enough
DIGITS = 9  # significant ones that the capital of a smaller account has
MOST_DECIMALS = 20  # that browsers format


def decimals_for(value: float, digits: int) -> int:
    """Return the decimals that give a number so many significant digits; negative for a larger number."""
    return digits - 1 - floor(log10(abs(value))) if value else 0


def money_decimals(capital: float) -> int:
    """Return the decimals of profits, fees, cash and equity in an account that began with `capital`.

    2 from 1,000 on; below it as many as give the capital nine significant digits, at most 20: 9 for 0.5, 6 for 100.
    """
    if capital >= CENTS_FROM:
        return CENTS
    return min(max(decimals_for(capital, DIGITS), CENTS), MOST_DECIMALS)


def rounded(value: float, decimals: int) -> float:
    """Round a value to so many decimals, without a sign before zero."""
    return round(value, decimals) + 0.0
