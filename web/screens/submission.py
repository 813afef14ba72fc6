"""A screen on its way in: a sweep, of which each ticker is one Job; checked as its runs would be."""

from dataclasses import replace
from functools import partial

from adapters.batches.expansion import Expansion
from adapters.batches.leaderboard import DEFAULT
from adapters.screens.columns import CORE, Combinations
from adapters.screens.store import insert_screen
from contracts.errors import InvalidRequest
from contracts.status import Kind
from rules.catalog import check_params
from web.batches.bodies import MAX_FAULTS
from web.platform import platform
from web.runs.operations import Accepted, refuse_when_full, submit_run
from web.runs.validation import ValidRequest, validate_request


def submit_screen(sweep: Expansion, key: str | None) -> Accepted:
    """Record and enqueue a Job for each ticker; what became of the first one, whose run_id is the screen's id.

    InvalidRequest with the faults of every combination at their places in the sweep; Conflict, QueueFull.
    """
    tried = Combinations.of(sweep.members)
    first, *others = _checked_jobs(sweep, tried)
    refuse_when_full(len(sweep.tickers))
    beside = partial(insert_screen, tried=tried, ranking=sweep.ranking or DEFAULT)
    accepted = submit_run(first, key, kind=Kind.SCREEN, beside=beside)
    beside = partial(beside, screen_id=accepted.run_id)
    for number, job in enumerate(others, start=1):
        own_key = key and f"{number} {key}"[:128]
        submit_run(job, own_key, kind=Kind.SCREEN, beside=beside)
    return accepted


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
