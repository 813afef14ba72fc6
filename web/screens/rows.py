"""A screen's combinations as people read them: ranked over its tickers, each with the run that repeats it."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any

from sqlalchemy import Connection, RowMapping

from adapters.batches.flat_params import with_params
from adapters.batches.leaderboard import Ranking
from adapters.batches.surface import Surface
from adapters.metrics.measured import Array
from adapters.runs.queries import runs_alike
from adapters.screens.columns import CORE, Combinations, Member, ranked_places, unpacked_metrics
from adapters.screens.store import count_differing
from contracts.run_request import RunRequest, request_hash
from contracts.status import RunStatus
from rules.catalog import checked_rule
from web.runs.validation import ValidRequest

Json = dict[str, Any]


@dataclass(frozen=True)
class Screened:
    """A Job that has ended well: what it tried on its ticker, and what each combination came to."""

    job: RowMapping

    @cached_property
    def tried(self) -> Combinations:
        """What it tried."""
        return Combinations.unpacked(self.job)

    @cached_property
    def metrics(self) -> dict[str, Array]:
        """By name, a value for each combination."""
        return unpacked_metrics(self.job["metrics"])

    @cached_property
    def _request(self) -> RunRequest:
        return RunRequest.from_json(json.loads(self.job["request_json"]))

    def places(self, ranking: Ranking) -> Array:
        """The numbers of the combinations that have a place, the best first."""
        return ranked_places(self.metrics, ranking)

    def core(self, number: int) -> dict[str, float | int | None]:
        """The metrics of one combination, as a run has them."""
        values = {name: self.metrics[name].item(number) for name in CORE}
        known = {name: None if math.isnan(value) else value for name, value in values.items()}
        return known | {"num_trades": int(values["num_trades"])}

    def run_of(self, member: Member, **labels: Any) -> ValidRequest:
        """The request of the run that repeats one combination, on the same prices."""
        params = with_params(self._request.params, member)
        rule = checked_rule(self._request.rule_type, params)
        request = replace(self._request, params=params, rule_id=rule.label, run_id=None, **labels)
        return ValidRequest(request, request_hash(request, rule.params))


@dataclass(frozen=True)
class Row:
    """A combination on a ticker, by its number there."""

    of: Screened
    number: int

    @cached_property
    def member(self) -> Member:
        """Its values of the swept parameters."""
        return self.of.tried.member(self.number)


def screened_jobs(jobs: Sequence[RowMapping], ticker: str | None = None) -> list[Screened]:
    """Those that have ended well, or that of one ticker."""
    ended = (job for job in jobs if job["metrics"] is not None)
    return [Screened(job) for job in ended if ticker in (None, job["ticker"])]


def ranked_rows(found: Sequence[Screened], ranking: Ranking, top: int | None = None) -> list[Row]:
    """The best combinations over all tickers, the best first; those without a place are left out."""
    sign = -1 if ranking.goal == "max" else 1
    keyed = [
        (sign * each.metrics[ranking.metric].item(number), place, number)
        for place, each in enumerate(found)
        for number in each.places(ranking)[:top].tolist()
    ]
    return [Row(found[place], number) for _, place, number in sorted(keyed)[:top]]


def leaderboard(connection: Connection, rows: Sequence[Row]) -> list[Json]:
    """Rows as the API shows them; is_equal says whether their run came to the same metrics, null without one."""
    hashes = [row.of.run_of(row.member).request_hash for row in rows]
    known = runs_alike(connection, hashes)
    return [
        _shown(row, known.get(request_hash))
        for row, request_hash in zip(rows, hashes, strict=True)
    ]


def _shown(row: Row, run: RowMapping | None) -> Json:
    metrics = row.of.core(row.number)
    return {
        "number": row.number,
        "ticker": row.of.job["ticker"],
        "params": row.member,
        "metrics": metrics,
        "run_id": run["run_id"] if run else None,
        "is_equal": all(run[name] == value for name, value in metrics.items())
        if run and run["status"] == RunStatus.SUCCEEDED
        else None,
    }


def note_differing(
    connection: Connection, jobs: Sequence[RowMapping], shown: Sequence[Json]
) -> None:
    """Record, for /metrics, how many rows have a run that came to other numbers; they never should."""
    for job in jobs:
        if differing := sum(
            row["is_equal"] is False and row["ticker"] == job["ticker"] for row in shown
        ):
            count_differing(connection, job["run_id"], differing)


def surface_of(found: Sequence[Screened], ranking: Ranking) -> Surface:
    """The metric over the parameters, of the combinations that have a place."""
    rows = [(each, each.places(ranking)) for each in found]
    columns = [each.metrics[ranking.metric][places].tolist() for each, places in rows]
    metrics = list(chain.from_iterable(columns))
    names = found[0].tried.values if found else ()
    params = {
        name: [value for each, places in rows for value in each.tried.column(name, places)]
        for name in names
    }
    return Surface(metrics, [""] * len(metrics), params)  # none of them is a run yet
