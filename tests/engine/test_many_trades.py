"""Runs of many trades are booked by array; that must be the trades made one after the other, bit for bit."""

import itertools
import sys

import pytest

from engine import simulation
from engine.engine import BacktestEngine, BacktestResult
from engine.simulation import Simulation
from tests.engine.markets import follow, random_signals, random_walk

SETTINGS = [
    {
        "direction": direction,
        "fill": fill,
        "fractional_shares": fractional,
        "slippage_bps": slippage,
    }
    for direction, fill, fractional, slippage in itertools.product(
        ("longonly", "longshort"), ("close", "next_open"), (False, True), (0.0, 7.0)
    )
]
OPEN_AT_THE_END = 1  # a seed
# of 100,000: below the dearest shares, well within the cash, and all of it
SIZES = (150.0, 9_000.0, 100_000.0)


def run(settings: dict, seed: int) -> BacktestResult:
    """300 bars with about 60 changes of side."""
    signals = random_signals(seed, 300, 0.2)
    return BacktestEngine(**settings).run(random_walk(seed, 300), follow(signals), "TEST")


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("position_size", SIZES)
def test_trades_booked_by_array_are_those_made_in_turn(settings, position_size, monkeypatch):
    sized = settings | {"position_size": position_size}
    booked = [run(sized, seed) for seed in range(5)]
    monkeypatch.setattr(simulation, "FEW_STREAKS", sys.maxsize)

    in_turn = [run(sized, seed) for seed in range(5)]

    for ours, expected in zip(booked, in_turn, strict=True):
        assert ours.equity_curve.tobytes() == expected.equity_curve.tobytes()
        assert ours.metrics == expected.metrics
        assert ours.shares_curve.tobytes() == expected.shares_curve.tobytes()
        assert (ours.fills, ours.trades, ours.rejected_orders) == (
            expected.fills, expected.trades, expected.rejected_orders,
        )  # fmt: skip


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_orders_well_within_the_cash_are_booked_by_array(settings, monkeypatch):
    def refuse(_: Simulation) -> None:
        raise AssertionError("made in turn")

    monkeypatch.setattr(Simulation, "_trade_in_turn", refuse)

    assert len(run(settings | {"position_size": 9_000.0}, 1).trades) > 20


def test_a_wrapper_may_close_what_was_booked_by_array():
    result = run({"position_size": 9_000.0}, OPEN_AT_THE_END)
    closed = run({"position_size": 9_000.0}, OPEN_AT_THE_END)

    closed.ledger.leave(299, 50.0)

    assert result.trades[-1].is_open
    assert closed.fills[:-1] == result.fills
    assert closed.ledger.curves(300)[1][-1] == 0.0
