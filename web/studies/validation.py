"""Validation of a study, once, at the border: all faults together, each with what is accepted."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date, timedelta
from typing import Any

from pydantic import ValidationError

from adapters.metrics.moments import LEAST_RETURNS
from adapters.plans.batch import batch_portfolios, batch_requests
from adapters.plans.combinations import CORE_CONDITIONS
from adapters.plans.expansion import Expansion
from adapters.plans.ranking import METRIC_CONDITIONS, flat_params
from contracts.errors import InvalidRequest
from contracts.portfolio_request import RANKED, PortfolioRequest
from contracts.run_request import LABEL_FIELDS, RunRequest, canonical_json
from contracts.study import StudyPlan, StudyRequest, StudyWindow
from contracts.values import Json, picked, without
from rules.catalog import checked_rule, complete_params
from web.api import parse_json
from web.app import ask_database, platform
from web.batches.submission import few_fields, read_sweep
from web.prices import market_of
from web.runs.validation import (
    DAY,
    Faults,
    bounded_json,
    priced_days,
    refuse_much_code,
    rule_faults,
    validate_request,
    with_others,
)
from web.titles import adapter_of, differing_values, reusable_values

# fields of a run that the study sets; tags of the base are those of all its runs
DECIDED_BY_STUDY = LABEL_FIELDS - {"tags"} | {"params"}
MAX_SEARCHED = 2_000_000  # combinations times permutations
MAX_LISTED = 100  # faulty combinations that an answer lists
# the field at fault for a part that is too short, if not its days
SHORT_BY = {"selection": "base.start_date", "holdout": "holdout_share"}
_COMBINATION = re.compile(r"^combinations\.(\d+)")


def study_of_batch(batch_id: str) -> Json:
    """Return `base` and `combinations` of a study of a batch's runs, regardless of their tickers.

    Of rotations also `portfolio`, which they share. UnknownBatch, or InvalidRequest when they differ in more than the
    parameters of one rule.
    """
    requests = list(map(reusable_values, ask_database(batch_requests, batch_id)))
    if not requests:
        return _study_of_rotations(batch_id)
    if differing := without(differing_values(requests), (*DECIDED_BY_STUDY, "ticker")):
        differ = f"its runs differ in {', '.join(differing)}"
        raise _cannot_be_studied(batch_id, f"{differ}; a study tries the parameters of one rule")
    combinations = {canonical_json(each["params"]): each["params"] for each in requests}
    fields = without(requests[0], DECIDED_BY_STUDY).items()
    base = {name: value for name, value in fields if value is not None}
    return {"base": base, "combinations": list(combinations.values())}


def _study_of_rotations(batch_id: str) -> Json:
    specs = ask_database(batch_portfolios, batch_id)
    if not specs:  # its Jobs are those of a screen or a study
        raise _cannot_be_studied(batch_id, "none of its Jobs is a run or a rotation")
    portfolios = list(map(PortfolioRequest.from_json, specs))
    terms = [without(each.terms, LABEL_FIELDS) for each in portfolios]
    tickers = [[leg.ticker for leg in each.legs] for each in portfolios]
    if any(each != (terms[0], tickers[0]) for each in zip(terms, tickers, strict=True)):
        raise _cannot_be_studied(batch_id, "its rotations differ in assets or terms")
    params = [flat_params(asdict(each.sharing)) for each in portfolios]
    swept = differing_values(params)
    return {
        "base": {"rule_type": RANKED, "tickers": tickers[0], **terms[0]},
        "portfolio": portfolios[0].sharing.chosen(),
        "combinations": [picked(each, swept) for each in params],
    }


def _cannot_be_studied(batch_id: str, fault: str) -> InvalidRequest:
    return InvalidRequest({"batch": fault}, f"batch {batch_id!r} cannot be studied: {fault}")


def checked_plan(body: bytes) -> StudyPlan:
    """Validate the plan in a JSON body, a study's or a sweep's with a study; InvalidRequest with faults by field."""
    values = parse_json(body)
    if not isinstance(values, dict) or "study" not in values:
        return _validate(values)
    sweep = read_sweep(values, _max_runs())
    with sweep.placing(_place):
        return _validate(_study_of_sweep(sweep))


def _max_runs() -> int:
    return platform().settings.max_bulk_runs


def _place(field: str) -> str:
    """Translate the place of a fault from a combination, counted from 0, to a run, counted from 1."""
    return _COMBINATION.sub(lambda match: f"{int(match[1]) + 1}.params", field)


def _study_of_sweep(sweep: Expansion) -> Json:
    """Return the study in a sweep."""
    tickers = {run["ticker"] for run in sweep.requests}
    if len(tickers) > 1:
        raise InvalidRequest({"base.tickers": f"a study is about one ticker, not {len(tickers)}"})
    base = without(sweep.requests[0], ("params", "charts"))
    combinations = [run["params"] for run in sweep.requests]
    return study_values(sweep, base=base, combinations=combinations)


def study_values(sweep: Expansion, **of_runs: Any) -> Json:
    """Return the section study of a sweep with its name and ranking, and the fields that follow from its runs."""
    name = {"name": sweep.spec.name} if sweep.spec.name else {}
    ranking = sweep.ranking.to_json() if sweep.ranking else {}
    return name | ranking | (sweep.spec.study or {}) | of_runs


def _validate(values: Any) -> StudyPlan:
    request = parse_request(values)
    errors = choice_faults(request) | _combination_faults(request)
    if request.legs:
        errors["legs"] = "of a rotation, whose studies /api/portfolios/study takes"
    base = _checked_base(request, errors)
    if base is None or errors:
        raise InvalidRequest(errors)
    return plan_study(replace(request, combinations=_distinct(request)), base)


def parse_request(values: Any) -> StudyRequest:
    """Return a study's request with fields of the right types; InvalidRequest with faults by field."""
    max_runs = _max_runs()
    combinations = few_fields(values).get("combinations")
    if isinstance(combinations, list) and len(combinations) > max_runs:
        raise InvalidRequest(
            {
                "combinations": f"{len(combinations):,} are given; at most {max_runs:,} are accepted"
            }
        )
    try:
        request: StudyRequest = adapter_of(StudyRequest).validate_json(
            json.dumps(values), strict=True
        )
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise InvalidRequest(
            {".".join(map(str, each["loc"])) or "body": each["msg"] for each in faults}
        ) from None
    return request


def choice_faults(request: StudyRequest) -> Faults:
    """Return faults of the ranking; a permutation study measures the core metrics only."""
    is_permutation = request.kind == "permutation"
    conditions = CORE_CONDITIONS if is_permutation else METRIC_CONDITIONS
    errors = _permutation_faults(request) if is_permutation else {}
    if request.metric not in conditions.names:
        errors["metric"] = (
            f"{request.metric[:60]!r} is not accepted; accepted: {', '.join(conditions.names)}"
        )
    if not request.name.isprintable():
        errors["name"] = "it contains non-printable characters"
    conditions.parse_all(request.constraints, "constraints", errors)
    return errors


def _permutation_faults(request: StudyRequest) -> Faults:
    errors: Faults = {}
    if request.by_neighbourhood:
        errors["by_neighbourhood"] = "true is not accepted with kind permutation"
    if (searched := request.permutations * len(request.combinations)) > MAX_SEARCHED:
        errors["permutations"] = (
            f"{searched:,} backtests in all; at most {MAX_SEARCHED:,} are accepted"
        )
    return errors


def _combination_faults(request: StudyRequest) -> Faults:
    """Return faults of the params by the place of their combination, from 0."""
    errors: Faults = {}
    refuse_much_code(request.combinations)
    market = market_of(request.base, platform().prices)
    for number, params in enumerate(request.combinations):
        bounded_json(params)
        for field, fault in rule_faults(request.base.get("rule_type"), params, market).items():
            is_type = field == "rule_type"
            place = f"combinations.{number}{field.removeprefix('params')}"
            errors.setdefault("base.rule_type" if is_type else place, fault)
        if len(errors) >= MAX_LISTED:
            break
    return errors


def _checked_base(request: StudyRequest, errors: Faults) -> RunRequest | None:
    """Return the request that all runs share, clipped to its prices; None with the faults in `errors`."""
    prices = platform().prices
    errors |= {
        f"base.{name}": "decided by the study; leave it out"
        for name in DECIDED_BY_STUDY
        if name in request.base
    }
    fields = without(request.base, DECIDED_BY_STUDY)
    try:
        first_combination = {"params": request.combinations[0], "charts": False}
        valid = validate_request(fields | first_combination, prices).request
    except InvalidRequest as error:
        errors |= {
            f"base.{field}": fault
            for field, fault in error.errors.items()
            if not field.startswith("params")
        }
        return None
    start, end = priced_days(valid, prices)
    rules = (checked_rule(valid.rule_type, params) for params in request.combinations)
    valid = with_others(valid, rules, prices)
    return replace(valid, params={}, rule_id=None, start_date=start, end_date=end)


def _distinct(request: StudyRequest) -> list[Json]:
    """Return the combinations without duplicates in meaning."""
    rule_type = request.base["rule_type"]
    by_meaning = dict[str, Json]()
    for each in request.combinations:
        by_meaning.setdefault(canonical_json(complete_params(rule_type, each)), each)
    return list(by_meaning.values())


def plan_study(request: StudyRequest, base: RunRequest) -> StudyPlan:
    """Return the plan of a checked request on this base; InvalidRequest for parts that are too short or too many."""
    windows = tuple(_windows(request, base.start_date, base.end_date))
    if not windows:
        days = (base.end_date - base.start_date).days + 1
        needed = request.train_days + request.test_days
        fault = f"{needed:,} days of train_days and test_days are longer than the {days:,} days of the requested prices"
        raise InvalidRequest({"train_days": fault})
    if short := _short_part(windows, base):
        field = SHORT_BY.get(request.kind, "test_days")
        raise InvalidRequest({field: f"{short}; a part needs at least {LEAST_RETURNS}"})
    plan = StudyPlan(replace(request, base=base.to_json()), windows)
    if (runs := plan.trials + plan.last_runs) > (max_runs := _max_runs()):
        raise InvalidRequest(
            {"combinations": f"{runs:,} runs in all; at most {max_runs:,} are accepted"}
        )
    return plan


def _short_part(windows: Sequence[StudyWindow], base: RunRequest) -> str | None:
    """Return a sentence on the first part with too few bars, or None."""
    bars = platform().prices.bars(str(base.data_hash))
    for part in (part for window in windows for part in (window.train, window.test) if part):
        count = len(bars.between(*map(date.fromisoformat, part)))
        if count < LEAST_RETURNS:
            return f"only {count} bars from {part[0]} to {part[1]}"
    return None


def _windows(request: StudyRequest, start: date, end: date) -> Iterator[StudyWindow]:
    """Yield the parts of a study from `start` to `end`, both included; test parts are consecutive and never overlap.

    Only whole folds: none when the first does not fit; the rest after the last one is unused.
    """
    if request.kind == "holdout":
        days = round(((end - start).days + 1) * (1 - request.holdout_share))
        split = start + timedelta(days=days)
        yield StudyWindow(_span(start, split - DAY), _span(split, end))
    elif request.kind != "walk_forward":
        yield StudyWindow(_span(start, end), None)
    else:
        train, test = timedelta(days=request.train_days), timedelta(days=request.test_days)
        split = start + train
        while split + test - DAY <= end:
            first = start if request.anchored else split - train
            yield StudyWindow(_span(first, split - DAY), _span(split, split + test - DAY))
            split += test


def _span(first: date, last: date) -> tuple[str, str]:
    return first.isoformat(), last.isoformat()
