"""A request is checked here, once, at the border: all its faults together, with field, value and accepted range."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from adapters.prices.bars import Bars
from adapters.prices.store import Version
from contracts.errors import InvalidRequest, UnknownTicker
from contracts.run_request import RunRequest, Timeframe, request_hash
from rules.catalog import check_params, checked_rule
from web.arguments import MAX_BODY_BYTES
from web.request_fields import FIELDS

SURE_DAYS = 40  # no market is closed for so long
LEAST_BARS = 2  # of a backtest; with fewer its Job would end as failed (no_prices)
SHOWN_CHARACTERS = 60  # of a refused value in its message
_adapter = cache(lambda: TypeAdapter(RunRequest))  # of pydantic, made when it is needed first
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIELDS = ("start_date", "end_date")
_LABELS = tuple(name for name, each in FIELDS.items() if each.about.section == "label" and each.kind == "text")


class PriceSource(Protocol):
    """Where requests find their prices: the store, or what one call remembers of it."""

    def get(self, ticker: str, timeframe: Timeframe = "1d", data_hash: str | None = None) -> Version:
        """One version, the current one for None; UnknownTicker when there is none."""

    @property
    def bars(self) -> Callable[[str], Bars]:
        """The bars of a data_hash."""


@dataclass(frozen=True, slots=True)
class ValidRequest:
    """A request that may be recorded, and the hash of what decides its result."""

    request: RunRequest
    request_hash: str


def validate_request(values: Any, prices: PriceSource) -> ValidRequest:
    """The request that `values` ask for; InvalidRequest with every fault by field."""
    if not isinstance(values, dict):
        raise InvalidRequest({"body": f"a JSON object is expected, not {_shown(values)}"})
    errors: dict[str, str] = {}
    held: Version | None = None
    request = _typed(values, errors)
    if "params" not in errors and isinstance(values.get("rule_type"), str):
        errors.update(check_params(values["rule_type"], values.get("params", {})))
    if "ticker" not in errors and isinstance(values.get("ticker"), str):
        held = _check_prices(values, errors, prices)
    beside = _check_benchmark(values, errors, prices)
    _check_combinations(values, errors)
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


def _typed(values: Mapping[str, Any], errors: dict[str, str]) -> RunRequest | None:
    """The request as the contract types it, or None with the faults in `errors`."""
    if values.get("run_id") is not None:
        errors["run_id"] = "issued by the server; leave it out"
    given = {name: value for name, value in values.items() if name != "run_id"}
    text = written(given)
    for name in _DATE_FIELDS:
        if isinstance(given.get(name), str) and not _DATE.fullmatch(given[name]):  # pydantic also takes "1072915200"
            errors[name] = f"{_shown(given[name])} is not accepted; accepted: {FIELDS[name].accepts}"
    try:  # from JSON, since pydantic's strict mode takes dates and floats as JSON writes them there
        request = _adapter().validate_json(text, strict=True)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            errors.setdefault(".".join(str(part) for part in fault["loc"]), _message(fault, values))
        return None
    return None if errors else request


def written(values: Any) -> str:
    """Values of one run as JSON; InvalidRequest when they are more than the body of a single run could hold."""
    text = json.dumps(values)
    if len(text) > MAX_BODY_BYTES:
        fault = f"{len(text):,} characters of JSON for one run; at most {MAX_BODY_BYTES:,} are accepted"
        raise InvalidRequest({"body": fault})
    return text


def _message(fault: ErrorDetails, values: Mapping[str, Any]) -> str:
    kind = fault["type"]
    if kind in ("missing", "missing_argument"):
        return "required"
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        accepted = ", ".join(name for name in FIELDS if name != "run_id")
        return f"unknown field; accepted: {accepted}"
    field = str(fault["loc"][0])
    return f"{_shown(values.get(field))} is not accepted; accepted: {FIELDS[field].accepts}"


def _check_prices(values: Mapping[str, Any], errors: dict[str, str], prices: PriceSource) -> Version | None:
    """The version that the run would read, or None with the fault in `errors`."""
    ticker, timeframe, data_hash = values["ticker"], values.get("timeframe", "1d"), values.get("data_hash")
    if {"timeframe", "data_hash"} & errors.keys() or not isinstance(timeframe, str):
        return None
    try:
        held = prices.get(ticker, timeframe, data_hash)  # type: ignore[arg-type]  # an unknown one is refused there
    except UnknownTicker as error:
        errors["data_hash" if "data_hash" in str(error) else "ticker"] = str(error)
        return None
    start, end = (_as_date(values.get(name)) for name in _DATE_FIELDS)
    if start and end and start < end and (bars := _bars_between(held, start, end, prices)) < LEAST_BARS:
        found = f"only {bars} bar, and a backtest needs {LEAST_BARS}," if bars else "no prices"
        span = f"{ticker} has {timeframe} prices from {held.first_date} to {held.last_date}"
        errors["start_date" if start > held.last_date else "end_date"] = f"{found} between {start} and {end}: {span}"
    return held


def _check_benchmark(values: Mapping[str, Any], errors: dict[str, str], prices: PriceSource) -> Version | None:
    """The version that the run is held against; None without a benchmark, or with the fault in `errors`."""
    benchmark, timeframe, data_hash = (values.get(name) for name in ("benchmark", "timeframe", "benchmark_hash"))
    if {"benchmark", "timeframe", "benchmark_hash"} & errors.keys():
        return None
    if not isinstance(benchmark, str):
        if data_hash is not None:
            errors["benchmark_hash"] = "given without a benchmark"
        return None
    try:
        held = prices.get(benchmark, timeframe or "1d", data_hash)
    except UnknownTicker as error:
        errors["benchmark_hash" if "data_hash" in str(error) else "benchmark"] = str(error)
        return None
    start, end = (_as_date(values.get(name)) for name in _DATE_FIELDS)
    if start and end and (start > held.last_date or end < held.first_date):
        span = f"has {held.timeframe} prices from {held.first_date} to {held.last_date}"
        errors["benchmark"] = f"{held.ticker} {span}, none of them between {start} and {end}"
    return held


def _bars_between(held: Version, start: date, end: date, prices: PriceSource) -> int:
    """How many bars a range has; over SURE_DAYS that lie within the prices they are not counted, just enough."""
    if (min(end, held.last_date) - max(start, held.first_date)).days > SURE_DAYS:
        return LEAST_BARS
    return len(prices.bars(held.data_hash).between(start, end))


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
    size = values.get("position_size", FIELDS["position_size"].default)
    if values.get("size_type") == "percent" and isinstance(size, int | float) and size > 100:
        errors.setdefault("position_size", f"{_shown(size)} is more than 100, and size_type is percent")
    for name in _LABELS:
        text = values.get(name)
        if isinstance(text, str) and text and not text.isprintable():
            errors.setdefault(name, f"{_shown(text)} has characters that cannot be shown")
    batch_id = values.get("batch_id")
    if isinstance(batch_id, str) and ("/" in batch_id or batch_id in (".", "..") or batch_id != batch_id.strip()):
        fault = f"{_shown(batch_id)} cannot be part of an address: no slash, no space at its ends, and not . or .."
        errors.setdefault("batch_id", fault)


def _shown(value: Any) -> str:
    """A refused value as a message prints it: JSON, never longer than a line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
