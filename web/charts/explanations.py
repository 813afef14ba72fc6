"""Explanations of a run: the lines that its rule reads, and what rule and account did on each bar, in words.

The rule is explained from its lines, the account from its orders and trades.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from flask import Blueprint
from flask.typing import ResponseReturnValue
from sqlalchemy import RowMapping

from adapters.metrics.curves import shares_held
from adapters.prices.bars import MOST_DIGITS
from adapters.runs.explanations import (
    OPENING,
    BarState,
    RunLines,
    comparisons,
    condition_summaries,
    counted,
    held_back,
    number_text,
)
from adapters.runs.queries import lines_of
from adapters.runs.series import RunSeries, decode_signals, traded_bars
from contracts.values import Json, Values, picked
from web.api import NO_RUN, UNFINISHED, Argument, arguments, operation
from web.app import ask_database, platform
from web.charts.bars import (
    FROM,
    POSITION_WORDS,
    TO,
    WINDOW,
    bars_of,
    completed_row,
    json_numbers,
    read_window,
)
from web.formats import whole_number

blueprint = Blueprint("explanations", __name__)

NO_LINES = "This run has no indicator lines: it is part of a batch, or they were deleted. Run it again to get them."
BAR = Argument("bar", whole_number(0), "number of a traded bar, from 0; the last one by default")
SIGNALS = {1: "buy", -1: "sell", 0: "none"}


@blueprint.get("/api/runs/<uuid:run_id>/lines")
@operation("200 Lines: the lines", NO_RUN, UNFINISHED, asks=WINDOW)
def lines(run_id: str) -> ResponseReturnValue:
    """The indicator lines that a run's rule reads, on a window of its bars; null when they are not stored."""
    row = completed_row(run_id)
    traded = traded_bars(row, platform().prices.bars)
    window = read_window(len(traded))
    kept = ask_database(lines_of, row, traded, window.lasts)
    body = {"total": len(traded), "first": window.first, "bars_per_point": window.group}
    fields = {"lines": _line_json(kept)} if kept else {"lines": None, "note": NO_LINES}
    return body | fields


def _line_json(kept: RunLines) -> list[Json]:
    return [
        picked(line, ("name", "pane", "group", "levels")) | {"values": json_numbers(values)}
        for line, values in zip(kept.head["lines"], kept.values, strict=True)
        if "column" not in line
    ]


@blueprint.get("/api/runs/<uuid:run_id>/explanation")
@operation("200 Explanation: the bar in words", NO_RUN, UNFINISHED, asks=(BAR,))
def explanation(run_id: str) -> ResponseReturnValue:
    """Explain what the rule and the account did on one bar of a run: ?bar=0."""
    row, run_bars = completed_row(run_id), bars_of(run_id)
    last = len(run_bars.bars) - 1
    bar = arguments(replace(BAR, parse=whole_number(0, last), default=last))["bar"]
    kept = ask_database(lines_of, row, run_bars.bars, np.array([bar]))
    signal = next((each for at, each, _ in decode_signals(row["signals_json"]) if at == bar), 0)
    account = account_words(run_bars.run, bar, signal)
    when = run_bars.bars[bar:].first
    body = {"bar": bar, "date": when, "signal": SIGNALS[signal]}
    rule = _rule(kept) if kept else {"sides": None, "conditions": [], "note": NO_LINES}
    sentence = "; ".join([*_signal_words(SIGNALS[signal], rule["sides"]), *account])
    return body | rule | _code_output(row, kept, bar) | {"account": account, "sentence": sentence}


@blueprint.get("/api/runs/<uuid:run_id>/stretch")
@operation("200 Stretch: the bars in words", NO_RUN, UNFINISHED, asks=(FROM, TO))
def stretch(run_id: str) -> ResponseReturnValue:
    """Explain a period of a run: its trades, and what kept the rule from trading: ?from=0&to=250."""
    row, run_bars = completed_row(run_id), bars_of(run_id)
    window = read_window(len(run_bars.bars))
    bars = range(window.first, window.stop)
    signals = [signal for at, signal, _ in decode_signals(row["signals_json"]) if at in bars]
    dates = run_bars.bars[bars.start : bars.stop].dates()
    words, awaited = stretch_account(run_bars.run, bars, signals)
    body = {
        "from": bars.start,
        "to": bars.stop,
        "first": dates[0],
        "last": dates[-1],
        "sentence": words,
    }
    kept = ask_database(lines_of, row, run_bars.bars, np.arange(bars.start, bars.stop))
    if kept is None:
        return body | {"held_back": [], "note": NO_LINES}
    head = kept.head if len(bars) == len(run_bars.bars) else counted(kept)
    summaries = condition_summaries(head, dates)
    return body | {"held_back": [held_back(summaries, side) for side in awaited]}


def _rule(kept: RunLines) -> Json:
    """Return both sides of the rule on the only bar of its lines, and the comparisons that they consist of."""
    state = BarState(
        kept.head["lines"],
        lambda line: json_numbers(kept.values[line])[0],
        lambda truth: kept.truths[truth].item(),
    )
    sides = picked(kept.head, ("buy", "sell"))
    return {
        "sides": {
            side: {"met": state.met(each), "words": state.explain(each)}
            for side, each in sides.items()
        }
        or None,
        "conditions": [
            {"side": side, "words": state.requirement(each), "met": state.met(each)}
            | ({"member": member} if member else {})
            for side, condition in sides.items()
            for member, each in comparisons(condition)
        ],
    }


def _code_output(row: RowMapping, kept: RunLines | None, bar: int) -> Json:
    """Return what a strategy in Python plotted and printed on a bar; {} for other rules."""
    if not row["python_json"]:
        return {}
    printed = (text for at, text in json.loads(row["python_json"])["printed"] if at == bar)
    lines = zip(kept.head["lines"], kept.values, strict=True) if kept else ()
    values = {line["name"]: json_numbers(value)[0] for line, value in lines}
    return {"plotted": values, "printed": "".join(printed)}


def _signal_words(signal: str, sides: Mapping[str, Values] | None) -> list[str]:
    """Return the rule's part of the sentence."""
    if sides is None:
        return [f"{signal} signal" if signal != "none" else "no signal"]
    if signal != "none":
        return [f"{sides[signal]['words']} → {signal}"]
    if sides["buy"]["met"] and sides["sell"]["met"]:
        return ["both conditions hold, which is no signal"]
    return [f"{each['words']} → no {side}" for side, each in sides.items()]


def account_words(run: RunSeries, bar: int, signal: int) -> list[str]:
    """List the actions on a bar in order: exits by stops, then the effects of its signal (1, -1, or 0 for none)."""
    by_themselves = [
        _closing_words(trade)
        for trade in run.trades
        if _ends_at(trade, bar) and trade["exit_reason"] != "signal"
    ]
    return by_themselves + (_signal_effects(run, bar, signal) if signal else [])


def stretch_account(run: RunSeries, bars: range, signals: Sequence[int]) -> tuple[str, list[str]]:
    """Describe the trades on a period of bars, and return the sides of the rule that could have acted.

    An opening side could on a bar without a position, and a closing side on a bar with one.
    signals: of the rule on these bars, 1 or -1 each.
    """
    opened = sum(trade["entry_bar"] in bars for trade in run.trades)
    held_bars = int(
        np.count_nonzero(shares_held(run.trades, len(run.times))[bars.start : bars.stop])
    )
    closes = "none" if not held_bars else "all" if held_bars == len(bars) else f"{held_bars:,}"
    words = [
        f"{opened or 'No'} {'trade was' if opened == 1 else 'trades were'} opened on these {len(bars):,} bars",
        f"a position was held at {closes} of their closes",
        f"the rule said buy on {signals.count(1) or 'none'} of them and sell on {signals.count(-1) or 'none'}",
    ]
    return "; ".join(words) + ".", _decisive_sides(run.request["direction"], held_bars, len(bars))


def _decisive_sides(direction: str, held_bars: int, bars: int) -> list[str]:
    """Return the sides that could have changed something; held_bars: bars at whose close a position was open."""
    opening = OPENING.get(direction)
    if not opening:
        return ["buy", "sell"]
    return [
        side for side in ("buy", "sell") if (held_bars < bars if side in opening else held_bars)
    ]


def _ends_at(trade: Values, bar: int) -> bool:
    return trade["exit_bar"] == bar and not trade["is_open"]


def _closing_words(trade: Values, when: str = "") -> str:
    reason = trade["exit_reason"].replace("_", " ")
    by = "" if reason == "signal" else f" by its {reason}"
    price = number_text(trade["exit_price"], MOST_DIGITS)
    return f"the {POSITION_WORDS[trade['side']]} position was closed{by}{when} at {price}"


def _signal_effects(run: RunSeries, bar: int, signal: int) -> list[str]:
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
        _closing_words(trade, when)
        for trade in run.trades
        if _is_closed_by(trade, side, filled, late)
    ]
    opened = [
        _opening_words(trade, when)
        for trade in run.trades
        if (trade["side"], trade["entry_bar"]) == (side, filled)
    ]
    return closed + opened + refused or [_why_nothing(run, bar, signal)]


def _is_closed_by(trade: Values, side: str, filled: int, late: bool) -> bool:
    """True when an order of this side that filled on this bar closed the trade."""
    # with next_open, an exit at the same open precedes the order
    met = trade["exit_reason"] == "signal" or (late and trade["exit_at"] == "open")
    return trade["side"] != side and _ends_at(trade, filled) and met


def _opening_words(trade: Values, when: str) -> str:
    position = f"{POSITION_WORDS[trade['side']]} position of {trade['size']:,.10g} shares"
    return f"a {position} was opened{when} at {number_text(trade['entry_price'], MOST_DIGITS)}"


def _why_nothing(run: RunSeries, bar: int, signal: int) -> str:
    # a position closed before the bar's close was closed before the signal
    open_trades = [
        each
        for each in run.trades
        if each["entry_bar"] <= bar <= each["exit_bar"] - (each["exit_at"] != "close")
    ]
    if any(_ends_at(each, bar) for each in open_trades):
        return "nothing more was done"
    if open_trades:
        return "a position was open, so nothing was done"
    nothing_to = {("longonly", -1): "sell", ("shortonly", 1): "buy back"}
    action = nothing_to.get((run.request["direction"], signal))
    if action:
        return f"no position was open, so there was nothing to {action}"
    return "the account had been liquidated, so nothing was done"
