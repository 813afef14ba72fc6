"""The reason of an order that is left out does not hang on the last bit of what remains."""

import random

import pytest

from engine.engine import BacktestEngine
from portfolio.sharing import BuyingPower, SharingTerms


def long_account(
    rng: random.Random, nudge: float, fee_rate: float = 0.001, position_size: float = 40.0
) -> tuple[BuyingPower, float]:
    """Return a long-only account whose cash is also what max_gross leaves, and its equity."""
    value, cash = rng.uniform(1_000, 90_000), rng.uniform(1, 50)
    engine = BacktestEngine(
        initial_capital=100_000.0,
        fee_rate=fee_rate,
        position_size=position_size,
        size_type="percent",
    )
    return BuyingPower(
        SharingTerms(terms=engine), cash, value, value * (1.0 + nudge)
    ), cash + value


@pytest.mark.parametrize("nudge", [-3e-16, 0.0, 3e-16, 2e-15])
def test_short_cash_is_the_reason_though_max_gross_leaves_as_little(nudge: float) -> None:
    for seed in range(300):
        rng = random.Random(seed)
        account, _ = long_account(rng, nudge)

        assert account.affordable(rng.uniform(60, 500)) == (0.0, "cash_below_one_share"), seed


@pytest.mark.parametrize("nudge", [-3e-16, 0.0, 3e-16, 2e-15])
def test_cash_that_only_rounding_left_is_no_cash(nudge: float) -> None:
    for seed in range(300):
        rng = random.Random(seed)
        account, equity = long_account(rng, nudge)
        account.cash = equity * rng.uniform(-1e-14, 1e-14)
        account.equity, account.gross = equity, equity * (1.0 + nudge)

        assert account.affordable(rng.uniform(60, 500)) == (0.0, "no_cash"), seed


def test_a_size_that_is_the_largest_weight_is_too_small_by_itself() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        percent = rng.uniform(1, 40)
        account, equity = long_account(rng, 0.0, fee_rate=0.0, position_size=percent)
        account.cash, account.gross = equity, 0.0

        affordable = account.affordable(
            equity, limit=percent / 100.0 * (1 + rng.uniform(-2e-15, 2e-15))
        )

        assert affordable == (0.0, "budget_below_one_share"), seed


def test_the_bound_that_leaves_clearly_less_is_the_reason() -> None:
    for seed in range(300):
        rng = random.Random(seed)
        account, equity = long_account(rng, 0.0, fee_rate=0.0)
        used = rng.choice([rng.uniform(0.0, 0.699), rng.uniform(0.701, 0.999)])
        account.cash, account.gross = equity, used * equity

        affordable = account.affordable(equity, limit=0.3)

        assert affordable == (0.0, "max_gross" if used > 0.7 else "max_weight"), seed
