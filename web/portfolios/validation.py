"""Validation of portfolios and studies of rotations, once, at the border: all faults together, each at its place."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from adapters.plans.batch import batch_requests
from adapters.plans.expansion import Expansion
from adapters.plans.study import rotation_of
from adapters.prices.store import PriceStore
from contracts.errors import InvalidRequest
from contracts.portfolio_request import (
    MAX_LEGS,
    MODES_OF,
    RANKED,
    SHARING_FIELDS,
    TERMS,
    LegRequest,
    PortfolioRequest,
    Sharing,
)
from contracts.run_request import DEFAULT_CAPITAL, LABEL_FIELDS, RunRequest, canonical_json
from contracts.status import RunStatus
from contracts.study import StudyPlan
from contracts.values import Json, Values, picked, without
from rules.language import Market, series_fault
from web.api import parse_json
from web.app import ask_database, platform
from web.batches.submission import MAX_FAULTS, few_fields, read_sweep
from web.portfolios.ranked import (
    WHOLE_ACCOUNT,
    assets_of,
    is_ranked,
    market_of_legs,
    place_in_sweep,
    portfolio_values,
    ranked_faults,
    ranked_job,
    read_ranked,
)
from web.runs.validation import (
    Faults,
    ValidRequest,
    check_contract,
    priced_days,
    validate_request,
)
from web.studies.validation import (
    choice_faults,
    parse_request,
    plan_study,
    study_values,
)
from web.titles import differing_values, reusable_values

MAX_FIELDS = 100  # of a portfolio, which has 40
MAX_CELLS = 5_000_000  # legs times bars; its Job takes about 30 bytes for each
_OF_RULE = ("ticker", "rule_type", "params")
_OF_LEG = (*_OF_RULE, "data_hash")


# a request that may be recorded, and the run of each of its legs
ValidPortfolio = tuple[PortfolioRequest, list[ValidRequest]]


def checked_portfolio(body: bytes) -> ValidPortfolio:
    """Validate a JSON body: legs, the batch_id whose runs they are, or a sweep with a portfolio.

    InvalidRequest with faults by field; UnknownBatch.
    """
    values = parse_json(body)
    fields = values if isinstance(values, dict) else {}
    batch_id = fields.get("batch_id")
    if isinstance(batch_id, str) and "legs" not in fields:
        of_batch = _of_batch(batch_id)
        if is_ranked(fields):
            of_batch = assets_of(of_batch)
        return _validate(of_batch | without(fields, ("batch_id",)))
    if "portfolio" not in fields:
        return _validate(values)
    if is_ranked(fields["portfolio"]):
        ranked, _ = checked_ranked(fields)
        if (count := len(ranked)) > 1:
            fault = f"{count} combinations, and a portfolio has one; /api/portfolios/batch takes several"
            raise InvalidRequest({"parameters": fault})
        return ranked[0]
    sweep = read_sweep(values, MAX_LEGS)
    with sweep.placing(_place):
        return _validate(_portfolio_of_sweep(sweep))


def checked_ranked(values: Any) -> tuple[list[ValidPortfolio], Expansion]:
    """Validate a sweep over the fields of a ranked portfolio; InvalidRequest with faults by field.

    The legs, and what else they share, are the same in all of them.
    """
    if not is_ranked(few_fields(values).get("portfolio")):
        raise InvalidRequest({"portfolio": "a section with mode: ranked is expected"})
    sweep = read_ranked(values)
    several = [portfolio_values(sweep, sweep.params(member)) for member in sweep.members]
    sharings, faults = list[Sharing](), Faults()
    market = market_of_legs(several[0], platform().prices)
    for member, each in zip(sweep.members, several, strict=True):
        of_one = Faults()
        sharings.append(_sharing(each, market, of_one))
        with_member = f" (with {json.dumps(member)})" if member else ""
        for field, fault in of_one.items():
            faults.setdefault(place_in_sweep(sweep, field), fault + with_member)
    try:
        first, runs = _validate(several[0])
    except InvalidRequest as error:
        for field, fault in error.errors.items():
            faults.setdefault(place_in_sweep(sweep, field), fault)
    if faults:
        raise InvalidRequest(faults)
    return [(replace(first, sharing=sharing), runs) for sharing in sharings], sweep


def _of_batch(batch_id: str) -> Json:
    """Return legs and terms of a batch's completed runs; UnknownBatch, or InvalidRequest when their terms differ."""
    completed = ask_database(batch_requests, batch_id, RunStatus.SUCCEEDED)
    requests = list(map(reusable_values, completed))
    if not 1 <= len(requests) <= MAX_LEGS:
        raise InvalidRequest(
            {
                "batch_id": f"{len(requests):,} of its runs have completed; 1 to {MAX_LEGS} are accepted"
            }
        )
    first = requests[0]
    if differing := without(differing_values(requests), (*_OF_RULE, *LABEL_FIELDS)):
        raise InvalidRequest(
            {"batch_id": f"its runs differ in {', '.join(differing)}, which legs share"}
        )
    fields = {name: value for name, value in first.items() if value is not None}
    terms = without(picked(fields, TERMS), LABEL_FIELDS)
    legs = [picked(each, _OF_RULE) for each in requests]
    return {**terms, "legs": list({canonical_json(leg): leg for leg in legs}.values())}


def _portfolio_of_sweep(sweep: Expansion) -> Json:
    """Return the portfolio of a sweep: each of its runs is a leg."""
    legs = [picked(run, _OF_LEG) for run in sweep.requests]
    terms = without(sweep.base, (*_OF_LEG, "charts"))
    label = {"label": sweep.spec.name[:64]} if sweep.spec.name else {}
    return {**label, **terms, **(sweep.spec.portfolio or {}), "legs": legs}


def _place(field: str) -> str:
    """Translate the place of a fault from a leg to a run, counted from 1, or to a field of the sweep."""
    if field.startswith("legs"):
        number, _, name = field.removeprefix("legs[").partition("]")
        return f"{int(number) + 1}{name}" if name else "base.tickers"
    return f"portfolio.{field}" if field in SHARING_FIELDS else f"base.{field}"


def _validate(values: Any) -> ValidPortfolio:
    if not isinstance(values, dict) or len(values) > MAX_FIELDS:
        raise InvalidRequest({"body": "a JSON object of legs and what they share is expected"})
    if is_ranked(values):
        values = WHOLE_ACCOUNT | values
    accepted = ("legs", *TERMS, *SHARING_FIELDS)
    unknown = f"unknown field; accepted: {', '.join(accepted)}"
    faults = {name[:60]: unknown for name in without(values, accepted)}
    prices = platform().prices.remembered()
    sharing = _sharing(values, market_of_legs(values, prices), faults)
    legs = _legs(values.get("legs"), is_ranked(values), faults)
    portfolio_request = PortfolioRequest(
        legs=tuple(legs.values()), sharing=sharing, terms=picked(values, TERMS)
    )
    runs = _runs(portfolio_request, list(legs), prices, faults)
    if not faults:
        faults |= (
            _repetition_faults(runs)
            | _weight_faults(portfolio_request)
            | _span_faults(runs, sharing)
        )
    if faults:
        raise InvalidRequest(faults)
    return _complete(portfolio_request, runs), runs


def _sharing(values: Values, market: Market, faults: Faults) -> Sharing:
    """Return how the account is shared; the defaults when there are faults."""
    fields = picked(values, SHARING_FIELDS)
    if isinstance(text := fields.get("priority"), str) and (
        fault := series_fault(text, market=market)
    ):
        faults["priority"] = fault.with_place(text)
    try:
        sharing = check_contract(Sharing, fields)
    except InvalidRequest as error:
        faults |= error.errors
        return Sharing(mode="ranked" if is_ranked(values) else "shared")
    faults |= {
        name: f"{fields[name]!r} is not accepted with mode {sharing.mode}; it is for mode {' or '.join(modes)}"
        for name, modes in MODES_OF.items()
        if sharing.mode not in modes and name in sharing.chosen()
    }
    if is_ranked(values):
        faults |= ranked_faults(values, sharing, market)
    elif sharing.rebalance == "ranking":
        faults["rebalance"] = "'ranking' is for mode ranked"
    return sharing


def _legs(values: Any, ranked: bool, faults: Faults) -> dict[int, LegRequest]:
    """Return the legs whose fields have the right types, by number."""
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_LEGS:
        faults["legs"] = (
            f"a list of 1 to {MAX_LEGS} objects of ticker, rule_type, params and weight is expected"
        )
        return {}
    legs: dict[int, LegRequest] = {}
    for number, leg in enumerate(values):
        try:
            each = check_contract(LegRequest, leg)
            if fault := _rule_fault(each, ranked):
                faults[_at(number, "rule_type")] = fault
            else:
                legs[number] = each
        except InvalidRequest as error:
            faults |= {_at(number, field): fault for field, fault in error.errors.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return legs


def _rule_fault(leg: LegRequest, ranked: bool) -> str | None:
    """Return the fault of a ranked leg with a rule, or of another one without; None for others."""
    if ranked and (leg.rule_type != RANKED or leg.params or leg.weight):
        return "not accepted with mode ranked: a leg is a ticker alone"
    if not ranked and leg.rule_type == RANKED:
        return "required: a name in the catalog, /api/rules"
    return None


def _at(number: int, field: str) -> str:
    return f"legs[{number}]" if field == "body" else f"legs[{number}].{field}"


def _runs(
    portfolio_request: PortfolioRequest,
    numbers: Sequence[int],
    prices: PriceStore,
    faults: Faults,
) -> list[ValidRequest]:
    """Return the run of each leg; add the faults by these numbers, one of a shared field in all legs only once."""
    runs, of_legs = list[ValidRequest](), list[tuple[int, Faults]]()
    for place, number in enumerate(numbers):
        try:
            runs.append(validate_request(portfolio_request.run_of(place), prices))
        except InvalidRequest as error:
            of_legs.append((number, error.errors))
        if sum(len(each) for _, each in of_legs) >= MAX_FAULTS * 2:
            break
    if of_legs:
        faults |= _place_faults(of_legs)
    return runs


def _place_faults(of_legs: Sequence[tuple[int, Faults]]) -> Faults:
    """Return the faults of numbered legs at their places; one that all legs share without a number."""
    placed, shared = Faults(), set.intersection(*({*errors.items()} for _, errors in of_legs))
    for number, errors in of_legs:
        for field, fault in errors.items():
            is_shared = (field, fault) in shared and field.partition(".")[0] not in _OF_LEG
            placed[field if is_shared else _at(number, field)] = fault
    return placed


def _repetition_faults(runs: Sequence[ValidRequest]) -> Faults:
    requests = [valid.request for valid in runs]
    rules = [(each.ticker, each.rule_type, canonical_json(each.params)) for each in requests]
    return {
        _at(number, "ticker"): f"the same rule on {rule[0]} as legs[{rules.index(rule)}]; "
        "a ticker twice needs different rules, of which mode ranked has none"
        for number, rule in enumerate(rules)
        if rules.index(rule) != number
    }


def _weight_faults(portfolio_request: PortfolioRequest) -> Faults:
    weighted = [leg.weight is not None for leg in portfolio_request.legs]
    is_shared = portfolio_request.sharing.mode == "shared"
    if any(weighted) and (is_shared or portfolio_request.sharing.volatility_bars):
        why = "mode shared" if is_shared else "volatility_bars"
        fault = f"not accepted with {why}; it sets the size of a sleeve"
        return {_at(weighted.index(True), "weight"): fault}
    if len({*weighted}) > 1:
        return {_at(weighted.index(False), "weight"): "required, since other legs have one"}
    return {}


def _span_faults(runs: Sequence[ValidRequest], sharing: Sharing) -> Faults:
    """Return the fault of legs without a common day of prices, or with more bars than one Job can hold.

    A rotation goes on from one asset to the next, so that its assets need no common day.
    """
    prices = platform().prices
    spans = [(valid.request, *priced_days(valid.request, prices)) for valid in runs]
    is_apart = max(first for _, first, _ in spans) > min(last for _, _, last in spans)
    if is_apart and sharing.mode != "ranked":
        each = dict.fromkeys(f"{run.ticker} {first} to {last}" for run, first, last in spans)
        return {
            "legs": f"there is no day on which all have prices: {'; '.join(list(each)[:MAX_FAULTS])}"
        }
    times = [prices.bars(str(run.data_hash)).between(*days).times for run, *days in spans]
    bars = len(np.unique(np.concatenate(times)))
    if (cells := bars * len(runs)) > MAX_CELLS:
        return {
            "legs": f"{len(runs)} legs x {bars:,} bars are {cells:,}; at most {MAX_CELLS:,} are accepted"
        }
    return {}


def _complete(
    portfolio_request: PortfolioRequest, runs: Sequence[ValidRequest]
) -> PortfolioRequest:
    """Return the request with all its terms, and the versions of the prices that its runs read."""
    legs = [
        replace(leg, data_hash=valid.request.data_hash)
        for leg, valid in zip(portfolio_request.legs, runs, strict=True)
    ]
    shared = runs[0].request.to_json()
    terms = {name: shared[name] for name in TERMS if shared[name] is not None}
    # the run of a sleeve has a share of it
    capital = portfolio_request.terms.get("initial_capital", DEFAULT_CAPITAL)
    return replace(
        portfolio_request, legs=tuple(legs), terms=terms | {"initial_capital": capital}
    )


def checked_rotations(values: Any) -> StudyPlan:
    """Validate a sweep of ranked portfolios with a section study; InvalidRequest with faults by field."""
    portfolios, sweep = checked_ranked(values)
    combinations = [without(each.sharing.chosen(), ("mode",)) for each, _ in portfolios]
    base, legs = _base_and_legs(*portfolios[0])
    distinct = {canonical_json(each): each for each in combinations}
    request = parse_request(
        study_values(sweep, base=base.to_json(), legs=legs, combinations=list(distinct.values()))
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


def _base_and_legs(
    portfolio_request: PortfolioRequest, runs: Sequence[ValidRequest]
) -> tuple[RunRequest, list[Json]]:
    """Return the request of the Jobs of a study, from the first to the last bar of any asset, and the assets.

    The request names the asset with the longest prices.
    """
    requests = [valid.request for valid in runs]
    days = [priced_days(run, platform().prices) for run in requests]
    firsts, lasts = zip(*days, strict=True)
    lengths = [last - first for first, last in days]
    longest = requests[lengths.index(max(lengths))]
    base = replace(
        ranked_job(portfolio_request, runs).request,
        params={},
        rule_id=None,
        label=None,
        ticker=longest.ticker,
        data_hash=longest.data_hash,
        start_date=min(firsts),
        end_date=max(lasts),
    )
    legs = [
        {"ticker": run.ticker, "data_hash": run.data_hash}
        | {"first_date": first.isoformat(), "last_date": last.isoformat()}
        for run, (first, last) in zip(requests, days, strict=True)
    ]
    return base, legs
