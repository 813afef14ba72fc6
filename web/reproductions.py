"""Whether a run that was done again came to the same result, bit for bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.engine import Connection, RowMapping

from adapters.store.tables import runs
from contracts.status import RunStatus

Verdict = Literal["identical", "different", "waiting", "failed"]
STORED = {
    "metrics_json": "metrics",
    "equity_curve_json": "equity",
    "trades_json": "trades",
    "signals_json": "signals",
}
CAUSES = {
    "data_hash": "the price file",
    "engine_version": "the engine",
    "analysis_version": "the warm-up of rules and the derived metrics",
    "image_tag": "the image",
}
MAX_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Reproduction:
    """One repetition: the run on the other side, the verdict, what differs, and what was not the same around it."""

    other: RowMapping
    verdict: Verdict
    differing: list[str]
    causes: list[str]


def origin_of(connection: Connection, row: RowMapping) -> Reproduction | None:
    """How this run compares with the one that it repeats; None when it repeats none, or that one is gone."""
    if not row["reproduces"]:
        return None
    origin = connection.execute(select(runs).where(runs.c.run_id == row["reproduces"])).mappings().one_or_none()
    return None if origin is None else _judged(origin, row, other=origin)


def repetitions_of(connection: Connection, row: RowMapping) -> list[Reproduction]:
    """The latest runs that repeat this one."""
    query = select(runs).where(runs.c.reproduces == row["run_id"]).order_by(runs.c.id.desc()).limit(MAX_SHOWN)
    return [_judged(row, again, other=again) for again in connection.execute(query).mappings()]


def _judged(origin: RowMapping, again: RowMapping, other: RowMapping) -> Reproduction:
    states = {origin["status"], again["status"]}
    if states != {RunStatus.SUCCEEDED}:
        verdict: Verdict = "failed" if RunStatus.FAILED in states else "waiting"
        return Reproduction(other, verdict, [], [])
    differing = _unequal(origin, again, STORED)
    causes = _unequal(origin, again, CAUSES) if differing else []
    return Reproduction(other, "different" if differing else "identical", differing, causes)


def _unequal(one: RowMapping, other: RowMapping, names: dict[str, str]) -> list[str]:
    return [words for column, words in names.items() if one[column] != other[column]]


def summary(repetitions: Sequence[Reproduction]) -> str:
    """How the repetitions came out, in a few words."""
    counted = {verdict: sum(each.verdict == verdict for each in repetitions) for verdict in ("identical", "different")}
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.items() if count)
