"""A bulk submission as it arrives: a JSON array or NDJSON, and the faults of its runs by line."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from adapters.settings import Settings
from adapters.store.prices import PriceStore
from contracts.errors import InvalidRequest
from web.arguments import parse_json, typed_body
from web.runs.validation import ValidRequest, validate_request

ARRAY_TYPES = ("application/json",)
LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MAX_LISTED_LINES = 100  # faulty lines that an answer lists; it says how many more there are

Line = tuple[int, Any]  # its number, from 1, and its JSON value


def read_lines(settings: Settings) -> list[Line]:
    """The runs of a request with their line numbers; 413, 415, or InvalidRequest for lines that are not JSON."""
    body = typed_body(*ARRAY_TYPES, *LINE_TYPES, max_bytes=settings.max_body_mb * 1024 * 1024)
    lines = _array(body) if request.mimetype in ARRAY_TYPES else _ndjson(body)
    if not lines:
        raise InvalidRequest({"body": "no runs; an array of at least one, or one JSON object per line, is expected"})
    if len(lines) > settings.max_bulk_runs:
        raise RequestEntityTooLarge(f"{len(lines)} runs in one call; at most {settings.max_bulk_runs} are accepted")
    return lines


def _array(body: bytes) -> list[Line]:
    values = parse_json(body)
    if not isinstance(values, list):
        raise InvalidRequest({"body": f"a JSON array of runs is expected, not a {type(values).__name__}"})
    return list(enumerate(values, start=1))


def _ndjson(body: bytes) -> list[Line]:
    texts = enumerate(body.splitlines(), start=1)
    return _read_each([(number, text) for number, text in texts if text.strip()], parse_json)


def _read_each(lines: Sequence[Line], read: Callable[[Any], Any]) -> list[Line]:
    """What `read` makes of each line; InvalidRequest with faults by `<line>.<field>`, of MAX_LISTED_LINES at most."""
    found: list[Line] = []
    faults: dict[str, str] = {}
    faulty = 0
    for number, value in lines:
        try:
            found.append((number, read(value)))
        except InvalidRequest as error:
            faulty += 1
            if faulty <= MAX_LISTED_LINES:
                faults |= {f"{number}.{field}": fault for field, fault in error.errors.items()}
    if faulty:
        more = f"; the first {MAX_LISTED_LINES} are listed" if faulty > MAX_LISTED_LINES else ""
        raise InvalidRequest(faults, f"{faulty} of {len(lines)} runs are not valid, so none was recorded{more}")
    return found


def batch_id_of(lines: Sequence[Line], asked: str | None, issued: str) -> str:
    """The one batch of a call: the query's, else that of its first run, else `issued`."""
    first = lines[0][1]
    named = asked or (first.get("batch_id") if isinstance(first, dict) else None)
    return named if isinstance(named, str) and named else issued


def validate_lines(lines: Sequence[Line], batch_id: str, prices: PriceStore) -> list[ValidRequest]:
    """All runs of a call, as members of its batch; InvalidRequest with the faults of every line."""
    remembered = _Remembered(prices)
    return [
        valid
        for _, valid in _read_each(lines, lambda values: validate_request(_in_batch(values, batch_id), remembered))
    ]


def _in_batch(values: Any, batch_id: str) -> Any:
    if not isinstance(values, dict):
        return values
    own = values.get("batch_id")
    if own is not None and own != batch_id:
        raise InvalidRequest({"batch_id": f"{str(own)[:64]!r} is not the call's batch {batch_id[:64]!r}"})
    return {**values, "batch_id": batch_id}


class _Remembered:
    """The prices as they are during one call: each series is looked up once, not once per run."""

    def __init__(self, prices: PriceStore) -> None:
        self.get = cache(prices.get)
        self.bars = prices.bars
