"""Jobs of a screen: their submission, and the combinations that they tried, ranked over its tickers."""

import json
import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

from sqlalchemy import Connection, RowMapping

from adapters.columns import unpack
from adapters.logs import log_context
from adapters.metrics.moments import Array
from adapters.plans.combinations import CORE, Combinations, Surface, ranked_places
from adapters.plans.expansion import Expansion
from adapters.plans.ranking import DEFAULT, Ranking, with_params
from adapters.plans.screen import count_differing, insert_search
from adapters.plans.store import insert_plan
from adapters.runs.queries import runs_alike
from contracts.errors import InvalidRequest
from contracts.run_request import RunRequest, canonical_hash, request_hash
from contracts.status import Kind, PlanKind, RunStatus
from contracts.values import Json, frozen, picked
from rules.catalog import checked_rule
from web.app import ask_database, change_database, platform, submit_plan
from web.batches.submission import MAX_FAULTS
from web.documents.plan_answers import ScreenRow
from web.prices import market_of
from web.runs.operations import new_run, start_runs
from web.runs.validation import ValidRequest, rule_faults, validate_request, with_others

log = logging.getLogger(__name__)


def submit_screen(sweep: Expansion) -> tuple[str, bool]:
    """Record and enqueue a Job per ticker, all or none; return the id of the screen and whether it is new.

    InvalidRequest with the faults of every combination at their places in the sweep; Conflict, QueueFull,
    BudgetSpent.
    """
    tried = Combinations.of(sweep.members)
    jobs = _checked_jobs(sweep, tried)
    insert = partial(_insert, jobs, tried, sweep.ranking or DEFAULT)
    request_hash = canonical_hash([job.request_hash for job in jobs])
    return submit_plan(PlanKind.SCREEN, request_hash, insert, jobs[0].request.batch_id)


def _insert(
    jobs: list[ValidRequest],
    tried: Combinations,
    ranking: Ranking,
    screen_id: str,
    columns: Json,
) -> None:
    """Record and enqueue the Jobs of a new screen, the first of which has the screen's id."""
    first, *others = (replace(new_run(job), kind=Kind.SCREEN) for job in jobs)
    new = [replace(first, request=replace(first.request, run_id=screen_id)), *others]

    def record_plan(connection: Connection) -> str:
        insert_plan(connection, PlanKind.SCREEN, ranking, plan_id=screen_id, **columns)
        for job in new:
            insert_search(connection, job.run_id, tried)
        return screen_id

    start_runs(new, record_plan, len(jobs) * len(tried))
    for job in new:
        with log_context(run_id=job.run_id, attempt=1):
            log.info("run_accepted rule=%s ticker=%s", job.request.rule_id, job.request.ticker)


def _checked_jobs(sweep: Expansion, tried: Combinations) -> list[ValidRequest]:
    """Return the validated request of each ticker; InvalidRequest with all faults."""
    faults = _ranking_faults(sweep) | _params_faults(sweep)
    jobs = []
    for ticker in sweep.tickers:
        try:
            jobs.append(_job(sweep, ticker, tried))
        except InvalidRequest as error:
            faults = error.errors | faults
    if faults:
        raise InvalidRequest(faults)
    return jobs


def _ranking_faults(sweep: Expansion) -> dict[str, str]:
    """Return faults of the ranking: a screen measures the core metrics only."""
    ranking = sweep.ranking or DEFAULT
    named = {"metric": (ranking.metric, {ranking.metric})}
    for number, each in enumerate(ranking.constraints):
        named[f"constraints.{number}"] = (each.text[:60], {*each.names})
    return {
        field: f"{text!r} is not accepted; accepted: a screen has {', '.join(CORE)}"
        for field, (text, names) in named.items()
        if not names <= {*CORE}
    }


def _params_faults(sweep: Expansion) -> dict[str, str]:
    faults: dict[str, str] = {}
    first = sweep.request(sweep.tickers[0], sweep.members[0])
    market = market_of(first, platform().prices)
    for number, member in enumerate(sweep.members, start=1):
        params_faults = rule_faults(sweep.base.get("rule_type"), sweep.params(member), market)
        faults |= {f"{number}.{field}": fault for field, fault in params_faults.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return sweep.place_faults(faults)


def _job(sweep: Expansion, ticker: str, tried: Combinations) -> ValidRequest:
    """Return the request of one ticker with the shared params; its hash covers all combinations."""
    prices, most = platform().prices, platform().settings.max_screen_bars
    first = sweep.tickers.index(ticker) * len(tried) + 1
    with sweep.placing(lambda field: f"{first}.{field}"):
        valid = validate_request(sweep.request(ticker, sweep.members[0]), prices)
    request, hashed = valid.request, valid.request_hash
    if not {"buy", "sell"}.isdisjoint(sweep.members[0]):  # the texts of a formula are swept
        rules = (checked_rule(request.rule_type, sweep.params(each)) for each in sweep.members)
        request = with_others(request, rules, prices)
        hashed = request_hash(request, checked_rule(request.rule_type, request.params).params)
    bars = len(prices.bars(str(request.data_hash)).between(request.start_date, request.end_date))
    if (cells := len(tried) * bars) > most:
        fault = f"{len(tried):,} combinations x {bars:,} bars are {cells:,}"
        accepted = f"at most {most:,} (MAX_SCREEN_BARS) are accepted"
        raise InvalidRequest({"parameters": f"{fault}; {accepted}"})
    named = replace(
        request,
        params=sweep.base.get("params") or {},
        rule_id=f"{request.rule_type} x {len(tried):,}",
        label=request.label or (sweep.spec.name and sweep.spec.name[:64]),
    )
    return ValidRequest(named, tried.hash_with(hashed))


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

    def to_json(self, run: RowMapping | None) -> ScreenRow:
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
            "run_id": run["run_id"] if run else None,
            "is_equal": picked(run, metrics) == metrics if run and has_ended else None,
        }


def screened_jobs(jobs: Sequence[RowMapping], ticker: str | None = None) -> list[ScreenedJob]:
    """Return the completed Jobs, or that of one ticker."""
    return [
        ScreenedJob(
            job,
            Combinations.unpacked(job),
            unpack(job["metrics"]),
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


def leaderboard(rows: Sequence[Row]) -> list[ScreenRow]:
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
