"""A screen on its way in: a sweep, of which each ticker is one Job; checked as its runs would be."""

import logging
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from adapters.batches.expansion import Expansion
from adapters.batches.leaderboard import DEFAULT, Ranking
from adapters.logs import log_context
from adapters.screens.columns import CORE, Combinations
from adapters.screens.store import insert_screen
from contracts.errors import InvalidRequest
from contracts.status import Kind
from contracts.values import Json
from rules.catalog import check_params
from web.batches.bodies import MAX_FAULTS
from web.platform import platform
from web.runs.operations import new_run, recorded_or_known, refuse_when_full, start_runs
from web.runs.validation import ValidRequest, validate_request

log = logging.getLogger(__name__)


def submit_screen(sweep: Expansion) -> tuple[str, bool]:
    """Record and enqueue a Job for each ticker, all or none; the id of the first one, and whether the screen is new.

    InvalidRequest with the faults of every combination at their places in the sweep; Conflict, QueueFull.
    """
    tried = Combinations.of(sweep.members)
    jobs = _checked_jobs(sweep, tried)
    start = partial(_start, jobs, tried, sweep.ranking or DEFAULT)
    return recorded_or_known(jobs, start)


def _start(jobs: list[ValidRequest], tried: Combinations, ranking: Ranking, own: Json) -> None:
    """Record and enqueue the Jobs of a new screen, the first of which has the id and the key of `own`."""
    refuse_when_full(len(jobs))
    first, *others = (replace(new_run(job), kind=Kind.SCREEN) for job in jobs)
    screen_id, key = own["run_id"], own["idempotency_key"]
    named = replace(first.request, run_id=screen_id)
    new = [replace(first, request=named, idempotency_key=key), *others]

    def beside(connection: Connection) -> None:
        for job in new:
            insert_screen(connection, job.run_id, tried, ranking, screen_id=screen_id)

    start_runs(new, beside)
    for run_id, asked in ((job.run_id, job.request) for job in new):
        with log_context(run_id=run_id, attempt=1):
            log.info("run_accepted rule=%s ticker=%s", asked.rule_id, asked.ticker)


def _checked_jobs(sweep: Expansion, tried: Combinations) -> list[ValidRequest]:
    """One request for each ticker."""
    faults = _ranking_faults(sweep) | _params_faults(sweep)
    found = []
    for ticker in sweep.tickers:
        try:
            found.append(_job(sweep, ticker, tried))
        except InvalidRequest as error:
            faults = error.errors | faults
    if faults:
        raise InvalidRequest(faults)
    return found


def _ranking_faults(sweep: Expansion) -> dict[str, str]:
    """Faults of what a screen is ranked by, which is measured of every combination."""
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
        found = check_params(sweep.base.get("rule_type"), sweep.params(member))
        faults |= {f"{number}.{field}": fault for field, fault in found.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return sweep.told(faults)


def _job(sweep: Expansion, ticker: str, tried: Combinations) -> ValidRequest:
    """The request of one ticker, with the params that all combinations share; its hash is of all of them."""
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
