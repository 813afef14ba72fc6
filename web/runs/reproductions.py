"""Whether a reproduced run came to the same result, bit for bit."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import Connection, RowMapping, select

from adapters.runs.stored_series import decode_signals, short
from adapters.tables import RUN, runs
from contracts.status import RunStatus
from contracts.values import Json, frozen

Verdict = Literal["identical", "different", "waiting", "failed"]
CAUSES = {
    "data_hash": "the prices",
    "engine_version": "the engine",
    "analysis_version": "the warm-up of rules and the derived metrics",
    "image_tag": "the image",
}
MAX_SHOWN = 20


@frozen
class Reproduction:
    """One repetition: the run on the other side, the verdict, what differs of all that both have, what only one has,
    and what was not the same around it.
    """

    other: RowMapping
    verdict: Verdict
    differing: Sequence[str] = ()
    only_one: Sequence[str] = ()
    causes: Sequence[str] = ()


def compared(connection: Connection, row: RowMapping) -> Json:
    """How a run compares with the one that it repeats, where that is still there, and with the latest of its own."""
    mine = select(runs).filter_by(reproduces=row["run_id"])
    latest = mine.order_by(RUN.id.desc()).limit(MAX_SHOWN)
    repetitions = [_judged(row, each, each) for each in connection.execute(latest).mappings()]
    origin = None
    if row["reproduces"]:
        repeated = select(runs).filter_by(run_id=row["reproduces"])
        origin = connection.execute(repeated).mappings().one_or_none()
    return {
        "origin": origin and _judged(origin, row, origin),
        "repetitions": repetitions,
        "repetition_summary": _summary(repetitions),
    }


def _judged(origin: RowMapping, again: RowMapping, other: RowMapping) -> Reproduction:
    states = {origin["status"], again["status"]}
    if states != {RunStatus.SUCCEEDED}:
        return Reproduction(other, "failed" if RunStatus.FAILED in states else "waiting")
    one, two = _stored(origin), _stored(again)
    differing = [name for name in one if name in two and one[name] != two[name]]
    only_one = sorted(one.keys() ^ two.keys())
    if not differing:
        return Reproduction(other, "identical", only_one=only_one)
    causes = [words for column, words in CAUSES.items() if origin[column] != again[column]]
    return Reproduction(other, "different", differing, only_one, causes)


def _stored(row: RowMapping) -> Json:
    """All numbers that a run left behind, by name: metrics and columns of trades apart, since later ones have more.

    Prices as older runs have them: those of trades at ten digits, those of signals in the candles.
    """
    metrics: Json = json.loads(row["metrics_json"])["values"]
    if row["trades_json"] is None:  # pruned
        return metrics
    trades = json.loads(row["trades_json"])
    return {
        "equity": row["equity_curve_json"],
        "signals": [signal[:2] for signal in decode_signals(row["signals_json"])],
        "rejected orders": trades["rejected"],
        **{
            f"{name} of trades": [short(each[place]) for each in trades["rows"]]
            for place, name in enumerate(trades["columns"])
        },
        **metrics,
    }


def _summary(repetitions: Sequence[Reproduction]) -> str:
    """How the repetitions came out, in a few words."""
    counted = Counter(each.verdict for each in repetitions)
    verdicts: tuple[Verdict, ...] = ("identical", "different")
    return ", ".join(f"{counted[each]} {each}" for each in verdicts if counted[each])
