"""The combinations of a screen, ranked over its tickers, each with the run that repeats it."""

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
    """A completed Job: the combinations that it tried on its ticker, and their metrics."""

    job: RowMapping
    tried: Combinations
    metrics: dict[str, Array]  # by name, a value for each combination
    request: RunRequest  # shared by all combinations
    # the combination with the highest Sharpe ratio, as its Job stored it; empty when none has a Sharpe ratio
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

    def to_json(self, run: RowMapping | None) -> Json:
        """Return the row for the API; is_equal: `run` has the same metrics, null unless it has completed."""
        values = {name: self.value(name) for name in CORE}
        numbers = {name: None if math.isnan(value) else value for name, value in values.items()}
        metrics = numbers | {"num_trades": int(values["num_trades"])}
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
    """Return the completed Jobs, or that of one ticker."""
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
    jobs: Sequence[ScreenedJob], ranking: Ranking, top: int | None = None
) -> list[Row]:
    """Rank the combinations of all tickers, the best first; those without a rank are left out."""
    rows = (
        Row(each, at)
        for each in jobs
        for at in ranked_places(each.metrics, ranking)[:top].tolist()
    )
    is_most = ranking.goal == "max"
    return sorted(rows, key=lambda row: row.value(ranking.metric), reverse=is_most)[:top]


def leaderboard(rows: Sequence[Row]) -> list[Json]:
    """Return rows for the API with their runs, and count for /metrics the runs with other metrics.

    There should never be one.
    """
    hashes = [row.run().request_hash for row in rows]
    existing = ask_database(runs_alike, hashes)
    runs = (existing.get(request_hash) for request_hash in hashes)
    bodies = [row.to_json(run) for row, run in zip(rows, runs, strict=True)]
    both = zip(rows, bodies, strict=True)
    differing = Counter(row.of.job["run_id"] for row, body in both if body["is_equal"] is False)
    for job_id, count in differing.items():
        change_database(count_differing, job_id, count)
    return bodies


def surface_of(jobs: Sequence[ScreenedJob], ranking: Ranking) -> Surface:
    """Return the metric over the parameters, of the ranked combinations."""
    placed = [(each, ranked_places(each.metrics, ranking)) for each in jobs]
    metrics = [
        value
        for each, places in placed
        for value in each.metrics[ranking.metric][places].tolist()
    ]
    params = {
        name: [value for each, places in placed for value in each.tried.column(name, places)]
        for name in (jobs[0].tried.values if jobs else ())
    }
    return Surface(metrics, [""] * len(metrics), params)  # none of them is a run yet
