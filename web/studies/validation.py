"""A study is checked here, once, at the border: all its faults together, each with what is accepted."""

import json
import re
from dataclasses import replace
from datetime import date
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.batches.conditions import METRIC_CONDITIONS, Reader
from adapters.batches.expansion import Expansion
from adapters.metrics.sharpe_evidence import LEAST_RETURNS
from adapters.metrics.table import METRIC_NAMES
from adapters.prices.store import PriceStore
from adapters.screens.columns import CORE
from contracts.errors import InvalidRequest
from contracts.run_request import RunRequest, canonical_json
from contracts.study import StudyPlan, StudyRequest, Window
from contracts.values import Json
from rules.catalog import check_params, complete_params
from web.arguments import parse_json
from web.batches.sweep_body import read_sweep
from web.runs.validation import validate_request, written
from web.studies.windows import windows_of

# what the study itself decides
DECIDED_BY_STUDY = ("run_id", "params", "rule_id", "batch_id", "label", "charts")
MOST_FIELDS = 100  # of a plan; it has 13
MAX_SEARCHED = 2_000_000  # combinations times permutations
MAX_LISTED = 100  # faulty combinations that an answer lists
_COMBINATION = re.compile(r"^combinations\.(\d+)")
Faults = dict[str, str]
_adapter = cache(lambda: TypeAdapter(StudyRequest))  # of pydantic, made when it is needed first


def checked_plan(body: bytes, prices: PriceStore, max_runs: int) -> StudyPlan:
    """The plan that a JSON body asks for, a study's or a sweep's with a study; InvalidRequest with faults by field."""
    values = parse_json(body)
    if not isinstance(values, dict) or "study" not in values:
        return _checked(values, prices, max_runs)
    sweep = read_sweep(values, max_runs)
    try:
        return _checked(_asked_by(sweep), prices, max_runs)
    except InvalidRequest as error:
        numbered = {
            _COMBINATION.sub(_of_run, field): fault for field, fault in error.errors.items()
        }
        raise InvalidRequest(sweep.told(numbered)) from None


def _of_run(combination: re.Match[str]) -> str:
    """The params of a combination, counted from 0, as those of a run, counted from 1."""
    return f"{int(combination[1]) + 1}.params"


def _asked_by(sweep: Expansion) -> Json:
    """The study that a sweep asks for."""
    tickers = {run["ticker"] for run in sweep.requests}
    if len(tickers) > 1:
        raise InvalidRequest({"base.tickers": f"a study is about one ticker, not {len(tickers)}"})
    base = {
        name: value
        for name, value in sweep.requests[0].items()
        if name not in ("params", "charts")
    }
    combinations = [run["params"] for run in sweep.requests]
    name = {"name": sweep.spec.name} if sweep.spec.name else {}
    ranking = sweep.ranking.to_json() if sweep.ranking else {}
    return (
        name | ranking | (sweep.spec.study or {}) | {"base": base, "combinations": combinations}
    )


def _checked(values: Any, prices: PriceStore, max_runs: int) -> StudyPlan:
    _refuse_masses(values, max_runs)
    try:
        request = _adapter().validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        raise InvalidRequest(
            {".".join(map(str, each["loc"])) or "body": each["msg"] for each in faults}
        ) from None
    errors = _choice_faults(request) | _combination_faults(request)
    base = _checked_base(request, prices, errors)
    if base is None or errors:
        raise InvalidRequest(errors)
    return _plan(replace(request, combinations=_distinct(request)), base, prices, max_runs)


def _refuse_masses(values: Any, max_runs: int) -> None:
    """InvalidRequest for what could have a fault in each of a million places."""
    if not isinstance(values, dict) or len(values) > MOST_FIELDS:
        raise InvalidRequest(
            {"body": f"a JSON object of at most {MOST_FIELDS} fields is expected"}
        )
    given = values.get("combinations")
    if isinstance(given, list) and len(given) > max_runs:
        raise InvalidRequest(
            {"combinations": f"{len(given):,} are given; at most {max_runs:,} are accepted"}
        )


def _choice_faults(request: StudyRequest) -> Faults:
    errors: Faults = {}
    if request.metric not in METRIC_NAMES:
        errors["metric"] = (
            f"{request.metric[:60]!r} is not accepted; accepted: {', '.join(METRIC_NAMES)}"
        )
    if request.kind == "permutation":
        errors |= _permutation_faults(request)
    if not request.name.isprintable():
        errors["name"] = "it has characters that cannot be shown"
    METRIC_CONDITIONS.parse_all(request.constraints, "constraints", errors)
    return errors


def _permutation_faults(request: StudyRequest) -> Faults:
    """What a search of another order of the bars cannot be chosen by: it measures what a screen does."""
    errors: Faults = {}
    if request.metric not in CORE:
        errors["metric"] = f"{request.metric[:60]!r} is not accepted; accepted: {', '.join(CORE)}"
    if request.by_neighbourhood:
        errors["by_neighbourhood"] = "true is not accepted with kind permutation"
    if request.train_by != "screens":
        errors["train_by"] = "'runs' is not accepted with kind permutation"
    Reader("metrics of a screen", CORE).parse_all(request.constraints, "constraints", errors)
    if (searched := request.permutations * len(request.combinations)) > MAX_SEARCHED:
        errors["permutations"] = (
            f"{searched:,} backtests in all; at most {MAX_SEARCHED:,} are accepted"
        )
    return errors


def _combination_faults(request: StudyRequest) -> Faults:
    """Faults of the params by the place of their combination, from 0."""
    errors: Faults = {}
    for number, params in enumerate(request.combinations):
        written(params)
        for field, fault in check_params(request.base.get("rule_type"), params).items():
            place = (
                "base.rule_type"
                if field == "rule_type"
                else f"combinations.{number}{field.removeprefix('params')}"
            )
            errors.setdefault(place, fault)
        if len(errors) >= MAX_LISTED:
            break
    return errors


def _checked_base(request: StudyRequest, prices: PriceStore, errors: Faults) -> RunRequest | None:
    """The request that all runs share, clipped to its prices; None with the faults in `errors`."""
    for name in DECIDED_BY_STUDY:
        if name in request.base:
            errors[f"base.{name}"] = "decided by the study; leave it out"
    given = {name: value for name, value in request.base.items() if name not in DECIDED_BY_STUDY}
    try:
        valid = validate_request(
            {**given, "params": request.combinations[0], "charts": False}, prices
        ).request
    except InvalidRequest as error:
        found = {
            f"base.{field}": fault
            for field, fault in error.errors.items()
            if not field.startswith("params")
        }
        errors.update(found)
        return None
    held = prices.get(valid.ticker, valid.timeframe, valid.data_hash)
    start, end = max(valid.start_date, held.first_date), min(valid.end_date, held.last_date)
    return replace(valid, params={}, rule_id=None, start_date=start, end_date=end)


def _distinct(request: StudyRequest) -> list[Json]:
    """The combinations without those that mean the same as one before them."""
    rule_type = request.base["rule_type"]
    by_meaning = {
        canonical_json(complete_params(rule_type, each)): each
        for each in reversed(request.combinations)
    }
    return list(reversed(by_meaning.values()))


def _plan(
    request: StudyRequest, base: RunRequest, prices: PriceStore, max_runs: int
) -> StudyPlan:
    windows = windows_of(request, base.start_date, base.end_date)
    if not windows:
        days, needed = (
            (base.end_date - base.start_date).days + 1,
            request.train_days + request.test_days,
        )
        fault = f"{needed:,} days of train_days and test_days are longer than the {days:,} days of the prices asked for"
        raise InvalidRequest({"train_days": fault})
    if short := _short_part(windows, base, prices):
        field = {"selection": "base.start_date", "holdout": "holdout_share"}.get(
            request.kind, "test_days"
        )
        raise InvalidRequest({field: f"{short}; a part needs at least {LEAST_RETURNS}"})
    plan = StudyPlan(replace(request, base=base.to_json()), tuple(windows))
    if (runs := plan.trials + plan.test_runs) > max_runs:
        raise InvalidRequest(
            {"combinations": f"{runs:,} runs in all; at most {max_runs:,} are accepted"}
        )
    return plan


def _short_part(windows: list[Window], base: RunRequest, prices: PriceStore) -> str | None:
    """A sentence on the first part with too few bars to say anything."""
    bars = prices.bars(str(base.data_hash))
    for first, last in (
        part for window in windows for part in (window.train, window.test) if part
    ):
        count = len(bars.between(date.fromisoformat(first), date.fromisoformat(last)))
        if count < LEAST_RETURNS:
            return f"only {count} bars from {first} to {last}"
    return None
