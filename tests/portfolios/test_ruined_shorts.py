"""Shorts whose prices soar: below zero an account, or a sleeve, pays no borrow fee; runs and portfolios alike."""

from functools import partial

import numpy as np
import pytest

from adapters.metrics.curves import AccountRates
from consumer.kinds.portfolio import _accrue
from consumer.kinds.run_engine import RunEngine, interest_and_fees
from engine.engine import check_bars
from portfolio.legs import Leg
from portfolio.sharing import SharingTerms
from portfolio.walk import trade_together

FIRST = np.datetime64("2020-01-01", "s")
DAY_S = 86_400
RATES = AccountRates(borrow_rate=0.5, cash_rate=0.05)


def terms(rng):
    return RunEngine(
        initial_capital=1_000.0,
        fee_rate=0.001,
        size_type="percent",
        position_size=float(rng.choice([40, 100])),
        fractional_shares=True,
        direction="longshort",
        fill=str(rng.choice(["close", "next_open"])),
        borrow_rate=RATES.borrow_rate,
        cash_rate=RATES.cash_rate,
    )


def leg(rng, number, bars):
    """A leg whose prices rise manifold; it mostly sells, and seldom buys again."""
    drift = rng.choice([-0.02, 0.03, 0.1])
    close = 100 * np.exp(rng.normal(drift, 0.05, bars).cumsum())
    times = FIRST + rng.integers(1, 5, bars).cumsum() * np.timedelta64(DAY_S, "s")
    prices = {"Open": close, "High": close, "Low": close, "Close": close, "Time": times}
    signals = rng.choice([-1, 0, 1], bars, p=[0.3, 0.67, 0.03]).astype(np.int8)
    return Leg(ticker=f"T{number}", times=times, bars=check_bars(prices), signals=signals)


def fees_of(times, values, equity):
    """Borrow fees of pools, by hand: of the shorts in each at the close before, while its equity is not below zero."""
    days = np.diff(times.astype("M8[D]")).astype(int)
    pays = equity[:, :-1] >= 0
    return float((np.maximum(-values[:, :-1], 0) * pays * RATES.borrow_rate * days / 365).sum())


def test_a_run_below_zero_pays_no_fee():
    ruined = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        engine, one = terms(rng), leg(rng, 0, 80)

        result = engine.run(one.bars, lambda _, one=one: one.signals)

        values = result.shares_curve * one.bars.close
        expected = fees_of(one.times, values[None], result.equity_curve[None])
        assert interest_and_fees(result.ledger)[1] == pytest.approx(expected, rel=1e-9), seed
        ruined += result.equity_curve.min() < 0
    assert ruined > 20


@pytest.mark.parametrize("mode", ["shared", "sleeves"])
@pytest.mark.parametrize("max_gross_pct", [100.0, 200.0])
def test_a_pool_of_a_portfolio_below_zero_pays_no_fee(mode, max_gross_pct):
    ruined = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        bounds = {"max_gross_pct": max_gross_pct} if mode == "shared" else {}
        accrual = partial(_accrue, RATES, max_gross_pct > 100)
        sharing = SharingTerms(terms=terms(rng), mode=mode, accrual=accrual, **bounds)
        legs = [leg(rng, number, 80) for number in range(int(rng.integers(1, 4)))]

        result = trade_together(sharing, legs)

        shorts = -np.maximum(-result.values, 0)
        pools = (
            (shorts, result.sleeves)
            if mode == "sleeves"
            else (shorts.sum(axis=0)[None], result.equity_curve[None])
        )
        expected = fees_of(result.calendar.times, *pools)
        assert result.borrow_fees == pytest.approx(expected, rel=1e-9, abs=1e-9), seed
        ruined += pools[1].min() < 0
    assert ruined > 20


def test_longs_that_are_worth_more_than_a_loss_keep_paying_for_shorts():
    accrual = _accrue(RATES, False, cash=50.0, borrowed=60.0, equity=90.0, days=73)

    assert accrual == (0.0, pytest.approx(60 * 0.5 * 73 / 365))
