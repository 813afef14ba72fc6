"""Why a run traded where it did, and why not elsewhere: the lines that its rule looks at, and each bar in words.

The rule's part is told from its lines; the account's is what it did with the signal, and what else happened to it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from flask import Blueprint
from flask.typing import ResponseReturnValue

from adapters.metrics.curves import shares_held
from adapters.prices.bars import MOST_DIGITS
from adapters.runs.condition_summary import OPENING, condition_summaries, held_back
from adapters.runs.lines import RunLines, counted
from adapters.runs.queries import lines_of
from adapters.runs.reasons import BarState, comparisons, number_text
from adapters.runs.run_bars import traded_bars
from adapters.runs.series import RunSeries
from adapters.runs.stored_series import decode_signals
from contracts.values import Json, Values, picked
from web.api import NO_RUN, UNFINISHED, Argument, arguments, operation
from web.app import ask_database, platform
from web.charts.bars import FROM, TO, WINDOW, asked_window, bars_of, completed_row, known
from web.formats import whole_number
from web.runs.tables import POSITION_WORDS

blueprint = Blueprint("explanations", __name__)

NO_LINES = "This run has no lines: it is part of a batch, or they are kept no longer. Run it again to have them."
BAR = Argument("bar", whole_number(0), "number of a traded bar, from 0; the last one by default")
SIGNALS = {1: "buy", -1: "sell", 0: "none"}


@blueprint.get("/api/runs/<uuid:run_id>/lines")
@operation("200 Lines: the lines", NO_RUN, UNFINISHED, asks=WINDOW)
def lines(run_id: str) -> ResponseReturnValue:
    """The lines that a run's rule looks at, on a window of its bars; null where none were kept."""
    row = completed_row(run_id)
    traded = traded_bars(row, platform().prices.bars)
    shown = asked_window(len(traded))
    kept = ask_database(lines_of, row, traded, shown.lasts)
    body = {"total": len(traded), "first": shown.first, "bars_per_point": shown.group}
    said = {"lines": _drawn(kept)} if kept else {"lines": None, "note": NO_LINES}
    return body | said


def _drawn(kept: RunLines) -> list[Json]:
    return [
        picked(line, ("name", "pane", "group", "levels")) | {"values": known(values)}
        for line, values in zip(kept.head["lines"], kept.values, strict=True)
        if "column" not in line
    ]


@blueprint.get("/api/runs/<uuid:run_id>/explanation")
@operation("200 Explanation: the bar in words", NO_RUN, UNFINISHED, asks=(BAR,))
def explanation(run_id: str) -> ResponseReturnValue:
    """What the rule and the account did on one bar of a run, in words with numbers: ?bar=0."""
    row, found = completed_row(run_id), bars_of(run_id)
    last = len(found.bars) - 1
    bar = arguments(replace(BAR, parse=whole_number(0, last), default=last))["bar"]
    kept = ask_database(lines_of, row, found.bars, np.array([bar]))
    signal = next((each for at, each, _ in decode_signals(row["signals_json"]) if at == bar), 0)
    account = account_words(found.run, bar, signal)
    when = found.bars[bar:].first
    body = {"bar": bar, "date": when, "signal": SIGNALS[signal]}
    rule = _rule(kept) if kept else {"sides": None, "conditions": [], "note": NO_LINES}
    sentence = "; ".join([*_outcome(SIGNALS[signal], rule["sides"]), *account])
    return body | rule | {"account": account, "sentence": sentence}


@blueprint.get("/api/runs/<uuid:run_id>/stretch")
@operation("200 Stretch: the bars in words", NO_RUN, UNFINISHED, asks=(FROM, TO))
def stretch(run_id: str) -> ResponseReturnValue:
    """What kept a run's rule from trading on a stretch of its bars, or how often it did: ?from=0&to=250."""
    row, found = completed_row(run_id), bars_of(run_id)
    shown = asked_window(len(found.bars))
    bars = range(shown.first, shown.stop)
    signals = [signal for at, signal, _ in decode_signals(row["signals_json"]) if at in bars]
    dates = found.bars[bars.start : bars.stop].dates()
    words, awaited = stretch_account(found.run, bars, signals)
    body = {
        "from": bars.start,
        "to": bars.stop,
        "first": dates[0],
        "last": dates[-1],
        "sentence": words,
    }
    kept = ask_database(lines_of, row, found.bars, np.arange(bars.start, bars.stop))
    if kept is None:
        return body | {"held_back": [], "note": NO_LINES}
    head = kept.head if len(bars) == len(found.bars) else counted(kept)
    summaries = condition_summaries(head, dates)
    return body | {"held_back": [held_back(summaries, side) for side in awaited]}


def _rule(kept: RunLines) -> Json:
    """Both sides of the rule on the one bar of its lines, and the comparisons that they are made of."""
    state = BarState(
        kept.head["lines"],
        lambda line: known(kept.values[line])[0],
        lambda truth: kept.truths[truth].item(),
    )
    sides = picked(kept.head, ("buy", "sell"))
    return {
        "sides": {
            side: {"met": state.met(each), "words": state.said(each)}
            for side, each in sides.items()
        },
        "conditions": [
            {"side": side, "words": state.wanted(each), "met": state.met(each)}
            | ({"member": member} if member else {})
            for side, condition in sides.items()
            for member, each in comparisons(condition)
        ],
    }


def _outcome(signal: str, sides: Mapping[str, Values] | None) -> list[str]:
    """The rule's part of the sentence."""
    if sides is None:
        return [f"{signal} signal" if signal != "none" else "no signal"]
    if signal != "none":
        return [f"{sides[signal]['words']} → {signal}"]
    if sides["buy"]["met"] and sides["sell"]["met"]:
        return ["both conditions hold, which is no signal"]
    return [f"{each['words']} → no {side}" for side, each in sides.items()]


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
    held = int(np.count_nonzero(shares_held(run.trades, len(run.times))[bars.start : bars.stop]))
    closes = "none" if not held else "all" if held == len(bars) else f"{held:,}"
    words = [
        f"{opened or 'No'} {'trade was' if opened == 1 else 'trades were'} opened on these {len(bars):,} bars",
        f"a position was held at {closes} of their closes",
        f"the rule said buy on {signals.count(1) or 'none'} of them and sell on {signals.count(-1) or 'none'}",
    ]
    return "; ".join(words) + ".", _awaited(run.request["direction"], held, len(bars))


def _awaited(direction: str, held: int, bars: int) -> list[str]:
    """The sides that could have changed something on so many bars, at so many of whose closes a position was held."""
    opening = OPENING.get(direction)
    if not opening:
        return ["buy", "sell"]
    return [side for side in ("buy", "sell") if (held < bars if side in opening else held)]


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
    side, when = SIGNALS[signal].upper(), " at the next open" if late else ""
    closed = [
        _closed(trade, when) for trade in run.trades if _is_closed_by(trade, side, filled, late)
    ]
    opened = [
        _opened(trade, when)
        for trade in run.trades
        if (trade["side"], trade["entry_bar"]) == (side, filled)
    ]
    return closed + opened + refused or [_why_nothing(run, bar, signal)]


def _is_closed_by(trade: Values, side: str, filled: int, late: bool) -> bool:
    """Whether an order of this side that filled on this bar ended a trade."""
    # with next_open, an exit at the same open came before the order
    met = trade["exit_reason"] == "signal" or (late and trade["exit_at"] == "open")
    return trade["side"] != side and _ends_at(trade, filled) and met


def _opened(trade: Values, when: str) -> str:
    position = f"{POSITION_WORDS[trade['side']]} position of {trade['size']:,.10g} shares"
    return f"a {position} was opened{when} at {number_text(trade['entry_price'], MOST_DIGITS)}"


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
