"""What the account did with the rule's signal of a bar, and what else happened to it there."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from adapters.prices.display import display_price

SIDES = {1: "BUY", -1: "SELL"}
POSITIONS = {"BUY": "long", "SELL": "short"}
Trade = Mapping[str, Any]


def account_words(
    bar: int, signal: int, last_bar: int, request: Mapping[str, Any], trades: Sequence[Trade], rejected: Sequence[Trade]
) -> list[str]:
    """What was done on a bar, in order: exits by themselves, then what became of its signal (1, -1, or 0 for none).

    trades and rejected: as adapters.results.stored_series.decode_trades gives them.
    """
    words = [
        f"the {POSITIONS[trade['side']]} position was closed by its {trade['exit_reason'].replace('_', ' ')} "
        f"at {display_price(trade['exit_price'])}"
        for trade in trades
        if trade["exit_bar"] == bar and not trade["is_open"] and trade["exit_reason"] != "signal"
    ]
    return words + (list(_of_signal(bar, signal, last_bar, request, trades, rejected)) if signal else [])


def _of_signal(
    bar: int, signal: int, last_bar: int, request: Mapping[str, Any], trades: Sequence[Trade], rejected: Sequence[Trade]
) -> Iterator[str]:
    late = request["fill"] == "next_open"
    filled, when = bar + late, " at the next open" if late else ""
    if filled > last_bar:
        yield "there is no next bar to fill at"
        return
    closed = [each for each in trades if each["exit_bar"] == filled and each["exit_reason"] == "signal"]
    opened = [each for each in trades if each["entry_bar"] == filled and each["side"] == SIDES[signal]]
    refused = [each for each in rejected if each["bar"] == filled]
    for trade in closed:
        yield f"the {POSITIONS[trade['side']]} position was closed{when} at {display_price(trade['exit_price'])}"
    for trade in opened:
        position = f"{POSITIONS[trade['side']]} position of {trade['size']:,.10g} shares"
        yield f"a {position} was opened{when} at {display_price(trade['entry_price'])}"
    for order in refused:
        yield f"the order was rejected: {order['reason']}"
    if not (closed or opened or refused):
        yield _why_nothing(bar, signal, request, trades)


def _why_nothing(bar: int, signal: int, request: Mapping[str, Any], trades: Sequence[Trade]) -> str:
    if any(each["exit_reason"] == "liquidation" and each["exit_bar"] <= bar for each in trades):
        return "the account had been liquidated, so nothing was done"
    held = [each for each in trades if each["entry_bar"] <= bar and (each["is_open"] or each["exit_bar"] > bar)]
    if held:
        return "a position was open, so nothing was done"
    if (signal, request["direction"]) == (-1, "longonly"):
        return "no position was open, so there was nothing to sell"
    if (signal, request["direction"]) == (1, "shortonly"):
        return "no position was open, so there was nothing to buy back"
    return "nothing was done"
