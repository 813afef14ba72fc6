"""The sentence that stands for a chart where nobody sees it."""

import numpy as np
import pytest

from adapters.runs.series import RunSeries
from contracts.run_result import RunResult
from web.charts.pictures import CHARTS


def result(**changed) -> RunResult:
    """A completed run of two trades, the second still open."""
    row = {"entry_price": 10.0, "exit_price": 12.0}
    values = {
        "run_id": "00000000-0000-4000-8000-000000000000",
        "status": "completed",
        "request": {
            "ticker": "AAPL",
            "rule_type": "RSI",
            "rule_id": "RSI_14_30_70",
            "params": {},
            "initial_capital": 100_000.0,
        },
        "metrics": {
            "total_return_pct": 34.56,
            "final_equity": 134_560.4,
            "buy_hold_return_pct": 512.3,
        },
        "trades": [
            {**row, "side": "BUY", "pnl_pct": 20.0, "is_open": False},
            {**row, "side": "BUY", "pnl_pct": -3.25, "is_open": True},
        ],
    }
    return RunResult(**{**values, **changed})


def sentence_of(chart, result, *equity):
    """Sentence of a chart of a run over three days with this equity."""
    times = np.array(["2004-01-02", "2008-11-20", "2013-03-01"], "M8[s]").astype(np.int64)
    request = {"timeframe": "1d", "initial_capital": 100_000.0}
    _, sentence = CHARTS[chart]
    return f"{sentence(result, RunSeries(request, times, np.array(equity), [], [], []))}."


RULE = "RSI, period = 14, oversold = 30, overbought = 70"
FALLING, RISING = (100_000.0, 76_550.0, 134_560.4), (100_000.0, 110_000.0, 134_560.4)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "equity_curve",
            "Equity of AAPL with {rule} went from 100,000 to 134,560, while buying and holding gained 512.3%.",
        ),
        (
            "drawdown_curve",
            "Equity of AAPL with {rule} fell at most 23.4% below its earlier peak, on 2008-11-20.",
        ),
        (
            "portfolio_orders",
            "Closing price of AAPL with {rule} with 2 buys and 1 sell.",
        ),
        (
            "trade_pnl",
            "The one closed trade of AAPL with {rule} won, with a return of +20.0%; the last one is still open.",
        ),
        (
            "cumulative_return",
            "AAPL with {rule} gained 34.6%, 477.7 percentage points behind buying and holding.",
        ),
        (
            "candlestick",
            "Candles and volume of AAPL from 2004-01-02 to 2013-03-01, with 2 buys and 1 sell marked.",
        ),
    ],
)
def test_the_sentence_states_the_finding(name, sentence):
    assert sentence_of(name, result(), *FALLING) == sentence.format(rule=RULE)


@pytest.mark.parametrize(
    ("closed_pcts", "open_pcts", "sentence"),
    [
        (
            [20.0, -3.0],
            [],
            "1 of 2 closed trades of AAPL with {rule} won, with returns between −3.0% and +20.0%.",
        ),
        (
            [20.0, -3.0],
            [90.0],
            "1 of 2 closed trades of AAPL with {rule} won, with returns between −3.0% and +20.0%; "
            "the last one is still open.",
        ),
        (
            [-3.0],
            [],
            "The one closed trade of AAPL with {rule} lost, with a return of −3.0%.",
        ),
        (
            [],
            [90.0],
            "The only trade of AAPL with {rule} is still open, at +90.0%.",
        ),
    ],
)
def test_wins_are_counted_among_the_trades_that_have_ended(closed_pcts, open_pcts, sentence):
    trades = [{"pnl_pct": pct, "is_open": False} for pct in closed_pcts]
    trades += [{"pnl_pct": pct, "is_open": True} for pct in open_pcts]

    assert sentence_of("trade_pnl", result(trades=trades), *FALLING) == sentence.format(rule=RULE)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "drawdown_curve",
            "Equity of AAPL with {rule} was never below an earlier peak.",
        ),
        (
            "portfolio_orders",
            "Closing price of AAPL with {rule} without orders, since there were no trades.",
        ),
        ("trade_pnl", "AAPL with {rule} made no trades."),
        (
            "candlestick",
            "Candles and volume of AAPL from 2004-01-02 to 2013-03-01, with no trades to mark.",
        ),
    ],
)
def test_without_trades_the_sentence_says_so(name, sentence):
    assert sentence_of(name, result(trades=[]), *RISING) == sentence.format(rule=RULE)


def test_a_short_trade_sells_first():
    short = result(trades=[{"side": "SELL", "pnl_pct": 1.0, "is_open": True}])

    assert (
        sentence_of("portfolio_orders", short, *RISING)
        == f"Closing price of AAPL with {RULE} with 0 buys and 1 sell."
    )
