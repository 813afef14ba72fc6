"""A bulk submission as it arrives: a JSON array or NDJSON, and the faults of its runs by line."""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from adapters.prices.store import PriceStore
from adapters.settings import Settings
from contracts.errors import InvalidRequest
from web.arguments import parse_json, typed_body
from web.runs.validation import ValidRequest, validate_request

ARRAY_TYPES = ("application/json",)
LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MAX_FAULTS = 100  # after which no other line is looked at

_TEXT = re.compile(rb"\S.*")

Line = tuple[int, Any]  # its number, from 1, and its JSON value


def read_lines(settings: Settings) -> list[Line]:
    """The runs of a request with their line numbers; 413, 415, or InvalidRequest for lines that are not JSON."""
    body = typed_body(*ARRAY_TYPES, *LINE_TYPES)
    is_array, most = request.mimetype in ARRAY_TYPES, settings.max_bulk_runs
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
    number, seen = 1, 0
    for text in _TEXT.finditer(body):
        number += body.count(b"\n", seen, text.start())
        seen = text.start()
        yield number, text[0]


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
    if faulty:
        told = f"{faulty} of {len(lines)} runs are not valid, so none was recorded"
        more = (
            "; these are listed, and the rest was not looked at"
            if len(faults) >= MAX_FAULTS
            else ""
        )
        raise InvalidRequest(faults, told + more)
    return found


def batch_id_of(lines: Sequence[Line], asked: str | None, issued: str) -> str:
    """The one batch of a call: the query's, else that of its first run, else `issued`."""
    first = lines[0][1]
    named = asked or (first.get("batch_id") if isinstance(first, dict) else None)
    return named if isinstance(named, str) and named else issued


def validate_lines(
    lines: Sequence[Line], batch_id: str, prices: PriceStore
) -> list[ValidRequest]:
    """All runs of a call, as members of its batch; InvalidRequest with the faults of every line."""
    remembered = prices.remembered()
    return [
        valid
        for _, valid in _read_each(
            lines, lambda values: validate_request(_in_batch(values, batch_id), remembered)
        )
    ]


def _in_batch(values: Any, batch_id: str) -> Any:
    if not isinstance(values, dict):
        return values
    own = values.get("batch_id")
    if own is not None and own != batch_id:
        raise InvalidRequest(
            {"batch_id": f"{str(own)[:64]!r} is not the call's batch {batch_id[:64]!r}"}
        )
    return {**values, "batch_id": batch_id}
