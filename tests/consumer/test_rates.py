"""Interest on idle cash and borrow fees around the frozen engine."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.metrics.curves import AccountRates, cash_curve
from consumer.kinds.run_engine import RunEngine, interest_and_fees
from rules.indicators import atr
from rules.optimizer import ParameterOptimizer
from tests.consumer.test_exits import AMOUNTS, EVENTS, exits, settled
from tests.engine.bar_by_bar import backtest
from tests.engine.markets import cases, flat, follow, random_walk, trade_rows

ALL_IN = {"initial_capital": 1_000, "position_size": 1_000, "fee_rate": 0}
DAY = np.timedelta64(1, "D")
FRIDAY = np.datetime64("2024-03-01")

rates = st.fixed_dictionaries(
    {
        "borrow_rate": st.sampled_from([0.0, 0.03, 0.9]),
        "cash_rate": st.sampled_from([0.0, 0.04, 0.9]),
    }
)
steps = st.sampled_from(
    [("1d", [1, 1, 1, 1, 3]), ("1d", [7]), ("1h", [1] * 5 + [19]), ("1h", [1])]
)


def dated(prices, days):
    """Prices with times, so many days after the one before."""
    return prices | {"Time": FRIDAY + np.cumsum([0, *days]) * DAY}


def timed(prices, step):
    """Prices with times by a pattern of steps in days or hours; the second is the dates of the bars."""
    unit, pattern = step
    passed = np.resize(pattern, len(prices["Close"]) - 1).cumsum() * np.timedelta64(
        1, {"1d": "D", "1h": "h"}[unit]
    )
    times = (FRIDAY.astype("M8[s]") + np.timedelta64(14, "h")) + np.concatenate(
        ([0], passed)
    ).astype("m8[s]")
    return prices | {"Time": times}, [f"{time}Z" for time in times.astype(str)]


def expected_of(prices, dates, signals, options, chosen, yearly, **limits):
    """The same run as a plain loop over bars."""
    days = [0, *np.diff(np.array([each[:10] for each in dates], "M8[D]")).astype(int).tolist()]
    distance = atr(prices["High"], prices["Low"], prices["Close"], chosen["atr_stop_period"])
    multiple = chosen["atr_stop_multiple"]
    return backtest(
        {name.lower(): prices[name].tolist() for name in ("Open", "High", "Low", "Close")},
        signals,
        **options
        | yearly
        | limits
        | ({"direction": "shortonly"} if chosen["short_only"] else {}),
        exit_after_bars=chosen["exit_after_bars"],
        atr_stop=None if multiple is None else (multiple * distance).tolist(),
        days=days,
    )


def assert_same(result, expected, capital):
    for ours, theirs in zip(trade_rows(result, *AMOUNTS), expected.trades, strict=True):
        assert ours == pytest.approx(tuple(theirs[field] for field in AMOUNTS), rel=1e-9)
    assert [(bar, side) for bar, side, _ in result.rejected_orders] == expected.rejected
    np.testing.assert_allclose(
        result.equity_curve, expected.equity, rtol=1e-9, atol=1e-9 * capital
    )
    assert interest_and_fees(result.ledger) == pytest.approx(
        (expected.interest, expected.borrow_fees), rel=1e-9, abs=1e-9
    )


@settings(max_examples=200, deadline=None)
@given(cases(), exits, rates, steps)
def test_every_run_equals_the_loop_over_bars(case, chosen, yearly, step):
    prices, signals, options = case
    prices, dates = timed(prices, step)

    result = RunEngine(**settled(options, chosen), **yearly).run(prices, follow(signals), "TEST")

    expected = expected_of(prices, dates, signals, options, chosen, yearly)
    assert trade_rows(result, *EVENTS) == [
        tuple(trade[field] for field in EVENTS) for trade in expected.trades
    ]
    assert_same(result, expected, options["initial_capital"])


@settings(max_examples=150, deadline=None)
@given(cases(), exits, rates, steps, st.sampled_from([0, 60, 95]))
def test_a_liquidated_account_goes_on_earning_as_in_the_loop(
    case, chosen, yearly, step, below_pct
):
    prices, signals, options = case
    prices, dates = timed(prices, step)
    engine = RunEngine(**settled(options, chosen), **yearly, liquidate_below_pct=below_pct)

    result = engine.run(prices, follow(signals))

    expected = expected_of(
        prices, dates, signals, options, chosen, yearly, liquidate_below_pct=below_pct
    )
    assert_same(result, expected, options["initial_capital"])


@settings(max_examples=100, deadline=None)
@given(cases(), exits, rates, steps)
def test_equity_is_the_capital_the_trades_and_what_was_carried(case, chosen, yearly, step):
    prices, signals, options = case
    prices, dates = timed(prices, step)
    capital = options["initial_capital"]

    result = RunEngine(**settled(options, chosen), **yearly).run(prices, follow(signals))

    interest, borrow_fees = interest_and_fees(result.ledger)
    trades = [asdict(trade) for trade in result.trades]
    total = capital + sum(trade["pnl_abs"] for trade in trades) + interest - borrow_fees
    assert result.equity_curve[-1] == pytest.approx(total, rel=1e-9, abs=1e-9 * capital)
    times = np.array([date.removesuffix("Z") for date in dates], "M8[s]").astype(np.int64)
    cash = cash_curve(times, result.equity_curve, trades, capital, AccountRates(**yearly))
    np.testing.assert_allclose(cash, result.cash_curve, rtol=1e-9, atol=1e-9 * capital)


@settings(max_examples=100, deadline=None)
@given(cases(), exits, rates, steps, st.floats(0, 1))
def test_cutting_later_bars_never_changes_what_happened_before(case, chosen, yearly, step, share):
    prices, signals, options = case
    prices, _ = timed(prices, step)
    bars = max(2, int(share * len(signals)))
    engine = RunEngine(**settled(options, chosen), **yearly)

    whole = engine.run(prices, follow(signals), "TEST")
    early = engine.run(
        {name: column[:bars] for name, column in prices.items()}, follow(signals[:bars]), "TEST"
    )

    assert early.fills == tuple(fill for fill in whole.fills if fill.bar < bars)
    np.testing.assert_array_equal(early.equity_curve, whole.equity_curve[:bars])


def test_a_year_of_idle_cash_earns_the_yearly_rate():
    engine = RunEngine(**ALL_IN, cash_rate=0.05)

    result = engine.run(dated(flat([100, 90, 80]), [365, 365]), follow([0, 0, 0]))

    assert result.equity_curve.tolist() == pytest.approx([1_000, 1_050, 1_102.5], rel=1e-12)


def test_what_is_in_a_position_earns_nothing():
    engine = RunEngine(**ALL_IN | {"position_size": 400}, cash_rate=0.05)

    result = engine.run(dated(flat([100, 100]), [365]), follow([1, 0]))

    assert result.equity_curve.tolist() == pytest.approx([1_000, 1_000 + 600 * 0.05])


def test_a_short_pays_for_its_value_at_the_close_before_the_days():
    engine = RunEngine(**ALL_IN, direction="longshort", borrow_rate=0.365)

    result = engine.run(dated(flat([100, 80, 50]), [3, 1]), follow([-1, 0, 0]))

    fees = 1_000 * 0.001 * 3, 800 * 0.001 * 1
    assert result.equity_curve.tolist() == pytest.approx(
        [1_000, 1_200 - fees[0], 1_500 - sum(fees)]
    )
    assert interest_and_fees(result.ledger) == (0, pytest.approx(sum(fees)))


def test_the_proceeds_of_a_short_and_its_gains_until_it_is_closed_are_collateral():
    engine = RunEngine(**ALL_IN, direction="longshort", cash_rate=0.05)

    result = engine.run(dated(flat([100, 150, 150]), [365, 365]), follow([-1, 0, 0]))

    idle = 1_000, 500 + 50  # equity, of 2,000 and 2,050 of cash
    assert result.equity_curve[-1] == pytest.approx(500 + 0.05 * sum(idle))


def test_a_position_opened_and_closed_within_a_date_pays_nothing():
    prices = flat([100, 110, 120]) | {
        "Time": np.array(["2024-03-01T15", "2024-03-01T16", "2024-03-04T15"], "M8[s]")
    }
    engine = RunEngine(**ALL_IN, direction="longshort", borrow_rate=0.365)

    within, over = (engine.run(prices, follow(signals)) for signals in ([-1, 1, 0], [0, -1, 1]))

    assert interest_and_fees(within.ledger) == (0, 0)
    assert interest_and_fees(over.ledger) == (0, pytest.approx(9 * 110 * 0.001 * 3))


def test_an_order_at_the_open_is_charged_from_that_bar_on():
    engine = RunEngine(
        **ALL_IN, direction="longshort", short_only=True, fill="next_open", borrow_rate=0.365
    )

    result = engine.run(dated(flat([100, 100, 100, 100]), [1, 3, 1]), follow([-1, 0, 1, 0]))

    assert trade_rows(result, "entry_bar", "exit_bar") == [(1, 3)]
    assert interest_and_fees(result.ledger) == (0, pytest.approx(1_000 * 0.001 * (3 + 1)))


def test_sizes_follow_what_was_earned():
    engine = RunEngine(**ALL_IN | {"position_size": 50}, size_type="percent", cash_rate=0.1)

    (trade,) = engine.run(dated(flat([100, 110, 110]), [365, 1]), follow([0, 1, 0])).trades

    assert trade.size == 5  # 50 % of 1,100


def test_an_order_that_cash_did_not_cover_is_filled_once_interest_does():
    engine = RunEngine(**ALL_IN | {"position_size": 5_000}, cash_rate=0.1)

    result = engine.run(dated(flat([1_001, 1_001, 1_050]), [1, 365]), follow([1, 1, 1]))

    assert [(order.bar, order.reason) for order in result.rejected_orders] == [
        (0, "cash_below_one_share"),
        (1, "cash_below_one_share"),
    ]
    assert trade_rows(result, "entry_bar", "size") == [(2, 1)]


def test_a_debt_earns_nothing():
    engine = RunEngine(**ALL_IN, direction="longshort", cash_rate=0.5)

    result = engine.run(dated(flat([100, 300, 300]), [1, 365]), follow([-1, 1, 0]))

    assert result.equity_curve[-1] == result.equity_curve[-2] < 0


def test_a_grid_takes_the_engine_with_rates():
    grid, prices = {"fast": [5], "slow": [20]}, dated(random_walk(8, 400), [1] * 399)
    plain, earning = (
        ParameterOptimizer("MA_CROSS", prices, RunEngine(cash_rate=rate)).search(grid).values
        for rate in (0.0, 0.04)
    )

    assert earning[0, 0] > plain[0, 0]


def test_rates_need_the_bars_times():
    with pytest.raises(ValueError, match="data has no column Time"):
        RunEngine(cash_rate=0.04).run(flat([1, 2]), follow([0, 0]))


@pytest.mark.parametrize("name", ["borrow_rate", "cash_rate"])
def test_bad_rates_are_named(name):
    with pytest.raises(ValueError, match=f"{name}: must be a number from 0 to below 1, got 3"):
        RunEngine(**{name: 3})
