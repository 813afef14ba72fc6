"""Studies of rotations: a sweep over the fields of a ranked portfolio, tried on parts of its dates."""

from dataclasses import asdict, replace
from typing import Any

from adapters.plans.study import rotation_of
from contracts.errors import InvalidRequest
from contracts.run_request import RunRequest, canonical_json
from contracts.study import StudyPlan
from contracts.values import Json, without
from web.app import platform
from web.portfolios.ranked import ranked_job
from web.portfolios.validation import ValidPortfolio, checked_ranked
from web.runs.validation import ValidRequest, priced_days
from web.studies.validation import choice_faults, parse_request, plan_study


def checked_rotations(values: Any) -> StudyPlan:
    """Validate a sweep of ranked portfolios with a section study; InvalidRequest with faults by field."""
    portfolios, sweep = checked_ranked(values)
    combinations = [without(each.sharing.chosen(), ("mode",)) for each, _ in portfolios]
    base = _base(portfolios[0])
    request = parse_request(
        ({"name": sweep.spec.name} if sweep.spec.name else {})
        | (sweep.ranking.to_json() if sweep.ranking else {})
        | (sweep.spec.study or {})
        | {"base": base.to_json(), "legs": list(map(_leg, portfolios[0][1]))}
        | {"combinations": list({canonical_json(each): each for each in combinations}.values())}
    )
    faults = choice_faults(request)
    if request.kind == "permutation":
        faults["kind"] = (
            "'permutation' is not accepted for rotations; use walk_forward, holdout or selection"
        )
    if faults:
        raise InvalidRequest(faults)
    plan = plan_study(request, base)
    for part in (part for window in plan.windows for part in asdict(window).values() if part):
        if not rotation_of(plan, request.combinations[0], part).legs:
            raise InvalidRequest({"base.tickers": f"none has prices from {part[0]} to {part[1]}"})
    return plan


def _base(portfolio: ValidPortfolio) -> RunRequest:
    """Return the request of the Jobs of a study, from the first to the last bar of any asset.

    It names the asset with the longest prices.
    """
    request, runs = portfolio
    prices = platform().prices
    days = [priced_days(valid.request, prices) for valid in runs]
    longest = max(range(len(runs)), key=lambda leg: days[leg][1] - days[leg][0])
    firsts, lasts = zip(*days, strict=True)
    job = replace(ranked_job(request, runs).request, params={}, rule_id=None, label=None)
    asset = runs[longest].request
    return replace(
        job,
        ticker=asset.ticker,
        data_hash=asset.data_hash,
        start_date=min(firsts),
        end_date=max(lasts),
    )


def _leg(valid: ValidRequest) -> Json:
    run = valid.request
    first, last = priced_days(run, platform().prices)
    dates = {"first_date": first.isoformat(), "last_date": last.isoformat()}
    return {"ticker": run.ticker, "data_hash": run.data_hash, **dates}
