"""Submission of many runs: bodies with an array, NDJSON or a sweep, and one transaction for all of their runs."""

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from itertools import islice
from typing import Any

from flask import request
from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping
from werkzeug.exceptions import RequestEntityTooLarge

from adapters.database_errors import DuplicateKey
from adapters.logs import log_context
from adapters.plans.batch import runs_by_hash, runs_on_other_prices
from adapters.plans.expansion import Expansion, expand
from adapters.plans.portfolio import insert_portfolio
from adapters.runs.changes import NewRun
from contracts.errors import Conflict, InvalidRequest
from contracts.status import RunStatus
from contracts.sweep import ACCEPTED, SweepSpec
from contracts.values import Json, Values, without
from rules.catalog import RULES, complete_params
from web.api import parse_json, typed_body
from web.app import ask_database, platform, reading_database
from web.runs.operations import join_own_batch, new_run, start_runs
from web.runs.validation import (
    ValidRequest,
    bounded_json,
    refuse_much_code,
    rule_faults,
    validate_request,
)
from web.titles import adapter_of

LINE_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
MAX_FAULTS = 100  # after which no further line is checked
MOST_FIELDS = 100  # of a sweep, which has 10, or a study, which has 17

Line = tuple[int, Any]  # its number, from 1, and its JSON value


def read_lines() -> list[Line]:
    """Read the runs of a request with their line numbers; 413, 415, or InvalidRequest for lines that are not JSON."""
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
    """Yield the lines that are not blank, unparsed."""
    for number, text in enumerate(BytesIO(body), start=1):
        if line := text.strip():
            yield number, line


def _read_each(lines: Sequence[Line], read: Callable[[Any], Any]) -> list[Line]:
    """Apply `read` to each line; InvalidRequest with faults by `<line>.<field>`, at the latest at MAX_FAULTS."""
    values_read: list[Line] = []
    faults: dict[str, str] = {}
    faulty = 0
    for number, value in lines:
        try:
            values_read.append((number, read(value)))
        except InvalidRequest as error:
            faulty += 1
            faults |= {f"{number}.{field}": fault for field, fault in error.errors.items()}
            if len(faults) >= MAX_FAULTS:
                break
    if not faulty:
        return values_read
    summary = f"{faulty} of {len(lines)} runs are not valid, so none was recorded"
    more = "; these are listed, and the rest was not checked"
    raise InvalidRequest(faults, summary + (more if len(faults) >= MAX_FAULTS else ""))


def batch_id_of(lines: Sequence[Line], batch_argument: str | None) -> str | None:
    """Return the batch of a call: the query's, else that of its first run; None when neither names one."""
    first = lines[0][1]
    name = batch_argument or (first.get("batch_id") if isinstance(first, dict) else None)
    return name if isinstance(name, str) else None


def validate_lines(lines: Sequence[Line], batch_id: str) -> list[ValidRequest]:
    """Validate all runs of a call as members of its batch; InvalidRequest with the faults of every line."""
    refuse_much_code(
        line["params"] for _, line in lines if isinstance(line, dict) and "params" in line
    )
    prices = platform().prices.remembered()
    read = _read_each(lines, lambda values: validate_request(_in_batch(values, batch_id), prices))
    return [valid for _, valid in read]


def _in_batch(values: Any, batch_id: str) -> Any:
    if not isinstance(values, dict):
        return values
    batch_of_line = values.get("batch_id")
    if batch_of_line is not None and batch_of_line != batch_id:
        raise InvalidRequest(
            {"batch_id": f"{str(batch_of_line)[:64]!r} is not the call's batch {batch_id[:64]!r}"}
        )
    return {**values, "batch_id": batch_id}


def few_fields(values: Any) -> Json:
    """Return the values of a JSON object; InvalidRequest for anything else, and for too many fields."""
    if not isinstance(values, dict) or len(values) > MOST_FIELDS:
        raise InvalidRequest(
            {"body": f"a JSON object of at most {MOST_FIELDS} fields is expected"}
        )
    return values


def read_sweep(values: Any, most: int, rules: Mapping[str, Values] | None = None) -> Expansion:
    """Expand the sweep in `values`, of at most so many runs; InvalidRequest with every fault by field.

    rules: the parameters of each rule with their defaults, those of the catalog unless given.
    """
    base = few_fields(values).get("base")
    bounded_json(base)
    params = rules or {name: complete_params(name, {}) for name in RULES} | _of_code(base)
    try:
        spec = adapter_of(SweepSpec).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        faulty = dict.fromkeys(str(each["loc"][0]) for each in error.errors(include_url=False))
        errors = {field: _message(field, values) for field in faulty}
        if "base" in errors:
            raise InvalidRequest(errors) from None
        return expand(SweepSpec(**without(values, errors)), params, most, errors)
    return expand(spec, params, most)


def _of_code(base: Any) -> Json:
    """Return the params of a base's PYTHON by its name, with the inputs that its code declares, to sweep over them."""
    params = base.get("params") if isinstance(base, dict) else None
    if not params or base.get("rule_type") != "PYTHON" or rule_faults("PYTHON", params):
        return {}
    return {"PYTHON": complete_params("PYTHON", params)}


def _message(field: str, values: Json) -> str:
    if field not in ACCEPTED:
        return f"unknown; accepted: {', '.join(ACCEPTED)}"
    fault = f"{values[field]!r:.60} is not accepted; accepted" if field in values else "required"
    return f"{fault}: {ACCEPTED[field]}"


ExistingRuns = dict[str, RowMapping]  # run_id and status by request hash

log = logging.getLogger(__name__)

TRIES = 5  # while others submit to the same batch


def plan_bulk(batch_id: str, valid: Sequence[ValidRequest]) -> Json:
    """Return the answer that a submission would get; record nothing."""
    versions = {str(each.request.data_hash) for each in valid}
    with reading_database() as connection:
        existing_runs = runs_by_hash(connection, batch_id, [each.request_hash for each in valid])
        others = runs_on_other_prices(connection, batch_id, versions)
    return _answer(valid, existing_runs, []) | {"on_other_prices": others}


def submit_bulk(batch_id: str, valid: Sequence[ValidRequest], spec: Json | None = None) -> Json:
    """Record and enqueue the runs that the batch does not have yet; QueueFull, BudgetSpent.

    spec: of the batch, if it is new.
    """
    for _ in range(TRIES):
        existing_runs = ask_database(
            runs_by_hash, batch_id, [each.request_hash for each in valid]
        )
        missing = {
            each.request_hash: each for each in valid if each.request_hash not in existing_runs
        }
        new = list(map(new_run, missing.values()))
        with log_context(batch_id=batch_id):
            try:
                if new:
                    start_runs(new, partial(_join, batch_id, spec, new, missing))
            except DuplicateKey:  # others recorded some of them meanwhile, which rolled ours back
                continue
            log.info("bulk_accepted new=%d existing=%d", len(new), len(valid) - len(new))
        return _answer(valid, existing_runs, new)
    raise Conflict(
        f"batch {batch_id} is being submitted by others at the same time; send the same call again"
    )


def _join(
    batch_id: str,
    spec: Json | None,
    new: Sequence[NewRun],
    valid: Mapping[str, ValidRequest],
    connection: Connection,
) -> str | None:
    """Lock the batch of new runs, by `join_own_batch`, and record the portfolios that some of them are the Jobs of."""
    plan_id = join_own_batch(connection, batch_id, spec)
    for run in new:
        if portfolio := valid[run.request_hash].portfolio:
            columns = {"request_hash": run.request_hash, "submitted_by": run.submitted_by}
            insert_portfolio(connection, run.run_id, portfolio, [], **columns)
    return plan_id


def _answer(
    valid: Sequence[ValidRequest], existing_runs: ExistingRuns, new: Sequence[NewRun]
) -> Json:
    """Return the run of each line, in the call's order, and the number of new ones.

    existing: counts of earlier runs by status. on_other_prices: runs of the batch that read other versions of the
    prices, counted in a dry run only. run_ids: None for a run that is not recorded yet.
    """
    hashes = [each.request_hash for each in valid]
    run_ids = {each.request_hash: each.run_id for each in new}
    run_ids |= {key: row["run_id"] for key, row in existing_runs.items()}
    return {
        "new": len({*hashes} - existing_runs.keys()),
        "existing": dict(
            Counter(RunStatus(row["status"]).public for row in existing_runs.values())
        ),
        "on_other_prices": 0,
        "run_ids": [run_ids.get(key) for key in hashes],
    }
