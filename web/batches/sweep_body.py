"""A sweep as it arrives: its fields are checked here, the runs that it stands for are made in adapters."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import ValidationError

from adapters.batches.expansion import Expansion, expanded
from adapters.prices.store import PriceStore
from contracts.errors import InvalidRequest
from contracts.sweep import ACCEPTED, SweepSpec
from contracts.values import Json, without
from rules.catalog import RULES
from web.batches.bulk_body import validate_lines
from web.runs.validation import ValidRequest, adapter_of, written

T = TypeVar("T")
MOST_FIELDS = 100  # of a sweep, which has 10, or a study, which has 17
RULE_PARAMS = {
    name: {param.name: param.default for param in rule.params} for name, rule in RULES.items()
}


def few_fields(values: Any) -> Json:
    """The values of a JSON object; InvalidRequest for anything else, and for masses of fields."""
    if not isinstance(values, dict) or len(values) > MOST_FIELDS:
        raise InvalidRequest(
            {"body": f"a JSON object of at most {MOST_FIELDS} fields is expected"}
        )
    return values


def read_sweep(values: Any, most: int) -> Expansion:
    """The sweep that `values` ask for, of at most so many runs; InvalidRequest with every fault by field."""
    written(few_fields(values).get("base"))
    try:
        return expanded(
            adapter_of(SweepSpec).validate_json(json.dumps(values), strict=True),
            RULE_PARAMS,
            most,
        )
    except ValidationError as error:
        faulty = dict.fromkeys(str(each["loc"][0]) for each in error.errors(include_url=False))
    errors = {field: _message(field, values) for field in faulty}
    if "base" in errors:
        raise InvalidRequest(errors)
    given = without(values, errors)
    return expanded(SweepSpec(**given), RULE_PARAMS, most, errors)


def _message(field: str, values: dict[str, Any]) -> str:
    if field not in ACCEPTED:
        return f"unknown; accepted: {', '.join(ACCEPTED)}"
    given = f"{values[field]!r:.60} is not accepted; accepted" if field in values else "required"
    return f"{given}: {ACCEPTED[field]}"


def checked_by_sweep(
    values: Any, most: int, check: Callable[[Expansion], T], place: Callable[[str], str]
) -> T:
    """What `check` makes of a sweep; InvalidRequest with the faults at their places in the sweep.

    place: where a field that is faulty belongs, by `<number>.<field>` of its run.
    """
    sweep = read_sweep(values, most)
    try:
        return check(sweep)
    except InvalidRequest as error:
        errors = {place(field): fault for field, fault in error.errors.items()}
        raise InvalidRequest(sweep.told(errors)) from None


def validate_runs(sweep: Expansion, batch_id: str, prices: PriceStore) -> list[ValidRequest]:
    """All runs of a sweep, as members of its batch; InvalidRequest with their faults at their places in the sweep."""
    try:
        return validate_lines(list(enumerate(sweep.requests, start=1)), batch_id, prices)
    except InvalidRequest as error:
        raise InvalidRequest(sweep.told(error.errors), str(error)) from None
