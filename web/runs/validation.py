"""Validation of a run request, once, at the border: all faults together, by field, with value and accepted range."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import chain
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from adapters.prices.store import PriceStore, Version
from contracts.errors import InvalidRequest, UnknownTicker
from contracts.portfolio_request import PortfolioRequest
from contracts.run_request import RunRequest, Titled, request_hash
from contracts.tickers import normalize_tickers
from contracts.timeframes import BY_DAY
from contracts.values import Json, Values, frozen, without
from rules.catalog import BaseRule, check_params, checked_rule
from rules.language import Market, SourceError, read_source
from web.api import MAX_BODY_BYTES, describe_ticker, json_body
from web.app import offered_rules, platform
from web.prices import market_of
from web.titles import FIELDS, RequestField, adapter_of, read_fields

C = TypeVar("C")
Faults = dict[str, str]
Span = tuple[date, date]  # first and last day
SURE_DAYS = 40  # longest time that a market may be closed
DAY = timedelta(days=1)
MAX_CODE_BYTES = 128 * 2**20  # of PYTHON in one call, since each run stores its own
LEAST_BARS = 2  # of a backtest; with fewer, its Job would fail with no_prices
SHOWN_CHARACTERS = 60  # of a rejected value in its message
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_DATE_FIELDS = ("start_date", "end_date")
_LABELS = tuple(
    name for name, each in FIELDS.items() if each.about.section == "label" and each.kind == "text"
)


@frozen
class ValidRequest:
    """A request that may be recorded, and the hash of all that decides its result.

    portfolio: of the Job of a ranked one.
    """

    request: RunRequest
    request_hash: str
    portfolio: PortfolioRequest | None = None


def priced_days(request: RunRequest, prices: PriceStore) -> Span:
    """Return the first and the last day of a request for which there may be prices."""
    version = prices.get(request.ticker, request.timeframe, request.data_hash)
    return max(request.start_date, version.first_date), min(request.end_date, version.last_date)


def validate_request(values: Any, prices: PriceStore) -> ValidRequest:
    """Return the request in `values`, complete; InvalidRequest with every fault by field."""
    values = _object(values)
    errors: Faults = {}
    request = _parse_request(values, errors)
    span = _span(values, errors)
    version = _version(values, errors, prices, "ticker", "data_hash")
    market = market_of(values, prices)
    if "params" not in errors and isinstance(values.get("rule_type"), str):
        errors.update(rule_faults(values["rule_type"], values.get("params", {}), market))
    benchmark_version = _version(values, errors, prices, "benchmark", "benchmark_hash")
    for field, fault in chain(
        _combination_faults(values, span),
        _range_faults(version, benchmark_version, span, prices) if span else (),
        _label_faults(values),
    ):
        errors.setdefault(field, fault)
    if request is None or version is None or errors:
        raise InvalidRequest(errors)
    rule = checked_rule(request.rule_type, request.params)
    if unread := (request.others or {}).keys() - {*rule.others()}:
        raise InvalidRequest({"others": f"the rule does not read {', '.join(sorted(unread))}"})
    named = replace(
        with_others(request, [rule], prices),
        rule_id=request.rule_id or rule.label,
        data_hash=version.data_hash,
        benchmark_hash=benchmark_version.data_hash if benchmark_version else None,
    )
    return ValidRequest(named, request_hash(named, rule.params))


def rule_faults(rule_type: Any, params: Any, market: Market | None = None) -> Faults:
    """Return the faults of a rule and its params by field: those of the catalog, and of what the settings allow."""
    faults = check_params(rule_type, params, market)
    if rule_type != "PYTHON":
        return faults
    if rule_type not in offered_rules():
        return {"rule_type": "PYTHON is switched off on this server (PYTHON_RULES=off)"}
    if not faults and params:
        try:
            read_source(params["code"], platform().settings.python_modules)
        except SourceError as error:
            return {"params.code": error.with_place(params["code"])}
    return faults


def refuse_much_code(several: Iterable[Any]) -> None:
    """Raise InvalidRequest for params of many runs whose code is too much to be stored with each of them."""
    code = (each.get("code") for each in several if isinstance(each, Mapping))
    size = sum(len(each) for each in code if isinstance(each, str))
    if size > MAX_CODE_BYTES:
        fault = f"{size / 2**20:,.0f} MB of code in all runs; at most {MAX_CODE_BYTES / 2**20:,.0f} MB are accepted"
        raise InvalidRequest({"params.code": f"{fault}: shorten it, or use a screen"})


def with_others(request: RunRequest, rules: Iterable[BaseRule], prices: PriceStore) -> RunRequest:
    """Return the request with the versions of the other tickers that the rules read, the current ones by default."""
    pinned, tickers = request.others or {}, {name for rule in rules for name in rule.others()}
    others = {
        ticker: prices.get(ticker, request.timeframe, pinned.get(ticker)).data_hash
        for ticker in sorted(tickers)
    }
    return replace(request, others=others or None)


def _parse_request(values: Values, errors: Faults) -> RunRequest | None:
    """Return the request typed by its contract, or None; add its faults to `errors`."""
    if values.get("run_id") is not None:
        errors["run_id"] = "issued by the server; leave it out"
    fields = without(values, ("run_id",))
    text = bounded_json(fields)
    for name in _DATE_FIELDS:
        # pydantic also takes "1072915200"
        if isinstance(day := fields.get(name), str) and not _DATE.fullmatch(day):
            errors[name] = _refusal(FIELDS[name], day)
    return _as(RunRequest, values, text, errors)


def check_contract(contract: type[C], values: Any) -> C:
    """Build a contract, whose fields are Annotated with About, from `values`; InvalidRequest with every fault."""
    errors: Faults = {}
    values = _object(values)
    result = _as(contract, values, json.dumps(values), errors)
    if result is None:
        raise InvalidRequest(errors)
    return result


def read_title() -> str | None:
    """The title in the request's body; None for an empty one. InvalidRequest."""
    return check_contract(Titled, json_body()).title.strip() or None


def _object(values: Any) -> Json:
    if not isinstance(values, dict):
        raise InvalidRequest({"body": f"a JSON object is expected, not {_quote(values)}"})
    return normalize_tickers(values)


def _as(contract: type[C], values: Values, text: str, errors: Faults) -> C | None:
    """Build a contract from values, whose JSON is `text`; return None with the faults in `errors`."""
    kind: Any = contract
    fields = read_fields(kind)
    # from JSON, since pydantic's strict mode takes dates and floats as JSON writes them there
    try:
        result: C = adapter_of(kind).validate_json(text, strict=True)
    except ValidationError as faults:
        for fault in faults.errors(include_url=False):
            name = str(fault["loc"][0])
            errors.setdefault(name, _message(fault, fields, name, values.get(name)))
        return None
    return result


def bounded_json(values: Any) -> str:
    """Encode the values of one run as JSON; InvalidRequest when it exceeds the body of a single run."""
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
    return f"{_quote(value)} is not accepted{quoted}; accepted: {field.accepts}"


def _span(values: Values, errors: Faults) -> Span | None:
    """Return the first and the last day; None when one has a fault."""
    if errors.keys() & {*_DATE_FIELDS}:
        return None
    start, end = (date.fromisoformat(values[name]) for name in _DATE_FIELDS)
    return start, end


def _version(
    values: Values, errors: Faults, prices: PriceStore, ticker_field: str, hash_field: str
) -> Version | None:
    """Return the version named by two fields and the timeframe; None without a ticker, or with a fault in `errors`."""
    if {ticker_field, hash_field, "timeframe"} & errors.keys():
        return None
    ticker, data_hash = values.get(ticker_field), values.get(hash_field)
    if not isinstance(ticker, str):
        if data_hash is not None:
            errors[hash_field] = f"accepted only together with {ticker_field}"
        return None
    try:
        return prices.get(ticker, values.get("timeframe", "1d"), data_hash)
    except UnknownTicker as error:
        errors[hash_field if "data_hash" in str(error) else ticker_field] = describe_ticker(error)
        return None


def _range_faults(
    version: Version | None, benchmark_version: Version | None, span: Span, prices: PriceStore
) -> Iterator[tuple[str, str]]:
    """Yield the faults of a span of days: too few bars of the ticker, or none of the benchmark."""
    start, end = span
    if (
        version
        and start <= end
        and (bars := _bars_between(version, start, end, prices)) < LEAST_BARS
    ):
        missing = (
            f"only {bars} bar of {version.ticker} on these dates, and a backtest needs {LEAST_BARS}"
            if bars
            else f"no {version.ticker} prices for these dates"
        )
        field = "start_date" if start > version.last_date else "end_date"
        yield field, f"{missing}; {_available(version)}"
    if benchmark_version and (
        start > benchmark_version.last_date or end < benchmark_version.first_date
    ):
        missing = f"no {benchmark_version.ticker} prices for these dates"
        yield "benchmark", f"{missing}; {_available(benchmark_version)}"


def _available(version: Version) -> str:
    return f"available ({version.timeframe}): {version.first_date} to {version.last_date}"


def _bars_between(version: Version, start: date, end: date, prices: PriceStore) -> int:
    """Count the bars of a range; more than SURE_DAYS within the prices have at least LEAST_BARS."""
    if (min(end, version.last_date) - max(start, version.first_date)).days > SURE_DAYS:
        return LEAST_BARS
    return len(prices.bars(version.data_hash).between(start, end))


def _combination_faults(values: Values, span: Span | None) -> Iterator[tuple[str, str]]:
    """Yield faults of fields that contradict each other, which types alone cannot express."""
    by_day = values.get("timeframe", FIELDS["timeframe"].default) in [*BY_DAY]
    if span and span[1] < span[0] + by_day * DAY:
        accepted = "after the start" if by_day else "on or after the day of the start"
        yield "end_date", f"{span[1]}: the end must be {accepted}, {span[0]}"
    size = values.get("position_size", FIELDS["position_size"].default)
    if by_day and values.get("flat_at") is not None:
        yield "flat_at", f"{_quote(values['flat_at'])}: daily and weekly bars have no time of day"
    if values.get("size_type") == "percent" and isinstance(size, int | float) and size > 100:
        yield "position_size", f"{_quote(size)} is more than 100, and size_type is percent"


def _label_faults(values: Values) -> Iterator[tuple[str, str]]:
    """Yield texts that are not printable or cannot be part of an address."""
    texts = {name: values[name] for name in _LABELS if isinstance(values.get(name), str)}
    for name, text in texts.items():
        if not text.isprintable():
            yield name, f"{_quote(text)} contains non-printable characters"
    batch_id = texts.get("batch_id", "")
    if "/" in batch_id or batch_id in (".", "..") or batch_id != batch_id.strip():
        fault = "cannot be part of an address: no slash, no space at its ends, and not . or .."
        yield "batch_id", f"{_quote(batch_id)} {fault}"


def _quote(value: Any) -> str:
    """Quote a rejected value in a message: JSON, at most a line."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
