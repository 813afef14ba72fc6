"""Many runs as they arrive: an array, NDJSON or a sweep, which adapters expand; and their faults by line or field."""

import json
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import Any

from flask import request
from pydantic import ValidationError
from werkzeug.exceptions import RequestEntityTooLarge

from adapters.plans.expansion import Expansion, expanded
from contracts.errors import InvalidRequest
from contracts.sweep import ACCEPTED, SweepSpec
from contracts.values import Json, without
from rules.catalog import RULES, complete_params
from web.api import parse_json, typed_body
from web.app import platform
from web.runs.validation import ValidRequest, bounded_json, validate_request
from web.titles import adapter_of

LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MAX_FAULTS = 100  # after which no other line is looked at
MOST_FIELDS = 100  # of a sweep, which has 10, or a study, which has 17

Line = tuple[int, Any]  # its number, from 1, and its JSON value


def read_lines() -> list[Line]:
    """The runs of a request with their line numbers; 413, 415, or InvalidRequest for lines that are not JSON."""
    body = typed_body("application/json", *LINE_TYPES)
    is_array, most = request.is_json, platform().settings.max_bulk_runs
    lines = list(islice(_array(body) if is_array else _texts(body), most + 1))
    if not lines:
        raise InvalidRequest(
            {
                "body": "no runs; an array of at least one, or one JSON object per line, is expected"
            }
        )
    if len(lines) > most:
        raise RequestEntityTooLarge(
            f"more than {most} runs in one call; at most {most} are accepted"
        )
    return lines if is_array else _read_each(lines, parse_json)


def _array(body: bytes) -> Iterator[Line]:
    values = parse_json(body)
    if not isinstance(values, list):
        raise InvalidRequest(
            {"body": f"a JSON array of runs is expected, not a {type(values).__name__}"}
        )
    return enumerate(values, start=1)


def _texts(body: bytes) -> Iterator[Line]:
    """The lines that are not blank, unread."""
    for number, text in enumerate(BytesIO(body), start=1):
        if line := text.strip():
            yield number, line


def _read_each(lines: Sequence[Line], read: Callable[[Any], Any]) -> list[Line]:
    """What `read` makes of each line; InvalidRequest with faults by `<line>.<field>`, once there are MAX_FAULTS."""
    found: list[Line] = []
    faults: dict[str, str] = {}
    faulty = 0
    for number, value in lines:
        try:
            found.append((number, read(value)))
        except InvalidRequest as error:
            faulty += 1
            faults |= {f"{number}.{field}": fault for field, fault in error.errors.items()}
            if len(faults) >= MAX_FAULTS:
                break
    if not faulty:
        return found
    told = f"{faulty} of {len(lines)} runs are not valid, so none was recorded"
    more = "; these are listed, and the rest was not looked at"
    raise InvalidRequest(faults, told + (more if len(faults) >= MAX_FAULTS else ""))


def batch_id_of(lines: Sequence[Line], asked: str | None) -> str | None:
    """The one batch of a call: the query's, else that of its first run; None where neither names one."""
    first = lines[0][1]
    named = asked or (first.get("batch_id") if isinstance(first, dict) else None)
    return named if isinstance(named, str) else None


def validate_lines(lines: Sequence[Line], batch_id: str) -> list[ValidRequest]:
    """All runs of a call, as members of its batch; InvalidRequest with the faults of every line."""
    prices = platform().prices.remembered()
    read = _read_each(lines, lambda values: validate_request(_in_batch(values, batch_id), prices))
    return [valid for _, valid in read]


def _in_batch(values: Any, batch_id: str) -> Any:
    if not isinstance(values, dict):
        return values
    own = values.get("batch_id")
    if own is not None and own != batch_id:
        raise InvalidRequest(
            {"batch_id": f"{str(own)[:64]!r} is not the call's batch {batch_id[:64]!r}"}
        )
    return {**values, "batch_id": batch_id}


def few_fields(values: Any) -> Json:
    """The values of a JSON object; InvalidRequest for anything else, and for masses of fields."""
    if not isinstance(values, dict) or len(values) > MOST_FIELDS:
        raise InvalidRequest(
            {"body": f"a JSON object of at most {MOST_FIELDS} fields is expected"}
        )
    return values


def read_sweep(values: Any, most: int) -> Expansion:
    """The sweep that `values` ask for, of at most so many runs; InvalidRequest with every fault by field."""
    bounded_json(few_fields(values).get("base"))
    params = {name: complete_params(name, {}) for name in RULES}
    try:
        spec = adapter_of(SweepSpec).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        faulty = dict.fromkeys(str(each["loc"][0]) for each in error.errors(include_url=False))
        errors = {field: _message(field, values) for field in faulty}
        if "base" in errors:
            raise InvalidRequest(errors) from None
        return expanded(SweepSpec(**without(values, errors)), params, most, errors)
    return expanded(spec, params, most)


def _message(field: str, values: Json) -> str:
    if field not in ACCEPTED:
        return f"unknown; accepted: {', '.join(ACCEPTED)}"
    given = f"{values[field]!r:.60} is not accepted; accepted" if field in values else "required"
    return f"{given}: {ACCEPTED[field]}"
