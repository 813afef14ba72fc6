"""Decimals of money: as many as the account needs, by one rule for JSON, CSV, pages and pictures."""

from math import floor, log10

CENTS = 2
CENTS_FROM = 1000  # initial capital, from which on cents are exact enough
DIGITS = 9  # significant ones that the capital of a smaller account has
MOST_DECIMALS = 20  # that browsers write


def decimals_for(value: float, digits: int) -> int:
    """With how many decimals a number has so many significant digits; below 0 for a larger one."""
    return digits - 1 - floor(log10(abs(value))) if value else 0


def money_decimals(capital: float) -> int:
    """Decimals of profits, fees, cash and equity in an account that began with `capital`.

    2 from 1,000 on; below it as many as give the capital nine significant digits, at most 20: 9 for 0.5, 6 for 100.
    """
    if capital >= CENTS_FROM:
        return CENTS
    return min(max(decimals_for(capital, DIGITS), CENTS), MOST_DECIMALS)


def rounded(value: float, decimals: int) -> float:
    """The value to so many decimals, with no sign before a zero."""
    return round(value, decimals) + 0.0
