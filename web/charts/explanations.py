"""Why a run traded where it did, and why not elsewhere: the lines that its rule looks at, and each bar in words."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np
from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import RowMapping

from adapters.prices.bars import Bars, Column, Whole, bar_date, bar_dates
from adapters.runs.condition_summary import condition_summaries, held_back, on_stretch
from adapters.runs.lines import RunLines, stored_lines
from adapters.runs.queries import lines_of
from adapters.runs.reasons import BarState, comparisons
from adapters.runs.stored_series import decode_signals, decode_trades
from contracts.values import Json, Values
from web.arguments import arguments
from web.charts.bar_account import account_words, stretch_account
from web.charts.bars import completed_row, known
from web.charts.windows import FROM, TO, WINDOW, asked_window
from web.operation import NO_RUN, UNFINISHED, Argument, operation
from web.parsers import whole_number
from web.platform import ask_database, platform

blueprint = Blueprint("explanations", __name__)

NO_LINES = "This run has no lines: it is part of a batch, or they are kept no longer. Run it again to have them."
BAR = Argument("bar", whole_number(0), "number of a traded bar, from 0; the last one by default")
SIGNALS = {1: "buy", -1: "sell", 0: "none"}


@blueprint.get("/api/runs/<uuid:run_id>/lines")
@operation("200 Lines: the lines", NO_RUN, UNFINISHED, asks=WINDOW)
def lines(run_id: str) -> ResponseReturnValue:
    """The lines that a run's rule looks at, on a window of its bars; null where none were kept."""
    row = completed_row(run_id)
    total = len(_traded(row)[1])
    shown = asked_window(total)
    kept = ask_database(lines_of, row, range(shown.first, shown.stop))
    body = {"total": total, "first": shown.first, "bars_per_point": shown.group}
    if kept is None:
        return jsonify(body | {"lines": None, "note": NO_LINES})
    return jsonify(body | {"lines": _drawn(kept, shown.lasts)})


def _drawn(kept: RunLines, points: Whole) -> list[Json]:
    return [
        {name: line[name] for name in ("name", "pane", "group", "levels")}
        | {"values": known(kept.values(place, points))}
        for place, line in enumerate(stored_lines(kept.head))
    ]


@blueprint.get("/api/runs/<uuid:run_id>/explanation")
@operation("200 Explanation: the bar in words", NO_RUN, UNFINISHED, asks=(BAR,))
def explanation(run_id: str) -> ResponseReturnValue:
    """What the rule and the account did on one bar of a run, in words with numbers: ?bar=0."""
    row = completed_row(run_id)
    series, traded = _traded(row)
    last = len(traded) - 1
    bar = arguments(replace(BAR, parse=whole_number(0, last), default=last))["bar"]
    kept = ask_database(lines_of, row, range(bar, bar + 1))
    signal = next((each for at, each, _ in decode_signals(row["signals_json"]) if at == bar), 0)
    trades, rejected, _ = decode_trades(row["trades_json"])
    account = account_words(bar, signal, last, json.loads(row["request_json"]), trades, rejected)
    when = bar_date(int(series.times[traded[bar]]), series.timeframe)
    body = {"bar": bar, "date": when, "signal": SIGNALS[signal]}
    rule = (
        _rule(kept, series, traded[bar], bar)
        if kept
        else {"sides": None, "conditions": [], "note": NO_LINES}
    )
    sentence = "; ".join([*_outcome(SIGNALS[signal], rule["sides"]), *account])
    return jsonify(body | rule | {"account": account, "sentence": sentence})


@blueprint.get("/api/runs/<uuid:run_id>/stretch")
@operation("200 Stretch: the bars in words", NO_RUN, UNFINISHED, asks=(FROM, TO))
def stretch(run_id: str) -> ResponseReturnValue:
    """What kept a run's rule from trading on a stretch of its bars, or how often it did: ?from=0&to=250."""
    row = completed_row(run_id)
    series, traded = _traded(row)
    shown = asked_window(len(traded))
    bars = range(shown.first, shown.stop)
    trades, _, _ = decode_trades(row["trades_json"])
    signals = [signal for at, signal, _ in decode_signals(row["signals_json"]) if at in bars]
    dates = bar_dates(
        series.times[traded.start + bars.start : traded.start + bars.stop], series.timeframe
    )
    body = {"from": bars.start, "to": bars.stop, "first": dates[0], "last": dates[-1]}
    said = stretch_account(bars, trades, signals)
    kept = ask_database(lines_of, row, bars)
    if kept is None:
        return jsonify(body | {"sentence": said.words, "held_back": [], "note": NO_LINES})
    values = partial(_line_values, kept, series, traded.start, np.arange(bars.start, bars.stop))
    head = kept.head if len(bars) == len(traded) else on_stretch(kept, bars, values)
    summaries = condition_summaries(head, dates)
    sides = said.awaited(json.loads(row["request_json"])["direction"])
    return jsonify(
        body
        | {"sentence": said.words, "held_back": [held_back(summaries, side) for side in sides]}
    )


def _line_values(kept: RunLines, series: Bars, start: int, bars: Whole, line: int) -> Column:
    """A line of the rule on bars of the run, whose first is `start` in the series; NaN where it has no value."""
    about = kept.head["lines"][line]
    if "column" in about:
        return series.columns[about["column"].capitalize()][start + bars]
    place = [each["name"] for each in stored_lines(kept.head)].index(about["name"])
    return kept.values(place, bars)


def _traded(row: RowMapping) -> tuple[Bars, range]:
    """The bars that a run read, and the numbers of those that it traded."""
    asked, series = json.loads(row["request_json"]), platform().prices.bars(row["data_hash"])
    return series, series.between(
        *(date.fromisoformat(asked[name]) for name in ("start_date", "end_date"))
    )


def _rule(kept: RunLines, series: Bars, place: int, bar: int) -> Json:
    """Both sides of the rule on a bar, and the comparisons that they are made of."""
    state = _bar_state(kept, series, place, bar)
    sides = {side: kept.head[side] for side in ("buy", "sell")}
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


def _bar_state(kept: RunLines, series: Bars, place: int, bar: int) -> BarState:
    """What the rule saw on a bar of the run, whose number in the series is `place`."""

    def value(line: int) -> float | None:
        found = float(_line_values(kept, series, place - bar, np.array([bar]), line)[0])
        return found if found == found else None

    return BarState(kept.head["lines"], value, lambda truth: kept.truth(truth, bar))


def _outcome(signal: str, sides: Mapping[str, Values] | None) -> list[str]:
    """The rule's part of the sentence."""
    if sides is None:
        return [f"{signal} signal" if signal != "none" else "no signal"]
    if signal != "none":
        return [f"{sides[signal]['words']} → {signal}"]
    if sides["buy"]["met"] and sides["sell"]["met"]:
        return ["both conditions hold, which is no signal"]
    return [f"{each['words']} → no {side}" for side, each in sides.items()]
