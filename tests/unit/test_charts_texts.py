"""The sentence that stands for a chart where nobody sees it."""

import pytest

from contracts.run_result import CHART_NAMES, RunResult
from web.runs.chart_tables import alt_text


def result(**changed) -> RunResult:
    """A completed run of two trades, the second still open."""
    row = {"entry_price": 10.0, "exit_price": 12.0}
    values = {
        "run_id": "00000000-0000-4000-8000-000000000000",
        "status": "completed",
        "request": {"ticker": "AAPL", "rule_type": "RSI", "rule_id": "RSI_14_30_70", "initial_capital": 100_000.0},
        "metrics": {"total_return_pct": 34.56, "final_equity": 134_560.4, "buy_hold_return_pct": 512.3},
        "equity_curve": [{"date": "2004-01-02", "equity": 100_000.0}, {"date": "2013-03-01", "equity": 134_560.4}],
        "drawdown_curve": [{"date": "2004-01-02", "drawdown_pct": 0.0}, {"date": "2008-11-20", "drawdown_pct": 23.45}],
        "trades": [
            {**row, "side": "BUY", "pnl_pct": 20.0, "is_open": False},
            {**row, "side": "BUY", "pnl_pct": -3.25, "is_open": True},
        ],
    }
    return RunResult(**{**values, **changed})


EMPTY = result(trades=[], drawdown_curve=[{"date": "2004-01-02", "drawdown_pct": 0.0}])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "equity_curve",
            "Equity of AAPL with RSI_14_30_70 went from 100,000 to 134,560, while buying and holding gained 512.3%.",
        ),
        (
            "drawdown_curve",
            "Equity of AAPL with RSI_14_30_70 fell at most 23.4% below its earlier peak, on 2008-11-20.",
        ),
        ("portfolio_orders", "Closing price of AAPL with RSI_14_30_70 with 2 buys and 1 sell."),
        (
            "trade_pnl",
            "The one closed trade of AAPL with RSI_14_30_70 won, with a return of +20.0%; the last one is still open.",
        ),
        (
            "cumulative_return",
            "AAPL with RSI_14_30_70 gained 34.6%, 477.7 percentage points behind buying and holding.",
        ),
        ("candlestick", "Candles and volume of AAPL from 2004-01-02 to 2013-03-01, with 2 buys and 1 sell marked."),
    ],
)
def test_the_sentence_states_the_finding(name, sentence):
    assert alt_text(name, result()) == sentence


@pytest.mark.parametrize(
    ("closed_pcts", "open_pcts", "sentence"),
    [
        (
            [20.0, -3.0],
            [],
            "1 of 2 closed trades of AAPL with RSI_14_30_70 won, with returns between -3.0% and +20.0%.",
        ),
        (
            [20.0, -3.0],
            [90.0],
            "1 of 2 closed trades of AAPL with RSI_14_30_70 won, with returns between -3.0% and +20.0%; "
            "the last one is still open.",
        ),
        ([-3.0], [], "The one closed trade of AAPL with RSI_14_30_70 lost, with a return of -3.0%."),
        ([], [90.0], "The only trade of AAPL with RSI_14_30_70 is still open, at +90.0%."),
    ],
)
def test_wins_are_counted_among_the_trades_that_have_ended(closed_pcts, open_pcts, sentence):
    trades = [{"pnl_pct": pct, "is_open": False} for pct in closed_pcts]
    trades += [{"pnl_pct": pct, "is_open": True} for pct in open_pcts]

    assert alt_text("trade_pnl", result(trades=trades)) == sentence


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("drawdown_curve", "Equity of AAPL with RSI_14_30_70 was never below an earlier peak."),
        ("portfolio_orders", "Closing price of AAPL with RSI_14_30_70 without orders, since there were no trades."),
        ("trade_pnl", "AAPL with RSI_14_30_70 made no trades."),
        ("candlestick", "Candles and volume of AAPL from 2004-01-02 to 2013-03-01, with no trades to mark."),
    ],
)
def test_without_trades_the_sentence_says_so(name, sentence):
    assert alt_text(name, EMPTY) == sentence


def test_a_short_trade_sells_first():
    short = result(trades=[{"side": "SELL", "pnl_pct": 1.0, "is_open": True}])

    assert alt_text("portfolio_orders", short) == "Closing price of AAPL with RSI_14_30_70 with 0 buys and 1 sell."


@pytest.mark.parametrize("name", CHART_NAMES)
def test_every_chart_has_a_sentence_even_when_values_are_missing(name):
    sentence = alt_text(name, result(metrics=None, equity_curve=None, drawdown_curve=None, trades=None))

    assert sentence.endswith(".") and "AAPL" in sentence and "None" not in sentence
