"""What the account did with the rule's signal of a bar, and what else happened to it there."""

from collections.abc import Iterator, Sequence

from adapters.prices.bars import MOST_DIGITS
from adapters.runs.condition_summary import OPENING
from adapters.runs.reasons import number_text
from adapters.runs.series import RunSeries
from contracts.values import Values
from web.runs.tables import POSITION_WORDS

SIDES = {1: "BUY", -1: "SELL"}


def account_words(run: RunSeries, bar: int, signal: int) -> list[str]:
    """What was done on a bar, in order: exits by themselves, then what became of its signal (1, -1, or 0 for none)."""
    by_themselves = [
        _closed(trade)
        for trade in run.trades
        if _ends_at(trade, bar) and trade["exit_reason"] != "signal"
    ]
    return by_themselves + (_of_signal(run, bar, signal) if signal else [])


def stretch_account(run: RunSeries, bars: range, signals: Sequence[int]) -> tuple[str, list[str]]:
    """What was done on a stretch of bars, in words, and which sides of the rule could have changed something there.

    Those are sides that open, where there was a time without a position, and sides that close, where there was one.
    signals: of the rule on these bars, 1 or -1 each.
    """
    opened = sum(trade["entry_bar"] in bars for trade in run.trades)
    held = sum(
        len(
            range(
                max(trade["entry_bar"], bars.start),
                min(trade["exit_bar"] + trade["is_open"], bars.stop),
            )
        )
        for trade in run.trades
    )
    closes = "none" if not held else "all" if held == len(bars) else f"{held:,}"
    words = [
        f"{opened or 'No'} {'trade was' if opened == 1 else 'trades were'} opened on these {len(bars):,} bars",
        f"a position was held at {closes} of their closes",
        f"the rule said buy on {signals.count(1) or 'none'} of them and sell on {signals.count(-1) or 'none'}",
    ]
    opening = OPENING.get(run.request["direction"])
    awaited = [
        side
        for side in ("buy", "sell")
        if not opening or (held < len(bars) if side in opening else held)
    ]
    return "; ".join(words) + ".", awaited


def _ends_at(trade: Values, bar: int) -> bool:
    return trade["exit_bar"] == bar and not trade["is_open"]


def _closed(trade: Values, when: str = "") -> str:
    reason = trade["exit_reason"].replace("_", " ")
    by = "" if reason == "signal" else f" by its {reason}"
    price = number_text(trade["exit_price"], MOST_DIGITS)
    return f"the {POSITION_WORDS[trade['side']]} position was closed{by}{when} at {price}"


def _of_signal(run: RunSeries, bar: int, signal: int) -> list[str]:
    late = run.request["fill"] == "next_open"
    filled = bar + late
    if filled == len(run.times):
        return ["there is no next bar to fill at"]
    refused = [
        f"the order was rejected: {order['reason']}"
        for order in run.rejected
        if order["bar"] == filled
    ]
    done = [*_fills(run.trades, SIDES[signal], filled, late), *refused]
    return done or [_why_nothing(run, bar, signal)]


def _fills(trades: Sequence[Values], side: str, filled: int, late: bool) -> Iterator[str]:
    """What an order of this side closed and opened on the bar that it filled on."""
    when = " at the next open" if late else ""
    for trade in trades:
        # with next_open, an exit at the same open came before the order
        met = trade["exit_reason"] == "signal" or (late and trade["exit_at"] == "open")
        if trade["side"] != side and _ends_at(trade, filled) and met:
            yield _closed(trade, when)
    for trade in trades:
        if trade["side"] == side and trade["entry_bar"] == filled:
            position = f"{POSITION_WORDS[side]} position of {trade['size']:,.10g} shares"
            price = number_text(trade["entry_price"], MOST_DIGITS)
            yield f"a {position} was opened{when} at {price}"


def _why_nothing(run: RunSeries, bar: int, signal: int) -> str:
    # a position that left before the close had left before the signal
    held = [
        each
        for each in run.trades
        if each["entry_bar"] <= bar <= each["exit_bar"] - (each["exit_at"] != "close")
    ]
    if any(_ends_at(each, bar) for each in held):
        return "nothing more was done"
    if held:
        return "a position was open, so nothing was done"
    nothing_to = {("longonly", -1): "sell", ("shortonly", 1): "buy back"}
    deed = nothing_to.get((run.request["direction"], signal))
    if deed:
        return f"no position was open, so there was nothing to {deed}"
    return "the account had been liquidated, so nothing was done"
