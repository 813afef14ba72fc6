"""What the account did with the rule's signal of a bar, and what else happened to it there."""

from collections.abc import Iterator, Sequence

from adapters.prices.bars import MOST_DIGITS
from adapters.runs.condition_summary import OPENING
from adapters.runs.reasons import number_text
from contracts.values import Values, frozen

SIDES = {1: "BUY", -1: "SELL"}
POSITIONS = {"BUY": "long", "SELL": "short"}
Trade = Values


def account_words(
    bar: int,
    signal: int,
    last_bar: int,
    request: Values,
    trades: Sequence[Trade],
    rejected: Sequence[Trade],
) -> list[str]:
    """What was done on a bar, in order: exits by themselves, then what became of its signal (1, -1, or 0 for none).

    trades and rejected: as adapters.runs.stored_series.decode_trades gives them.
    """
    left = [trade for trade in trades if trade["exit_bar"] == bar and not trade["is_open"]]
    words = [_closed(trade) for trade in left if trade["exit_reason"] != "signal"]
    return words + (
        _of_signal(bar, signal, last_bar, request, trades, rejected) if signal else []
    )


@frozen
class Stretch:
    """What a run's account did on a stretch of bars, in words, and on how many of their closes it held a position."""

    words: str
    bars: int
    held: int

    def awaited(self, direction: str) -> list[str]:
        """The sides of the rule that could have changed something: those that open without a position, or close one."""
        opening = OPENING.get(direction, ("buy", "sell"))
        closing = {"longonly": ("sell",), "shortonly": ("buy",)}.get(direction, ("buy", "sell"))
        wanted = (opening if self.held < self.bars else ()) + (closing if self.held else ())
        return [side for side in ("buy", "sell") if side in wanted]


def stretch_account(bars: range, trades: Sequence[Trade], signals: Sequence[int]) -> Stretch:
    """signals: of the rule on these bars, 1 or -1 each."""
    opened = sum(trade["entry_bar"] in bars for trade in trades)
    held = sum(
        max(
            min(trade["exit_bar"] + trade["is_open"], bars.stop)
            - max(trade["entry_bar"], bars.start),
            0,
        )
        for trade in trades
    )
    words = [
        f"{opened or 'No'} {'trade was' if opened == 1 else 'trades were'} opened on these {len(bars):,} bars",
        f"a position was held at {_share(held, len(bars))} of their closes",
        f"the rule said buy on {signals.count(1) or 'none'} of them and sell on {signals.count(-1) or 'none'}",
    ]
    return Stretch("; ".join(words) + ".", len(bars), held)


def _share(part: int, whole: int) -> str:
    return "none" if not part else "all" if part == whole else f"{part:,}"


def _closed(trade: Trade, when: str = "") -> str:
    by = (
        ""
        if trade["exit_reason"] == "signal"
        else f" by its {trade['exit_reason'].replace('_', ' ')}"
    )
    return f"the {POSITIONS[trade['side']]} position was closed{by}{when} at {_price(trade['exit_price'])}"


def _price(price: float) -> str:
    return number_text(price, MOST_DIGITS)


def _of_signal(
    bar: int,
    signal: int,
    last_bar: int,
    request: Values,
    trades: Sequence[Trade],
    rejected: Sequence[Trade],
) -> list[str]:
    late = request["fill"] == "next_open"
    filled, when = bar + late, " at the next open" if late else ""
    if filled > last_bar:
        return ["there is no next bar to fill at"]
    refused = [
        f"the order was rejected: {order['reason']}"
        for order in rejected
        if order["bar"] == filled
    ]
    done = [*_fills(SIDES[signal], filled, when, late, trades), *refused]
    return done or [_why_nothing(bar, signal, request, trades)]


def _fills(
    side: str, filled: int, when: str, late: bool, trades: Sequence[Trade]
) -> Iterator[str]:
    """What an order of this side closed and opened on the bar that it filled on."""
    for trade in trades:
        if trade["side"] != side and _is_closed_at(trade, filled, late):
            yield _closed(trade, when)
    for trade in trades:
        if trade["side"] == side and trade["entry_bar"] == filled:
            position = f"{POSITIONS[side]} position of {trade['size']:,.10g} shares"
            yield f"a {position} was opened{when} at {_price(trade['entry_price'])}"


def _is_closed_at(trade: Trade, filled: int, late: bool) -> bool:
    """Whether an order met the exit there: its own, or with next_open one at the same open that came before it."""
    own = trade["exit_reason"] == "signal"
    return (
        trade["exit_bar"] == filled
        and not trade["is_open"]
        and (own or (late and trade["exit_at"] == "open"))
    )


def _why_nothing(bar: int, signal: int, request: Values, trades: Sequence[Trade]) -> str:
    # a position that left before the close had left before the signal
    held = [
        each
        for each in trades
        if each["entry_bar"] <= bar <= each["exit_bar"] - (each["exit_at"] != "close")
    ]
    if any(each["exit_bar"] == bar and not each["is_open"] for each in held):
        return "nothing more was done"
    if held:
        return "a position was open, so nothing was done"
    if (signal, request["direction"]) == (-1, "longonly"):
        return "no position was open, so there was nothing to sell"
    if (signal, request["direction"]) == (1, "shortonly"):
        return "no position was open, so there was nothing to buy back"
    return "the account had been liquidated, so nothing was done"
