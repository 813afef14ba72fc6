"""Submission of a screen: a sweep with one Job per ticker, validated like its runs."""

import logging
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from adapters.logs import log_context
from adapters.plans.combinations import CORE, Combinations
from adapters.plans.expansion import Expansion
from adapters.plans.ranking import DEFAULT, Ranking
from adapters.plans.screen import insert_search
from adapters.plans.store import insert_plan
from contracts.errors import InvalidRequest
from contracts.run_request import canonical_hash
from contracts.status import Kind, PlanKind
from contracts.values import Json
from rules.catalog import check_params
from web.app import platform, submit_plan
from web.batches.bodies import MAX_FAULTS
from web.runs.operations import new_run, refuse_when_full, start_runs
from web.runs.validation import ValidRequest, validate_request

log = logging.getLogger(__name__)


def submit_screen(sweep: Expansion) -> tuple[str, bool]:
    """Record and enqueue a Job per ticker, all or none; return the id of the screen and whether it is new.

    InvalidRequest with the faults of every combination at their places in the sweep; Conflict, QueueFull.
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
    refuse_when_full(len(jobs))
    first, *others = (replace(new_run(job), kind=Kind.SCREEN) for job in jobs)
    new = [replace(first, request=replace(first.request, run_id=screen_id)), *others]

    def record_plan(connection: Connection) -> str:
        insert_plan(connection, PlanKind.SCREEN, ranking, plan_id=screen_id, **columns)
        for job in new:
            insert_search(connection, job.run_id, tried)
        return screen_id

    start_runs(new, record_plan)
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
    for number, member in enumerate(sweep.members, start=1):
        params_faults = check_params(sweep.base.get("rule_type"), sweep.params(member))
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
    request = valid.request
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
    return ValidRequest(named, tried.hash_with(valid.request_hash))
