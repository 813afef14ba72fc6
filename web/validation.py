"""A request is checked here, once, at the border: all its faults together, with field, value and accepted range."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from adapters.prices.tickers import Tickers
from contracts.errors import BadPriceFile, InvalidRequest, UnknownTicker
from contracts.run_request import FIELD_NAMES, RunRequest, request_hash
from rules.catalog import check_params, complete_params, rule_label

SHOWN_CHARACTERS = 60  # of a refused value in its message
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIELDS = ("start_date", "end_date")
_DEFAULT_SIZE = next(field.default for field in fields(RunRequest) if field.name == "position_size")


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request that may be recorded, and the hash of what decides its result."""

    request: RunRequest
    request_hash: str


@cache
def request_adapter() -> TypeAdapter[RunRequest]:
    """Pydantic's validator of the contract."""
    return TypeAdapter(RunRequest)


def parse_json(body: bytes) -> Any:
    """The JSON value of a body; InvalidRequest for malformed JSON, NaN, Infinity or absurd nesting."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidRequest({"body": f"not valid JSON: {reason}"}, "the body is not valid JSON") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def validate_request(values: Any, tickers: Tickers) -> ValidRequest:
    """The request that `values` ask for; InvalidRequest with every fault by field."""
    if not isinstance(values, dict):
        raise InvalidRequest({"body": f"a JSON object is expected, not {_shown(values)}"})
    errors: dict[str, str] = {}
    request = _typed(values, errors)
    if "params" not in errors and isinstance(values.get("rule_type"), str):
        errors.update(check_params(values["rule_type"], values.get("params", {})))
    if "ticker" not in errors and isinstance(values.get("ticker"), str):
        _check_ticker(values, errors, tickers)
    _check_combinations(values, errors)
    if request is None or errors:
        raise InvalidRequest(errors)
    full_params = complete_params(request.rule_type, request.params)
    named = replace(request, rule_id=request.rule_id or rule_label(request.rule_type, request.params))
    return ValidRequest(named, request_hash(named, full_params))


def _typed(values: Mapping[str, Any], errors: dict[str, str]) -> RunRequest | None:
    """The request as the contract types it, or None with the faults in `errors`."""
    if values.get("run_id") is not None:
        errors["run_id"] = "issued by the server; leave it out"
    given = {name: value for name, value in values.items() if name != "run_id"}
    for name in _DATE_FIELDS:
        if isinstance(given.get(name), str) and not _DATE.fullmatch(given[name]):  # pydantic also takes "1072915200"
            errors[name] = f"{_shown(given[name])} is not accepted; accepted: {_RANGES[name]}"
    try:  # from JSON, since pydantic's strict mode takes dates and floats as JSON writes them there
        request = request_adapter().validate_json(json.dumps(given), strict=True)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            errors.setdefault(".".join(str(part) for part in fault["loc"]), _message(fault, values))
        return None
    return None if errors else request


def _message(fault: ErrorDetails, values: Mapping[str, Any]) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in ("missing", "missing_argument"):
        return "required"
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        accepted = ", ".join(name for name in FIELD_NAMES if name != "run_id")
        return f"unknown field; accepted: {accepted}"
    field = str(fault["loc"][0]) if fault["loc"] else "body"
    value = _shown(values.get(field))
    if kind == "literal_error":
        return f"{value} is not one of {context['expected']}"
    wanted = _RANGES.get(field)
    return f"{value} is not accepted; accepted: {wanted}" if wanted else f"{value}: {fault['msg']}"


_RANGES = {
    "rule_type": "a name in the rule catalog, see /api/rules",
    "start_date": "a date of the form YYYY-MM-DD",
    "end_date": "a date of the form YYYY-MM-DD",
    "ticker": "1 to 15 of A-Z 0-9 . ^ = -",
    "initial_capital": "a number above 0, at most 1e12",
    "fee_rate": "a fraction from 0 to below 0.1",
    "slippage_bps": "basis points from 0 to 1000",
    "position_size": "a number above 0, at most 1e12; at most 100 when size_type is percent",
    "stop_loss_pct": "a percentage above 0 and below 100, or null",
    "take_profit_pct": "a percentage above 0 and at most 1000, or null",
    "trailing_stop_pct": "a percentage above 0 and below 100, or null",
    "fractional_shares": "true or false",
    "risk_free_rate": "a fraction per year from 0 to below 1",
    "charts": "true or false",
    "batch_id": "1 to 64 characters, or null",
    "label": "at most 64 characters, or null",
    "rule_id": "at most 64 characters, or null",
    "params": "an object of the rule's parameters",
}


def _check_ticker(values: Mapping[str, Any], errors: dict[str, str], tickers: Tickers) -> None:
    ticker, timeframe = values["ticker"], values.get("timeframe", "1d")
    if "timeframe" in errors or not isinstance(timeframe, str):
        return
    try:
        held = tickers.get(ticker, timeframe)  # type: ignore[arg-type]  # an unknown timeframe is refused there
    except (UnknownTicker, BadPriceFile) as error:
        errors["ticker"] = str(error)
        return
    start, end = (_as_date(values.get(name)) for name in _DATE_FIELDS)
    if start and end and (start > held.last_date or end < held.first_date):
        span = f"{ticker} has {timeframe} prices from {held.first_date} to {held.last_date}"
        errors["start_date" if start > held.last_date else "end_date"] = f"no prices between {start} and {end}: {span}"


def _as_date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) and _DATE.fullmatch(value) else None
    except ValueError:
        return None


def _check_combinations(values: Mapping[str, Any], errors: dict[str, str]) -> None:
    """What the contract's types cannot say, of every field that has its type, whatever is wrong with the others."""
    start, end = (_as_date(values.get(name)) for name in _DATE_FIELDS)
    if start and end and end <= start:
        errors["end_date"] = f"{end} is not after start_date {start}"
    size = values.get("position_size", _DEFAULT_SIZE)
    if values.get("size_type") == "percent" and isinstance(size, int | float) and size > 100:
        errors.setdefault("position_size", f"{size:g} is more than 100, and size_type is percent")
    for name in ("batch_id", "label", "rule_id"):
        text = values.get(name)
        if isinstance(text, str) and text and not text.isprintable():
            errors.setdefault(name, f"{_shown(text)} has characters that cannot be shown")
    batch_id = values.get("batch_id")
    if isinstance(batch_id, str) and ("/" in batch_id or batch_id in (".", "..")):
        fault = f"{_shown(batch_id)} cannot stand in an address: no slash, and not . or .."
        errors.setdefault("batch_id", fault)


def _shown(value: Any) -> str:
    """A refused value as a message prints it: JSON, never longer than a line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
