"""A sweep as it arrives: its fields are checked here, the runs that it stands for are made in adapters."""

import json
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from adapters.batches.expansion import Expansion, expanded
from adapters.prices.store import PriceStore
from contracts.errors import InvalidRequest
from contracts.sweep import ACCEPTED, SweepSpec
from rules.catalog import RULES
from web.batches.bulk_body import validate_lines
from web.runs.validation import ValidRequest, written

MOST_FIELDS = 100  # of a sweep; it has 10
RULE_PARAMS = {
    name: {param.name: param.default for param in rule.params} for name, rule in RULES.items()
}
_adapter = cache(lambda: TypeAdapter(SweepSpec))  # of pydantic, made when it is needed first


def read_sweep(values: Any, most: int) -> Expansion:
    """The sweep that `values` ask for, of at most so many runs; InvalidRequest with every fault by field."""
    if not isinstance(values, dict) or len(values) > MOST_FIELDS:
        raise InvalidRequest(
            {"body": f"a JSON object of at most {MOST_FIELDS} fields is expected"}
        )
    written(values.get("base"))
    try:
        return expanded(
            _adapter().validate_json(json.dumps(values), strict=True), RULE_PARAMS, most
        )
    except ValidationError as error:
        faulty = dict.fromkeys(str(each["loc"][0]) for each in error.errors(include_url=False))
    errors = {field: _message(field, values) for field in faulty}
    if "base" in errors:
        raise InvalidRequest(errors)
    given = {field: value for field, value in values.items() if field not in errors}
    return expanded(SweepSpec(**given), RULE_PARAMS, most, errors)


def _message(field: str, values: dict[str, Any]) -> str:
    if field not in ACCEPTED:
        return f"unknown; accepted: {', '.join(ACCEPTED)}"
    given = f"{values[field]!r:.60} is not accepted; accepted" if field in values else "required"
    return f"{given}: {ACCEPTED[field]}"


def validate_runs(sweep: Expansion, batch_id: str, prices: PriceStore) -> list[ValidRequest]:
    """All runs of a sweep, as members of its batch; InvalidRequest with their faults at their places in the sweep."""
    try:
        return validate_lines(list(enumerate(sweep.requests, start=1)), batch_id, prices)
    except InvalidRequest as error:
        raise InvalidRequest(sweep.told(error.errors), str(error)) from None
