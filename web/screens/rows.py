"""A screen's combinations as people read them: ranked over its tickers, each with the run that repeats it."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import RowMapping

from adapters.metrics.measured import Array
from adapters.plans.combinations import CORE, Combinations, ranked_places, unpacked_metrics
from adapters.plans.flat_params import with_params
from adapters.plans.ranking import Ranking
from adapters.plans.screen import count_differing
from adapters.plans.surface import Surface
from adapters.runs.queries import runs_alike
from contracts.run_request import RunRequest, request_hash
from contracts.status import RunStatus
from contracts.values import Json, frozen, picked
from rules.catalog import checked_rule
from web.app import ask_database, change_database
from web.runs.validation import ValidRequest


@frozen
class ScreenedJob:
    """A Job that has ended well: what it tried on its ticker, and what each combination came to."""

    job: RowMapping
    tried: Combinations
    metrics: dict[str, Array]  # by name, a value for each combination
    request: RunRequest  # what all of its combinations share
    # the combination with the highest Sharpe ratio, as its Job has written it; nothing where none has one
    best: Json


@dataclass(frozen=True)
class Row:
    """A combination on a ticker, by its number there."""

    of: ScreenedJob
    number: int

    @cached_property
    def member(self) -> Json:
        """Its values of the swept parameters."""
        return self.of.tried.member(self.number)

    def value(self, metric: str) -> float:
        """One of its metrics; NaN where it has none."""
        return float(self.of.metrics[metric][self.number])

    def run(self, **labels: Any) -> ValidRequest:
        """The request of the run that repeats it, on the same prices."""
        shared = self.of.request
        params = with_params(shared.params, self.member)
        rule = checked_rule(shared.rule_type, params)
        request = replace(shared, params=params, rule_id=rule.label, run_id=None, **labels)
        return ValidRequest(request, request_hash(request, rule.params))

    def shown(self, run: RowMapping | None) -> Json:
        """As the API shows it; is_equal: whether `run` came to the same metrics, null unless it has completed."""
        values = {name: self.value(name) for name in CORE}
        known = {name: None if math.isnan(value) else value for name, value in values.items()}
        metrics = known | {"num_trades": int(values["num_trades"])}
        has_ended = run and run["status"] == RunStatus.SUCCEEDED
        return {
            "number": self.number,
            "ticker": self.of.job["ticker"],
            "params": self.member,
            "metrics": metrics,
            "run_id": run and run["run_id"],
            "is_equal": picked(run, metrics) == metrics if run and has_ended else None,
        }


def screened_jobs(jobs: Sequence[RowMapping], ticker: str | None = None) -> list[ScreenedJob]:
    """Those that have ended well, or that of one ticker."""
    return [
        ScreenedJob(
            job,
            Combinations.unpacked(job),
            unpacked_metrics(job["metrics"]),
            RunRequest.from_json(json.loads(job["request_json"])),
            json.loads(job["best_json"]) or {},
        )
        for job in jobs
        if job["metrics"] is not None and ticker in (None, job["ticker"])
    ]


def ranked_rows(
    found: Sequence[ScreenedJob], ranking: Ranking, top: int | None = None
) -> list[Row]:
    """The best combinations over all tickers, the best first; those without a place are left out."""
    rows = (
        Row(each, at)
        for each in found
        for at in ranked_places(each.metrics, ranking)[:top].tolist()
    )
    is_most = ranking.goal == "max"
    return sorted(rows, key=lambda row: row.value(ranking.metric), reverse=is_most)[:top]


def leaderboard(rows: Sequence[Row]) -> list[Json]:
    """Rows as the API shows them, with their runs; how many of a Job came to other numbers is recorded for /metrics.

    None ever should.
    """
    hashes = [row.run().request_hash for row in rows]
    known = ask_database(runs_alike, hashes)
    runs = (known.get(request_hash) for request_hash in hashes)
    shown = [row.shown(run) for row, run in zip(rows, runs, strict=True)]
    both = zip(rows, shown, strict=True)
    differing = Counter(row.of.job["run_id"] for row, told in both if told["is_equal"] is False)
    for job_id, count in differing.items():
        change_database(count_differing, job_id, count)
    return shown


def surface_of(found: Sequence[ScreenedJob], ranking: Ranking) -> Surface:
    """The metric over the parameters, of the combinations that have a place."""
    placed = [(each, ranked_places(each.metrics, ranking)) for each in found]
    metrics = [
        value
        for each, places in placed
        for value in each.metrics[ranking.metric][places].tolist()
    ]
    params = {
        name: [value for each, places in placed for value in each.tried.column(name, places)]
        for name in (found[0].tried.values if found else ())
    }
    return Surface(metrics, [""] * len(metrics), params)  # none of them is a run yet
