"""A request is checked here, once, at the border: all its faults together, with field, value and accepted range."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adapters.prices.store import PriceStore, Version
from contracts.errors import InvalidRequest, UnknownTicker
from contracts.run_request import RunRequest, Titled, request_hash
from contracts.tickers import normalize_tickers
from contracts.timeframes import BY_DAY
from contracts.values import Json, Values, frozen, without
from rules.catalog import check_params, checked_rule
from web.api import MAX_BODY_BYTES, describe_ticker, json_body
from web.titles import FIELDS, RequestField, adapter_of, read_fields

C = TypeVar("C")
Faults = dict[str, str]
Span = tuple[date, date]  # first and last day
SURE_DAYS = 40  # no market is closed for so long
DAY = timedelta(days=1)
LEAST_BARS = 2  # of a backtest; with fewer its Job would end as failed (no_prices)
SHOWN_CHARACTERS = 60  # of a refused value in its message
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIELDS = ("start_date", "end_date")
_LABELS = tuple(
    name for name, each in FIELDS.items() if each.about.section == "label" and each.kind == "text"
)


@frozen
class ValidRequest:
    """A request that may be recorded, and the hash of what decides its result."""

    request: RunRequest
    request_hash: str


def held_days(request: RunRequest, prices: PriceStore) -> Span:
    """The first and the last day of a request for which there may be prices."""
    held = prices.get(request.ticker, request.timeframe, request.data_hash)
    return max(request.start_date, held.first_date), min(request.end_date, held.last_date)


def validate_request(values: Any, prices: PriceStore) -> ValidRequest:
    """The request that `values` ask for; InvalidRequest with every fault by field."""
    values = _object(values)
    errors: Faults = {}
    request = _typed(values, errors)
    if "params" not in errors and isinstance(values.get("rule_type"), str):
        errors.update(check_params(values["rule_type"], values.get("params", {})))
    span = _span(values, errors)
    held = _version(values, errors, prices, "ticker", "data_hash")
    beside = _version(values, errors, prices, "benchmark", "benchmark_hash")
    for field, fault in chain(
        _combination_faults(values, span),
        _range_faults(held, beside, span, prices) if span else (),
        _label_faults(values),
    ):
        errors.setdefault(field, fault)
    if request is None or held is None or errors:
        raise InvalidRequest(errors)
    rule = checked_rule(request.rule_type, request.params)
    named = replace(
        request,
        rule_id=request.rule_id or rule.label,
        data_hash=held.data_hash,
        benchmark_hash=beside.data_hash if beside else None,
    )
    return ValidRequest(named, request_hash(named, rule.params))


def _typed(values: Values, errors: Faults) -> RunRequest | None:
    """The request as the contract types it, if it has no other fault; all of its faults in `errors`."""
    if values.get("run_id") is not None:
        errors["run_id"] = "issued by the server; leave it out"
    given = without(values, ("run_id",))
    text = written(given)
    for name in _DATE_FIELDS:
        # pydantic also takes "1072915200"
        if isinstance(day := given.get(name), str) and not _DATE.fullmatch(day):
            errors[name] = _refusal(FIELDS[name], day)
    return _as(RunRequest, values, text, errors)


def checked(contract: type[C], values: Any) -> C:
    """What `values` ask for by a contract whose fields are Annotated with About; InvalidRequest with every fault."""
    errors: Faults = {}
    values = _object(values)
    asked = _as(contract, values, json.dumps(values), errors)
    if asked is None:
        raise InvalidRequest(errors)
    return asked


def read_title() -> str | None:
    """The title in the request's body; None for an empty one. InvalidRequest."""
    return checked(Titled, json_body()).title.strip() or None


def _object(values: Any) -> Json:
    if not isinstance(values, dict):
        raise InvalidRequest({"body": f"a JSON object is expected, not {_shown(values)}"})
    return normalize_tickers(values)


def _as(contract: type[C], values: Values, text: str, errors: Faults) -> C | None:
    """The contract's object of these values, which `text` has as JSON; None with the faults in `errors`."""
    kind: Any = contract
    fields = read_fields(kind)
    # from JSON, since pydantic's strict mode takes dates and floats as JSON writes them there
    try:
        found: C = adapter_of(kind).validate_json(text, strict=True)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            name = str(fault["loc"][0])
            errors.setdefault(name, _message(fault, fields, name, values.get(name)))
        return None
    return found


def written(values: Any) -> str:
    """Values of one run as JSON; InvalidRequest when they are more than the body of a single run could hold."""
    text = json.dumps(values)
    if len(text) > MAX_BODY_BYTES:
        fault = f"{len(text):,} characters of JSON for one run; at most {MAX_BODY_BYTES:,} are accepted"
        raise InvalidRequest({"body": fault})
    return text


def _message(
    fault: ErrorDetails, fields: Mapping[str, RequestField], name: str, value: Any
) -> str:
    if fault["type"] == "missing":
        return "required"
    if fault["type"] == "unexpected_keyword_argument":
        return (
            f"unknown field; accepted: {', '.join(each for each in fields if each != 'run_id')}"
        )
    return _refusal(fields[name], value)


def _refusal(field: RequestField, value: Any) -> str:
    quoted = ""
    if field.kind == "text" and isinstance(value, int | float):  # as YAML reads 7203, ON and NO
        kind = "true or false" if isinstance(value, bool) else "a number"
        quoted = f", which is {kind}, not text: quote it"
    return f"{_shown(value)} is not accepted{quoted}; accepted: {field.accepts}"


def _span(values: Values, errors: Faults) -> Span | None:
    """The first and the last day, where none of them has a fault."""
    if errors.keys() & {*_DATE_FIELDS}:
        return None
    start, end = (date.fromisoformat(values[name]) for name in _DATE_FIELDS)
    return start, end


def _version(
    values: Values, errors: Faults, prices: PriceStore, ticker_field: str, hash_field: str
) -> Version | None:
    """The version that two fields and the timeframe name; None without a ticker, or with the fault in `errors`."""
    if {ticker_field, hash_field, "timeframe"} & errors.keys():
        return None
    ticker, data_hash = values.get(ticker_field), values.get(hash_field)
    if not isinstance(ticker, str):
        if data_hash is not None:
            errors[hash_field] = f"given without a {ticker_field}"
        return None
    try:
        return prices.get(ticker, values.get("timeframe", "1d"), data_hash)
    except UnknownTicker as error:
        errors[hash_field if "data_hash" in str(error) else ticker_field] = describe_ticker(error)
        return None


def _range_faults(
    held: Version | None, beside: Version | None, span: Span, prices: PriceStore
) -> Iterator[tuple[str, str]]:
    """What versions lack between two days: `held`, which the run would read, and `beside`, which it is held against."""
    start, end = span
    if held and start <= end and (bars := _bars_between(held, start, end, prices)) < LEAST_BARS:
        found = f"only {bars} bar, and a backtest needs {LEAST_BARS}," if bars else "no prices"
        field = "start_date" if start > held.last_date else "end_date"
        yield field, f"{found} between {start} and {end}: {_extent(held)}"
    if beside and (start > beside.last_date or end < beside.first_date):
        yield "benchmark", f"{_extent(beside)}, none of them between {start} and {end}"


def _extent(held: Version) -> str:
    return f"{held.ticker} has {held.timeframe} prices from {held.first_date} to {held.last_date}"


def _bars_between(held: Version, start: date, end: date, prices: PriceStore) -> int:
    """How many bars a range has; over SURE_DAYS that lie within the prices they are not counted, just enough."""
    if (min(end, held.last_date) - max(start, held.first_date)).days > SURE_DAYS:
        return LEAST_BARS
    return len(prices.bars(held.data_hash).between(start, end))


def _combination_faults(values: Values, span: Span | None) -> Iterator[tuple[str, str]]:
    """What the contract's types cannot say of two fields that have their types, whatever is wrong with the others."""
    by_day = values.get("timeframe", FIELDS["timeframe"].default) in [*BY_DAY]
    if span and span[1] < span[0] + by_day * DAY:
        accepted = "after the start" if by_day else "on or after the day of the start"
        yield "end_date", f"{span[1]}: the end must be {accepted}, {span[0]}"
    size = values.get("position_size", FIELDS["position_size"].default)
    if values.get("size_type") == "percent" and isinstance(size, int | float) and size > 100:
        yield "position_size", f"{_shown(size)} is more than 100, and size_type is percent"


def _label_faults(values: Values) -> Iterator[tuple[str, str]]:
    """What cannot be shown, or be part of an address."""
    texts = {name: values[name] for name in _LABELS if isinstance(values.get(name), str)}
    for name, text in texts.items():
        if not text.isprintable():
            yield name, f"{_shown(text)} has characters that cannot be shown"
    batch_id = texts.get("batch_id", "")
    if "/" in batch_id or batch_id in (".", "..") or batch_id != batch_id.strip():
        fault = "cannot be part of an address: no slash, no space at its ends, and not . or .."
        yield "batch_id", f"{_shown(batch_id)} {fault}"


def _shown(value: Any) -> str:
    """A refused value as a message prints it: JSON, never longer than a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
