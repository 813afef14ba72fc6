"""Exits around the frozen engine: after a number of bars, at a multiple of the ATR, and shorts alone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consumer.kinds.run_engine import RunEngine
from engine.engine import BacktestEngine
from rules.indicators import atr
from rules.optimizer import ParameterOptimizer
from tests.engine.bar_by_bar import backtest
from tests.engine.markets import cases, flat, follow, ohlc, random_walk, trade_rows

ALL_IN = {"initial_capital": 1_000, "position_size": 1_000, "fee_rate": 0}
EVENTS = ("side", "entry_bar", "entry_at", "exit_bar", "exit_at", "exit_reason")
AMOUNTS = ("size", "entry_price", "exit_price")

exits = st.fixed_dictionaries(
    {
        "exit_after_bars": st.one_of(st.none(), st.integers(1, 30)),
        "atr_stop_multiple": st.one_of(st.none(), st.floats(0.1, 5)),
        "atr_stop_period": st.integers(2, 20),
        "short_only": st.booleans(),
    }
)


def settled(options, chosen):
    """The engine's options with the exits, of which shorts alone need both directions."""
    return options | chosen | ({"direction": "longshort"} if chosen["short_only"] else {})


MINUTES = [570, 600, 630, 930, 955]  # of the bars of a session, of which some may be missing
flat_times = st.one_of(st.none(), st.sampled_from(["09:30", "10:15", "15:30", "15:55", "23:00"]))


def clocks_of(bars, seed):
    """The date and the minute of each bar; a bar is missing now and then, or the end of a session."""
    rng = np.random.default_rng(seed)
    every = [(day, minute) for day in range(4 * bars) for minute in MINUTES]
    return [each for each in every if rng.random() < 0.6][:bars]


def timed(prices, clocks):
    """The prices with the time of each bar."""
    seconds = [day * 86_400 + minute * 60 for day, minute in clocks]
    return prices | {"Time": np.array(seconds, "M8[s]")}


@settings(max_examples=400, deadline=None)
@given(cases(), exits, flat_times, st.integers(0, 50))
def test_every_run_equals_the_loop_over_bars(case, chosen, flat_at, seed):
    prices, signals, options = case
    clocks = clocks_of(len(signals), seed)
    engine = RunEngine(**settled(options, chosen), flat_at=flat_at)

    result = engine.run(timed(prices, clocks), follow(signals), "TEST")

    distance = atr(prices["High"], prices["Low"], prices["Close"], chosen["atr_stop_period"])
    multiple = chosen["atr_stop_multiple"]
    expected = backtest(
        {name.lower(): column.tolist() for name, column in prices.items()},
        signals,
        **options | ({"direction": "shortonly"} if chosen["short_only"] else {}),
        exit_after_bars=chosen["exit_after_bars"],
        flat_at=flat_at and int(flat_at[:2]) * 60 + int(flat_at[3:]),
        clocks=clocks,
        atr_stop=None if multiple is None else (multiple * distance).tolist(),
    )
    assert trade_rows(result, *EVENTS) == [
        tuple(trade[field] for field in EVENTS) for trade in expected.trades
    ]
    for ours, theirs in zip(trade_rows(result, *AMOUNTS), expected.trades, strict=True):
        assert ours == pytest.approx(tuple(theirs[field] for field in AMOUNTS), rel=1e-9)
    assert [(bar, side) for bar, side, _ in result.rejected_orders] == expected.rejected
    np.testing.assert_allclose(result.equity_curve, expected.equity, rtol=1e-9, atol=1e-6)


@settings(max_examples=200, deadline=None)
@given(cases(), exits, flat_times, st.floats(0, 1))
def test_cutting_later_bars_never_changes_what_happened_before(case, chosen, flat_at, share):
    prices, signals, options = case
    prices = timed(prices, clocks_of(len(signals), len(signals)))
    bars = max(2, int(share * len(signals)))
    engine = RunEngine(**settled(options, chosen), flat_at=flat_at)

    whole = engine.run(prices, follow(signals), "TEST")
    early = engine.run(
        {name: column[:bars] for name, column in prices.items()}, follow(signals[:bars]), "TEST"
    )

    assert early.fills == tuple(fill for fill in whole.fills if fill.bar < bars)
    np.testing.assert_array_equal(early.equity_curve, whole.equity_curve[:bars])


FLAT_DAYS = [(0, 930), (0, 955), (0, 960), (1, 570), (1, 930), (2, 570), (2, 955)]


@pytest.mark.parametrize(
    ("fill", "expected"),
    [
        # what is open is closed at the close of the bar at 15:55, or of the first one after it
        ("close", [(0, 1, "close", "flat_at"), (3, 5, "close", "flat_at")]),
        ("next_open", [(4, 5, "open", "flat_at")]),
    ],
)
def test_a_position_is_flat_on_the_first_bar_at_or_after_a_time_of_day(fill, expected):
    """A buy on every bar: the second session has no bar at 15:55."""
    engine = RunEngine(**ALL_IN, fill=fill, flat_at="15:55")
    prices = timed(flat([100] * 7), FLAT_DAYS)

    result = engine.run(prices, follow([1] * 7), "TEST")

    rows = trade_rows(result, "entry_bar", "exit_bar", "exit_at", "exit_reason")
    assert rows == expected


def test_a_time_of_day_is_written_as_hours_and_minutes():
    for wrong in ("9:30", "24:00", "15:60", "1555", ""):
        with pytest.raises(ValueError, match="flat_at: must be HH:MM or None"):
            RunEngine(flat_at=wrong)


def test_a_position_is_closed_at_the_close_of_the_nth_bar_after_its_entry():
    engine = RunEngine(**ALL_IN, exit_after_bars=2)

    result = engine.run(flat([100, 110, 125, 130, 140]), follow([1, 0, 0, 0, 0]))

    assert trade_rows(
        result, "entry_bar", "exit_bar", "exit_at", "exit_price", "exit_reason"
    ) == [(0, 2, "close", 125, "time_exit")]


def test_with_next_open_it_is_closed_at_the_open_of_the_nth_bar():
    engine = RunEngine(**ALL_IN, fill="next_open", exit_after_bars=2)

    result = engine.run(
        ohlc([(9, 9, 9, 9), (10, 12, 9, 11), (12, 12, 12, 12), (14, 15, 14, 15)]),
        follow([1, 0, 0, 0]),
    )

    assert trade_rows(result, "entry_bar", "exit_bar", "exit_at", "exit_price") == [
        (1, 3, "open", 14)
    ]


def test_a_lasting_signal_opens_again_on_the_bar_after_a_time_exit():
    engine = RunEngine(**ALL_IN, exit_after_bars=2)

    result = engine.run(flat([100, 100, 100, 100, 100]), follow([1, 1, 1, 1, 1]))

    assert trade_rows(result, "entry_bar", "exit_bar") == [(0, 2), (3, 4)]


def test_the_opposite_signal_on_the_bar_of_a_time_exit_opens_the_other_side():
    engine = RunEngine(**ALL_IN, direction="longshort", exit_after_bars=2)

    result = engine.run(flat([100, 100, 100, 100]), follow([1, 0, -1, 0]))

    assert trade_rows(result, "side", "entry_bar", "exit_bar") == [("BUY", 0, 2), ("SELL", 2, 3)]


def test_a_time_exit_pays_fee_and_slippage():
    engine = RunEngine(
        **ALL_IN | {"fee_rate": 0.01, "position_size": 500}, slippage_bps=100, exit_after_bars=1
    )

    (trade,) = engine.run(flat([100, 100, 100]), follow([1, 0, 0])).trades

    assert (trade.exit_price, trade.exit_fees) == (
        pytest.approx(99),
        pytest.approx(0.01 * 99 * 4),
    )


RANGES_OF_FOUR = [(100, 102, 98, 100)] * 4  # an ATR of 4


def test_an_atr_stop_fills_at_its_level_within_the_bar():
    bars = ohlc([*RANGES_OF_FOUR, (100, 101, 95, 96), (96, 97, 93, 95)])
    engine = RunEngine(**ALL_IN, atr_stop_multiple=1.5, atr_stop_period=2)

    result = engine.run(bars, follow([0, 0, 0, 1, 0, 0]))

    assert trade_rows(result, "exit_bar", "exit_at", "exit_price", "exit_reason") == [
        (5, "intrabar", pytest.approx(94), "atr_stop")
    ]


def test_a_short_has_it_above_and_an_open_beyond_it_fills_at_the_open():
    bars = ohlc([*RANGES_OF_FOUR, (107, 108, 106, 107)])
    engine = RunEngine(**ALL_IN, direction="longshort", atr_stop_multiple=1.5, atr_stop_period=2)

    result = engine.run(bars, follow([0, 0, 0, -1, 0]))

    assert trade_rows(result, "exit_bar", "exit_at", "exit_price", "exit_reason") == [
        (4, "open", 107, "atr_stop")
    ]


def test_an_entry_at_the_open_knows_the_atr_of_the_bar_before_alone():
    bars = ohlc([*RANGES_OF_FOUR, (100, 100, 95, 95), (95, 95, 93, 93)])
    engine = RunEngine(**ALL_IN, fill="next_open", atr_stop_multiple=1, atr_stop_period=2)

    result = engine.run(bars, follow([0, 0, 0, 1, 0, 0]))

    assert trade_rows(result, "entry_bar", "exit_bar", "exit_price") == [
        (4, 4, pytest.approx(96))
    ]


@pytest.mark.parametrize(
    ("stop_loss_pct", "reason", "price"), [(5, "stop_loss", 95), (7, "atr_stop", 94)]
)
def test_of_two_stops_the_nearer_one_fills(stop_loss_pct, reason, price):
    bars = ohlc([*RANGES_OF_FOUR, (100, 101, 90, 91)])
    engine = RunEngine(
        **ALL_IN, stop_loss_pct=stop_loss_pct, atr_stop_multiple=1.5, atr_stop_period=2
    )

    result = engine.run(bars, follow([0, 0, 0, 1, 0]))

    assert trade_rows(result, "exit_reason", "exit_price") == [(reason, pytest.approx(price))]


def test_bars_before_the_first_traded_one_count_for_the_atr():
    bars = ohlc([*RANGES_OF_FOUR, (100, 101, 90, 91)])
    engine = RunEngine(**ALL_IN, atr_stop_multiple=1.5, atr_stop_period=2)

    result = engine.run(bars, follow([0, 0, 0, 1, 0]), first_bar=3)

    assert trade_rows(result, "exit_bar", "exit_reason") == [(1, "atr_stop")]


def test_an_entry_before_the_first_value_of_the_atr_has_no_such_stop():
    engine = RunEngine(**ALL_IN, atr_stop_multiple=0.1, atr_stop_period=5)

    result = engine.run(flat([100, 50, 25, 10]), follow([1, 0, 0, 0]))

    assert trade_rows(result, "exit_reason") == [("end_of_data",)]


def test_buys_only_close_what_is_short():
    engine = RunEngine(**ALL_IN, direction="longshort", short_only=True)

    result = engine.run(flat([100, 90, 80, 90, 100, 90]), follow([1, -1, 1, 1, -1, 0]))

    assert trade_rows(result, "side", "entry_bar", "exit_bar", "exit_reason") == [
        ("SELL", 1, 2, "signal"),
        ("SELL", 4, 5, "end_of_data"),
    ]
    assert result.signals.tolist() == [1, -1, 1, 1, -1, 0]


def test_shorts_alone_are_those_of_mirrored_buys():
    signals = np.random.default_rng(5).choice([1, 0, -1], 300, p=[0.1, 0.8, 0.1]).astype(np.int8)
    prices = random_walk(5, 300)

    shorts = RunEngine(direction="longshort", short_only=True).run(prices, follow(signals))
    longs = BacktestEngine().run(prices, follow(-signals))

    assert trade_rows(shorts, "entry_bar", "exit_bar") == trade_rows(
        longs, "entry_bar", "exit_bar"
    )
    assert len(shorts.trades) > 10


def test_without_exits_it_is_the_engine():
    arguments = random_walk(3, 200), follow(np.resize([1, 0, -1, 0], 200)), "TEST"

    assert RunEngine().run(*arguments).trades == BacktestEngine().run(*arguments).trades


def test_a_grid_takes_the_engine_with_exits():
    grid, prices = {"fast": [5], "slow": [20]}, random_walk(8, 400)
    plain, limited = (
        ParameterOptimizer("MA_CROSS", prices, engine).search(grid).values
        for engine in (BacktestEngine(), RunEngine(exit_after_bars=1))
    )

    assert plain[0].tolist() != limited[0].tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"exit_after_bars": 0},
            "exit_after_bars: must be a number of whole bars from 1, or None, got 0",
        ),
        ({"exit_after_bars": 1.5}, "exit_after_bars: .* got 1.5"),
        (
            {"atr_stop_multiple": 51},
            "atr_stop_multiple: must be a number above 0 and at most 50, or None, got 51",
        ),
        ({"short_only": True}, "short_only: needs direction 'longshort', got 'longonly'"),
    ],
)
def test_bad_exits_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        RunEngine(**options)
