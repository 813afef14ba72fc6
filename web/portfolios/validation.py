"""A portfolio is checked here, once, at the border: all faults of all its legs together, each at its place."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters.plans.batch import batch_requests
from adapters.plans.expansion import Expansion
from contracts.errors import InvalidRequest
from contracts.portfolio_request import (
    MAX_LEGS,
    MODE_OF,
    SHARING_FIELDS,
    TERMS,
    LegRequest,
    PortfolioRequest,
    Sharing,
)
from contracts.run_request import DEFAULT_CAPITAL, LABEL_FIELDS, canonical_json
from contracts.status import RunStatus
from contracts.values import Json, Values, picked, without
from rules.language import series_fault
from web.api import parse_json
from web.app import ask_database, platform
from web.batches.bodies import MAX_FAULTS, read_sweep
from web.runs.validation import (
    Faults,
    ValidRequest,
    check_contract,
    priced_days,
    validate_request,
)
from web.titles import differing_values, reusable_values

MAX_FIELDS = 100  # of a portfolio, which has 40
MAX_CELLS = 5_000_000  # legs times bars; its Job takes about 30 bytes for each
_OF_RULE = ("ticker", "rule_type", "params")
_OF_LEG = (*_OF_RULE, "data_hash")


# a request that may be recorded, and the run of each of its legs
ValidPortfolio = tuple[PortfolioRequest, list[ValidRequest]]


def checked_portfolio(body: bytes) -> ValidPortfolio:
    """What a JSON body asks for: legs, the batch_id whose runs they are, or a sweep with a portfolio.

    InvalidRequest with faults by field; UnknownBatch.
    """
    values = parse_json(body)
    given = values if isinstance(values, dict) else {}
    batch_id = given.get("batch_id")
    if isinstance(batch_id, str) and "legs" not in given:
        return _checked(_of_batch(batch_id) | without(given, ("batch_id",)))
    if "portfolio" not in given:
        return _checked(values)
    sweep = read_sweep(values, MAX_LEGS)
    with sweep.placing(_place):
        return _checked(_asked_by(sweep))


def _of_batch(batch_id: str) -> Json:
    """The legs and terms of a batch's completed runs. UnknownBatch, or InvalidRequest when they differ in terms."""
    completed = ask_database(batch_requests, batch_id, RunStatus.SUCCEEDED)
    requests = list(map(reusable_values, completed))
    if not 1 <= len(requests) <= MAX_LEGS:
        raise InvalidRequest(
            {
                "batch_id": f"{len(requests):,} of its runs have completed; 1 to {MAX_LEGS} are accepted"
            }
        )
    first = requests[0]
    if found := without(differing_values(requests), (*_OF_RULE, *LABEL_FIELDS)):
        raise InvalidRequest(
            {"batch_id": f"its runs differ in {', '.join(found)}, which legs share"}
        )
    given = {name: value for name, value in first.items() if value is not None}
    terms = without(picked(given, TERMS), LABEL_FIELDS)
    legs = [picked(each, _OF_RULE) for each in requests]
    return {**terms, "legs": list({canonical_json(leg): leg for leg in legs}.values())}


def _asked_by(sweep: Expansion) -> Json:
    """The portfolio that a sweep asks for: each of its runs is a leg."""
    legs = [picked(run, _OF_LEG) for run in sweep.requests]
    terms = without(sweep.base, (*_OF_LEG, "charts"))
    label = {"label": sweep.spec.name[:64]} if sweep.spec.name else {}
    return {**label, **terms, **(sweep.spec.portfolio or {}), "legs": legs}


def _place(field: str) -> str:
    """The place of a fault of a leg as that of a run, counted from 1; of the rest in the sweep."""
    if field.startswith("legs"):
        number, _, name = field.removeprefix("legs[").partition("]")
        return f"{int(number) + 1}{name}" if name else "base.tickers"
    return f"portfolio.{field}" if field in SHARING_FIELDS else f"base.{field}"


def _checked(values: Any) -> ValidPortfolio:
    if not isinstance(values, dict) or len(values) > MAX_FIELDS:
        raise InvalidRequest({"body": "a JSON object of legs and what they share is expected"})
    known = ("legs", *TERMS, *SHARING_FIELDS)
    unknown = f"unknown field; accepted: {', '.join(known)}"
    faults = {name[:60]: unknown for name in without(values, known)}
    sharing, legs = _sharing(values, faults), _legs(values.get("legs"), faults)
    asked = PortfolioRequest(
        legs=tuple(legs.values()), sharing=sharing, terms=picked(values, TERMS)
    )
    runs = _runs(asked, list(legs), faults)
    if not faults:
        faults |= _repeated(runs) | _weights(asked) | _apart(runs)
    if faults:
        raise InvalidRequest(faults)
    return _complete(asked, runs), runs


def _sharing(values: Values, faults: Faults) -> Sharing:
    """How the account is shared; as by default where there are faults."""
    given = picked(values, SHARING_FIELDS)
    if isinstance(text := given.get("priority"), str) and (fault := series_fault(text)):
        faults["priority"] = fault.with_place(text)
    try:
        asked = check_contract(Sharing, given)
    except InvalidRequest as error:
        faults |= error.errors
        return Sharing()
    faults |= {
        name: f"{given[name]!r} is not accepted with mode {asked.mode}; it is for mode {mode}"
        for name, mode in MODE_OF.items()
        if mode != asked.mode and getattr(asked, name) != getattr(Sharing(), name)
    }
    return asked


def _legs(values: Any, faults: Faults) -> dict[int, LegRequest]:
    """The legs whose fields have their types, by number."""
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_LEGS:
        faults["legs"] = (
            f"a list of 1 to {MAX_LEGS} objects of ticker, rule_type, params and weight is expected"
        )
        return {}
    found: dict[int, LegRequest] = {}
    for number, leg in enumerate(values):
        try:
            found[number] = check_contract(LegRequest, leg)
        except InvalidRequest as error:
            faults |= {_at(number, field): fault for field, fault in error.errors.items()}
        if len(faults) >= MAX_FAULTS:
            break
    return found


def _at(number: int, field: str) -> str:
    return f"legs[{number}]" if field == "body" else f"legs[{number}].{field}"


def _runs(asked: PortfolioRequest, numbers: Sequence[int], faults: Faults) -> list[ValidRequest]:
    """The run of each leg, by these numbers. A fault that all have in a field that they share is told once."""
    found, of_legs = list[ValidRequest](), list[tuple[int, Faults]]()
    for place, number in enumerate(numbers):
        try:
            found.append(validate_request(asked.run_of(place), platform().prices))
        except InvalidRequest as error:
            of_legs.append((number, error.errors))
        if sum(len(each) for _, each in of_legs) >= MAX_FAULTS * 2:
            break
    if of_legs:
        faults |= _told(of_legs)
    return found


def _told(of_legs: Sequence[tuple[int, Faults]]) -> Faults:
    """The faults of legs by their numbers, at their places; one that all share without one."""
    told, shared = Faults(), set.intersection(*({*errors.items()} for _, errors in of_legs))
    for number, errors in of_legs:
        for field, fault in errors.items():
            is_shared = (field, fault) in shared and field.partition(".")[0] not in _OF_LEG
            told[field if is_shared else _at(number, field)] = fault
    return told


def _repeated(runs: Sequence[ValidRequest]) -> Faults:
    requests = [valid.request for valid in runs]
    rules = [(each.ticker, each.rule_type, canonical_json(each.params)) for each in requests]
    return {
        _at(number, "ticker"): f"the same rule on {rule[0]} as legs[{rules.index(rule)}]; "
        "a ticker twice needs different rules"
        for number, rule in enumerate(rules)
        if rules.index(rule) != number
    }


def _weights(asked: PortfolioRequest) -> Faults:
    weighted = [leg.weight is not None for leg in asked.legs]
    is_shared = asked.sharing.mode == "shared"
    if any(weighted) and (is_shared or asked.sharing.volatility_bars):
        why = "mode shared" if is_shared else "volatility_bars"
        fault = f"not accepted with {why}; it is the part of a sleeve"
        return {_at(weighted.index(True), "weight"): fault}
    if len({*weighted}) > 1:
        return {_at(weighted.index(False), "weight"): "required, since other legs have one"}
    return {}


def _apart(runs: Sequence[ValidRequest]) -> Faults:
    """No day on which all legs have prices, or more bars than one Job takes."""
    prices = platform().prices
    spans = [(valid.request, *priced_days(valid.request, prices)) for valid in runs]
    if max(first for _, first, _ in spans) > min(last for _, _, last in spans):
        each = dict.fromkeys(f"{run.ticker} {first} to {last}" for run, first, last in spans)
        return {
            "legs": f"there is no day on which all have prices: {'; '.join(list(each)[:MAX_FAULTS])}"
        }
    bars = max(
        len(prices.bars(str(run.data_hash)).between(first, last)) for run, first, last in spans
    )
    if (cells := bars * len(runs)) > MAX_CELLS:
        return {
            "legs": f"{len(runs)} legs x {bars:,} bars are {cells:,}; at most {MAX_CELLS:,} are accepted"
        }
    return {}


def _complete(asked: PortfolioRequest, runs: Sequence[ValidRequest]) -> PortfolioRequest:
    """The request with all its terms, and the versions of the prices that its runs read."""
    legs = [
        replace(leg, data_hash=valid.request.data_hash)
        for leg, valid in zip(asked.legs, runs, strict=True)
    ]
    shared = runs[0].request.to_json()
    terms = {name: shared[name] for name in TERMS if shared[name] is not None}
    # of which a sleeve's run has a part
    capital = asked.terms.get("initial_capital", DEFAULT_CAPITAL)
    return replace(asked, legs=tuple(legs), terms=terms | {"initial_capital": capital})
