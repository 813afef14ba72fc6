"""A result taken apart, against worked values."""

from dataclasses import replace
from operator import itemgetter

import numpy as np

from adapters.runs.series import RunSeries
from contracts.values import Json
from web.charts.pictures import (
    breakdown,
    ending_of,
    returns_histogram,
    trades_by,
    worst_drawdowns,
)


def run_of(dates: list[str], equity: list[float]) -> RunSeries:
    times = np.array(dates, "M8[s]").astype(np.int64)
    return RunSeries(
        {"timeframe": "1d", "initial_capital": 100.0}, times, np.array(equity), [], [], []
    )


def test_drawdowns_are_found_with_their_peak_bottom_and_end() -> None:
    dates = [f"2020-01-{day:02d}" for day in range(1, 9)]
    equity = [90.0, 100.0, 120.0, 60.0, 90.0, 120.0, 130.0, 117.0]

    deep, first, last = worst_drawdowns(run_of(dates, equity))

    assert (deep["depth_pct"], deep["start"], deep["bottom"], deep["end"], deep["days"]) == (
        50,
        dates[2],
        dates[3],
        dates[5],
        3,
    )
    assert (first["depth_pct"], first["start"], first["bottom"], first["end"], first["days"]) == (
        10,
        dates[0],
        dates[0],
        dates[1],
        1,
    )
    assert (last["depth_pct"], last["start"], last["end"], last["days"]) == (
        10,
        dates[6],
        None,
        1,
    )


def test_equity_that_only_rises_has_no_drawdown() -> None:
    assert worst_drawdowns(run_of(["2020-01-01", "2020-01-02"], [100.0, 101.0])) == []


def test_every_bar_that_moved_is_in_the_histogram_and_zero_divides_falls_from_rises() -> None:
    path = [100.0]
    for number in range(400):
        path.append(path[-1] * (1 + (number % 41 - 15) / 1000))

    bins = returns_histogram(np.array(path))

    assert sum(bars for _, bars in bins) == sum(number % 41 != 15 for number in range(400))
    assert any(low == 0 for low, _ in bins)
    falls = sum(number % 41 < 15 for number in range(400))
    assert sum(bars for low, bars in bins if low < 0) == falls
    assert returns_histogram(np.full(3, 100.0)) == []


def trade(**fields: object) -> Json:
    usual = {
        "side": "BUY",
        "exit_reason": "signal",
        "is_open": False,
        "pnl_abs": 1.0,
        "pnl_pct": 1.0,
    }
    return usual | fields


def test_trades_are_grouped_by_side_and_by_how_they_ended() -> None:
    trades = [
        trade(),
        trade(pnl_abs=-3.0, pnl_pct=-2.0),
        trade(side="SELL", exit_reason="stop_loss"),
        trade(is_open=True),
    ]

    sides, reasons = trades_by(trades, itemgetter("side")), trades_by(trades, ending_of)

    assert [(each["name"], each["trades"], each["won"], each["pnl_abs"]) for each in sides] == [
        ("BUY", 3, 2, -1.0),
        ("SELL", 1, 1, 1.0),
    ]
    assert (sides[0]["best_pct"], sides[0]["worst_pct"]) == (1.0, -2.0)
    assert [(each["name"], each["trades"]) for each in reasons] == [
        ("signal", 2),
        ("stop_loss", 1),
        ("open", 1),
    ]


def test_groups_count_winners_by_unrounded_profits() -> None:
    for seed in range(100):
        rng = np.random.default_rng(seed)
        profits = (rng.normal(0, 1, 30) * 10.0 ** rng.integers(-9, 3, 30)).tolist()
        trades = [
            trade(pnl_abs=profit, side=str(rng.choice(["BUY", "SELL"]))) for profit in profits
        ]
        run = replace(run_of(["2020-01-01", "2020-01-02"], [100.0, 101.0]), trades=trades)

        groups = breakdown(run)["groups"]

        winners = [each for each in trades if each["pnl_abs"] > 0]
        won = {each["name"]: each["won"] for each in groups}
        for side in ("BUY", "SELL"):
            assert won[side] == sum(each["side"] == side for each in winners)
        assert won["signal"] == len(winners)
