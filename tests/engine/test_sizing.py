"""Size of orders: the number of shares, and when it is 0."""

import pytest

from engine.engine import BacktestEngine, RejectedOrder
from tests.engine.markets import flat, follow, trade_rows

VALUE = {"size_type": "value"}
PERCENT = {"size_type": "percent"}
FRACTIONS = {"fractional_shares": True}


@pytest.mark.parametrize(
    ("rule", "options", "shares"),
    [
        ("budget over price", VALUE | {"position_size": 500}, 5),
        ("whole shares are rounded down", VALUE | {"position_size": 599}, 5),
        ("fractions are not", VALUE | FRACTIONS | {"position_size": 550}, 5.5),
        ("cash caps the budget", VALUE | {"position_size": 5_000}, 10),
        ("the fee is inside the cap", VALUE | {"position_size": 1_000, "fee_rate": 0.01}, 9),
        ("the fee is inside the cap of fractions", VALUE | FRACTIONS | {"position_size": 1_000, "fee_rate": 0.01},
         1_000 / 101),
        ("the fee is not inside the budget", VALUE | {"position_size": 900, "fee_rate": 0.01}, 9),
        ("percent of equity", PERCENT | {"position_size": 50}, 5),
        ("all of equity less the fee", PERCENT | FRACTIONS | {"position_size": 100, "fee_rate": 0.01}, 1_000 / 101),
        ("slippage is inside the price", VALUE | {"position_size": 1_000, "slippage_bps": 100}, 9),
    ],
)  # fmt: skip
@pytest.mark.parametrize("side", [1, -1])
def test_an_order_buys_as_stated(rule, options, shares, side):
    """Long and short alike; a short pays slippage downwards, so one more whole share fits into its budget."""
    engine = BacktestEngine(
        **{"initial_capital": 1_000, "fee_rate": 0, "direction": "longshort"} | options
    )
    if side < 0 and "slippage_bps" in options:
        shares = 10

    (trade,) = engine.run(flat([100, 100]), follow([side, 0]), "TEST").trades

    assert trade.size == pytest.approx(shares, rel=1e-12)


def test_a_share_lost_to_rounding_alone_is_bought():
    engine = BacktestEngine(fee_rate=0, position_size=0.3)

    (trade,) = engine.run(flat([0.1, 0.1]), follow([1, 0]), "TEST").trades

    assert 0.3 / 0.1 < 3
    assert trade.size == 3


def test_percent_grows_with_equity():
    engine = BacktestEngine(
        initial_capital=1_000, fee_rate=0, position_size=50, size_type="percent"
    )

    result = engine.run(flat([100, 200, 50]), follow([1, -1, 1]), "TEST")

    assert trade_rows(result, "size") == [(5.0,), (15.0,)]


@pytest.mark.parametrize(
    ("reason", "options"),
    [
        ("budget_below_one_share", {"position_size": 99}),
        ("budget_below_one_share", {"position_size": 9, "size_type": "percent"}),
        ("cash_below_one_share", {"initial_capital": 100, "fee_rate": 0.01}),
        ("cash_below_one_share", {"initial_capital": 100, "fee_rate": 0.01, "position_size": 100,
                                  "size_type": "percent"}),
    ],
)  # fmt: skip
def test_an_order_that_buys_nothing_is_rejected_with_its_reason(reason, options):
    engine = BacktestEngine(**{"initial_capital": 1_000, "fee_rate": 0} | options)

    result = engine.run(flat([100, 100, 100]), follow([1, 0, 1]), "TEST")

    assert result.trades == ()
    assert result.rejected_orders == (
        RejectedOrder(0, "BUY", reason),
        RejectedOrder(2, "BUY", reason),
    )
    assert result.equity_curve.tolist() == [engine.initial_capital] * 3


def test_a_rejected_order_is_tried_again_at_the_next_signal():
    engine = BacktestEngine(fee_rate=0, position_size=99)

    result = engine.run(flat([100, 101, 99, 50]), follow([1, 1, 1, 1]), "TEST")

    assert [order.bar for order in result.rejected_orders] == [0, 1]
    assert trade_rows(result, "entry_bar", "entry_price", "size") == [(2, 99.0, 1.0)]


def test_a_rejected_order_carries_the_bar_that_it_would_have_filled_on():
    engine = BacktestEngine(fee_rate=0, position_size=99, fill="next_open")

    result = engine.run(flat([100, 100, 100]), follow([1, 0, 0]), "TEST")

    assert result.rejected_orders == (RejectedOrder(1, "BUY", "budget_below_one_share"),)


@pytest.mark.parametrize("fractions", [True, False])
def test_nothing_is_bought_once_the_cash_is_gone(fractions):
    engine = BacktestEngine(initial_capital=1_000, fee_rate=0, position_size=1_000, direction="longshort",
                            fractional_shares=fractions)  # fmt: skip

    result = engine.run(flat([100, 300, 300, 1]), follow([-1, 1, 1, -1]), "TEST")

    assert result.equity_curve.tolist() == [1_000, -1_000, -1_000, -1_000]
    assert result.rejected_orders == (
        RejectedOrder(1, "BUY", "no_cash"),
        RejectedOrder(2, "BUY", "no_cash"),
        RejectedOrder(3, "SELL", "no_cash"),
    )
    assert result.metrics.sharpe_ratio is None
    assert result.metrics.max_drawdown_pct == 200
    assert result.metrics.total_return_pct == -200
