"""A screen on its way in: a sweep, of which each ticker is one Job; checked as its runs would be."""

from dataclasses import replace
from functools import partial

from adapters.batches.expansion import Expansion
from adapters.batches.rankings import DEFAULT
from adapters.prices.store import PriceStore
from adapters.screens.columns import CORE, Combinations
from adapters.screens.store import insert_screen
from adapters.settings import Settings
from contracts.errors import InvalidRequest
from contracts.status import Kind
from rules.catalog import check_params
from web.batches.bulk_body import MAX_FAULTS
from web.runs.operations import Accepted, refuse_when_full, submit_run
from web.runs.validation import ValidRequest, validate_request


def checked_jobs(sweep: Expansion, prices: PriceStore, settings: Settings) -> list[ValidRequest]:
    """One request for each ticker; InvalidRequest with the faults of every combination at their places in the sweep."""
    faults = _ranking_faults(sweep) | _params_faults(sweep)
    found = []
    for ticker in sweep.tickers:
        try:
            found.append(_job(sweep, ticker, prices, settings))
        except InvalidRequest as error:
            faults = error.errors | faults
    if faults:
        raise InvalidRequest(faults)
    return found


def _ranking_faults(sweep: Expansion) -> dict[str, str]:
    """Faults of what a screen is ranked by, which is measured of every combination."""
    ranking, accepted = sweep.ranking or DEFAULT, f"a screen has {', '.join(CORE)}"
    faults = (
        {}
        if ranking.metric in CORE
        else {"metric": f"{ranking.metric!r} is not accepted; accepted: {accepted}"}
    )
    for number, each in enumerate(ranking.constraints):
        if not each.names <= set(CORE):
            faults[f"constraints.{number}"] = (
                f"{each.text[:60]!r} is not accepted; accepted: {accepted}"
            )
    return faults


def _params_faults(sweep: Expansion) -> dict[str, str]:
    faults: dict[str, str] = {}
    for number, member in enumerate(sweep.members, start=1):
        found = check_params(sweep.base.get("rule_type"), sweep.params(member))
        faults |= {f"{number}.{field}": fault for field, fault in found.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return sweep.told(faults)


def _job(sweep: Expansion, ticker: str, prices: PriceStore, settings: Settings) -> ValidRequest:
    """The request of one ticker, with the params that all combinations share; its hash is of all of them."""
    first = (sweep.tickers.index(ticker) * len(sweep.members)) + 1
    try:
        valid = validate_request(sweep.request(ticker, sweep.members[0]), prices)
    except InvalidRequest as error:
        raise InvalidRequest(
            sweep.told({f"{first}.{field}": fault for field, fault in error.errors.items()})
        ) from None
    request, combinations = valid.request, len(sweep.members)
    bars = len(prices.bars(str(request.data_hash)).between(request.start_date, request.end_date))
    if (cells := combinations * bars) > settings.max_screen_bars:
        most = f"at most {settings.max_screen_bars:,} (MAX_SCREEN_BARS) are accepted"
        raise InvalidRequest(
            {"parameters": f"{combinations:,} combinations x {bars:,} bars are {cells:,}; {most}"}
        )
    named = replace(
        request,
        params=sweep.base.get("params") or {},
        rule_id=f"{request.rule_type} x {combinations:,}",
        label=request.label or (sweep.spec.name and sweep.spec.name[:64]),
    )
    return ValidRequest(named, Combinations.of(sweep.members).hash_with(valid.request_hash))


def submit_screen(
    sweep: Expansion, jobs: list[ValidRequest], key: str | None
) -> tuple[str, Accepted]:
    """Record and enqueue the Jobs; the screen's id, and what became of its first Job. Conflict, QueueFull."""
    refuse_when_full(len(jobs))
    tried, ranking = Combinations.of(sweep.members), sweep.ranking or DEFAULT
    first: Accepted | None = None
    for number, job in enumerate(jobs):
        beside = partial(
            insert_screen, screen_id=first.run_id if first else None, tried=tried, ranking=ranking
        )
        own_key = key and (key if first is None else f"{number} {key}"[:128])
        accepted = submit_run(job, own_key, kind=Kind.SCREEN, beside=beside)
        first = first or accepted
    assert first  # a sweep has a ticker
    return first.run_id, first
