"""The explanation of the account on a bar agrees with the engine's records."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from adapters.runs.series import RunSeries, decode_trades, encode_trades
from consumer.kinds.backtest import TRADE_FIELDS
from consumer.kinds.run_engine import RunEngine
from engine.engine import BacktestResult, Fill
from tests.engine.markets import follow, random_signals, random_walk
from web.charts.explanations import account_words

BARS = 90
SIDES = {1: "long", -1: "short"}
TERMS: dict[str, dict[str, Any]] = {
    "stops": {"stop_loss_pct": 2.0, "take_profit_pct": 3.0},
    "time": {"exit_after_bars": 4},
    "both": {"exit_after_bars": 3, "trailing_stop_pct": 2.0, "position_size": 99_000.0},
    "poor": {"position_size": 95.0},
}


def random_run(seed: int, terms: str, direction: str, fill: str) -> BacktestResult:
    one_way = (
        {"direction": "longshort", "short_only": True}
        if direction == "shortonly"
        else {"direction": direction}
    )
    engine = RunEngine(fill=fill, liquidate_below_pct=90.0, **one_way, **TERMS[terms])
    prices = random_walk(seed, BARS, 0.03)
    return engine.run(prices, follow(random_signals(seed, BARS, 0.3)))


def recorded(result: BacktestResult, bar: int, direction: str, late: bool) -> list[str]:
    """Result of a bar's signal, from the fills and rejected orders of the engine."""
    signal, filled, moment = int(result.signals[bar]), bar + late, "open" if late else "close"
    if filled == BARS:
        return ["there is no next bar to fill at"]
    before = [
        each
        for each in result.fills
        if each.bar < filled or (each.bar == bar and each.at != "close")
    ]
    position = int(np.sign(before[-1].shares_after)) if before else 0
    at_once = [fill for fill in result.fills if (fill.bar, fill.at) == (filled, moment)]
    events = []
    if position == -signal and at_once and (late or at_once[0].reason == "signal"):
        events.append(closed(at_once[0]))
    if any(fill.shares_after * signal > 0 for fill in at_once):
        events.append("opened")
    events += ["rejected" for each in result.rejected_orders if each.bar == filled]
    return events or [nothing(result, bar, signal, position, direction)]


def closed(fill: Fill) -> str:
    return (
        "closed" if fill.reason == "signal" else f"closed by its {fill.reason.replace('_', ' ')}"
    )


def nothing(result: BacktestResult, bar: int, signal: int, position: int, direction: str) -> str:
    if position and any(
        (fill.bar, fill.at, fill.shares_after) == (bar, "close", 0) for fill in result.fills
    ):
        return "nothing more was done"
    if position:
        assert position == signal
        return "a position was open, so nothing was done"
    if (direction, signal) in (("longonly", -1), ("shortonly", 1)):
        return f"no position was open, so there was nothing to {'sell' if signal < 0 else 'buy back'}"
    assert result.equity_curve[: bar + 1].min() <= 90_000
    return "the account had been liquidated, so nothing was done"


def event_in(words: str) -> str:
    """Event that a sentence describes, without its numbers."""
    for event in ("opened", "rejected"):
        if event in words:
            return event
    return words.split(" at ")[0].partition("was ")[2] if "was closed" in words else words


@pytest.mark.parametrize("fill", ["close", "next_open"])
@pytest.mark.parametrize("direction", ["longonly", "longshort", "shortonly"])
def test_the_explanation_of_each_signal_is_what_the_engine_recorded(
    direction: str, fill: str
) -> None:
    seen = Counter[str]()

    for seed in range(25):
        for terms in TERMS:
            result = random_run(seed, terms, direction, fill)
            rows = [
                {name: getattr(trade, name) for name in TRADE_FIELDS} for trade in result.trades
            ]
            text = encode_trades(
                [row | {"mae_pct": 0.0, "mfe_pct": 0.0} for row in rows],
                [order._asdict() for order in result.rejected_orders],
                [],
            )
            trades, rejected, _ = decode_trades(text)
            request = {"fill": fill, "direction": direction}
            run = RunSeries(request, np.arange(BARS), np.zeros(BARS), trades, rejected, [])
            for bar in np.flatnonzero(result.signals).tolist():
                before_signal = account_words(run, bar, 0)
                words = account_words(run, bar, int(result.signals[bar]))
                by_itself = [
                    each for each in result.fills if each.bar == bar and each.reason != "signal"
                ]
                events = [event_in(each) for each in words[len(before_signal) :]]
                assert [event_in(each) for each in before_signal] == [
                    closed(each) for each in by_itself if not each.shares_after
                ]
                assert events == recorded(result, bar, direction, fill == "next_open"), (
                    seed,
                    terms,
                    bar,
                    words,
                )
                seen.update(events)

    assert len(seen) >= 6, seen
