"""Whether a reproduced run came to the same result, bit for bit."""

import json
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
    differing: list[str]
    only_one: list[str]
    causes: list[str]


def origin_of(connection: Connection, row: RowMapping) -> Reproduction | None:
    """How this run compares with the one that it repeats; None when it repeats none, or that one is gone."""
    if not row["reproduces"]:
        return None
    origin = (
        connection.execute(select(runs).where(RUN.run_id == row["reproduces"]))
        .mappings()
        .one_or_none()
    )
    return None if origin is None else _judged(origin, row, other=origin)


def repetitions_of(connection: Connection, row: RowMapping) -> list[Reproduction]:
    """The latest runs that repeat this one."""
    query = (
        select(runs)
        .where(RUN.reproduces == row["run_id"])
        .order_by(RUN.id.desc())
        .limit(MAX_SHOWN)
    )
    return [_judged(row, again, other=again) for again in connection.execute(query).mappings()]


def _judged(origin: RowMapping, again: RowMapping, other: RowMapping) -> Reproduction:
    states = {origin["status"], again["status"]}
    if states != {RunStatus.SUCCEEDED}:
        verdict: Verdict = "failed" if RunStatus.FAILED in states else "waiting"
        return Reproduction(other, verdict, [], [], [])
    one, two = _stored(origin), _stored(again)
    differing = [name for name in one if name in two and one[name] != two[name]]
    causes = (
        [words for column, words in CAUSES.items() if origin[column] != again[column]]
        if differing
        else []
    )
    return Reproduction(
        other,
        "different" if differing else "identical",
        differing,
        sorted(one.keys() ^ two.keys()),
        causes,
    )


def _stored(row: RowMapping) -> Json:
    """All numbers that a run left behind, by name: metrics and columns of trades apart, since later ones have more.

    Prices as older runs have them: those of trades at ten digits, those of signals in the candles.
    """
    metrics: Json = json.loads(row["metrics_json"])["values"]
    if row["trades_json"] is None:  # pruned
        return metrics
    trades = json.loads(row["trades_json"])
    columns = (
        zip(*trades["rows"], strict=True) if trades["rows"] else [()] * len(trades["columns"])
    )
    return {
        "equity": row["equity_curve_json"],
        "signals": [signal[:2] for signal in decode_signals(row["signals_json"])],
        "rejected orders": trades["rejected"],
        **{
            f"{name} of trades": [*map(short, each)]
            for name, each in zip(trades["columns"], columns, strict=True)
        },
        **metrics,
    }


def summary(repetitions: Sequence[Reproduction]) -> str:
    """How the repetitions came out, in a few words."""
    counted = {
        verdict: sum(each.verdict == verdict for each in repetitions)
        for verdict in ("identical", "different")
    }
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.items() if count)
