"""The check of a rule and its params, which the editor calls while somebody types."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from flask import Blueprint
from flask.typing import ResponseReturnValue

from contracts.errors import InvalidRequest, UnknownTicker
from contracts.tickers import normalize_ticker
from contracts.values import Json, Values
from rules.catalog import BaseRule, checked_rule, complete_params
from rules.language import (
    FormulaError,
    Market,
    SourceError,
    doubts,
    free_names,
    read_source,
    text_faults,
)
from web.api import json_body, operation
from web.app import platform
from web.prices import market_of
from web.runs.validation import Faults, rule_faults

blueprint = Blueprint("rule_api", __name__)

MARKET = ("ticker", "timeframe", "end_date")  # of a request: the prices that a rule would read
UNCHECKED = {"description": "any value; the answer names its faults"}
FIELDS = frozenset({"rule_type", "params", *MARKET})
BODY = {
    "type": "object",
    "properties": dict.fromkeys(sorted(FIELDS), UNCHECKED),
    "required": ["rule_type"],
    "additionalProperties": False,
}
TEXTS = ("buy", "sell")


@blueprint.post("/api/rules/check")
@operation(
    "200 RuleCheck: the rule is valid, or its faults",
    json=BODY,
    needs="read",
)
def check() -> ResponseReturnValue:
    """Check {rule_type, params}: the faults by field, or the rule's label and the bars that it needs.

    With ticker, timeframe and end_date, warnings name what cannot happen on these prices.
    """
    body = json_body()
    if not isinstance(body, dict) or not {"rule_type"} <= set(body) <= FIELDS:
        fault = (
            f"an object with rule_type and params is expected, and may have {', '.join(MARKET)}"
        )
        raise InvalidRequest({"body": fault})
    rule_type, params = body["rule_type"], body.get("params", {})
    market = market_of(body, platform().prices)
    errors = rule_faults(rule_type, params, market)
    read = _READERS.get(rule_type) if isinstance(rule_type, str) else None
    answer = {
        "valid": not errors,
        "errors": errors,
        "places": {},
        "inputs": [],
        "columns": [*market.columns],
        "python": None,
        **(read(params, errors, market) if read and isinstance(params, dict) else {}),
    }
    if errors:
        return answer | {
            "label": None,
            "lookback_bars": None,
            "warmup_bars": None,
            "warnings": [],
        }
    rule = checked_rule(rule_type, params, market.timeframe or "1d")
    return answer | {
        "label": rule.label,
        "lookback_bars": rule.lookback(),
        "warmup_bars": rule.warmup_bars(),
        "warnings": [*_warnings(rule, body)],
    }


def _warnings(rule: BaseRule, market: Values) -> Iterator[str]:
    """Yield warnings about signals that can never occur, or not before the prices end; `market` may be anything."""
    if rule.spec.name == "FORMULA":
        yield from doubts(rule.formula, rule.timeframe)
    name, needed = rule.longest_lookback()
    bars = _bars_until(*map(market.get, MARKET))
    if bars is not None and bars <= needed:
        yield (
            f"{name} needs {needed:,} bars of history, but {market['ticker']} has only {bars:,} by "
            f"{market['end_date']}: the parts of the rule that need more give no signal"
        )


def _bars_until(ticker: Any, timeframe: Any, end: Any) -> int | None:
    """Return the number of bars until a day, including those before the start of a run; None without such prices."""
    if not all(isinstance(each, str) for each in (ticker, timeframe, end)):
        return None
    prices = platform().prices
    try:
        last = date.fromisoformat(end)
        version = prices.get(normalize_ticker(ticker), timeframe)
    except (ValueError, UnknownTicker):
        return None
    if last >= version.last_date:
        return version.bars
    return len(prices.bars(version.data_hash).between(version.first_date, last))


def _read_formula(params: Json, errors: Faults, market: Market) -> Json:
    """Return places of faults, and the names that become inputs, of a FORMULA."""
    places = _places(params, errors, market) if params else {}
    return {"places": places, "inputs": _open_names(params, market)}


def _read_python(params: Json, errors: Faults, _market: Market) -> Json:
    """Return the place of a fault, inputs and imports of a PYTHON's code, which is parsed and never executed."""
    code = params.get("code")
    if not isinstance(code, str):
        return {}
    try:
        source = read_source(code, platform().settings.python_modules)
    except SourceError as fault:
        place = {"line": fault.line, "column": fault.column}
        return {
            "places": {"params.code": place} if "params.code" in errors else {},
            "inputs": None,
        }
    facts = {"function": source.function, "defaults": source.inputs, "imports": source.imports}
    return {"inputs": [*source.inputs], "python": facts}


_READERS = {"FORMULA": _read_formula, "PYTHON": _read_python}


def _places(
    params: Values, errors: Mapping[str, str], market: Market
) -> dict[str, dict[str, int]]:
    """Return line and column of the faults in the texts; empty when other fields have faults."""
    of_texts = {f"params.{name}" for name in TEXTS}
    if not of_texts.issuperset(errors) or not all(
        isinstance(params.get(each), str) for each in TEXTS
    ):
        return {}
    faults = text_faults(complete_params("FORMULA", params), market)
    return {
        f"params.{name}": {"line": error.line, "column": error.column}
        for name, error in faults.items()
    }


def _open_names(params: Values, market: Market) -> list[str] | None:
    """Return the names that become inputs; None while a text cannot be parsed."""
    texts = map(params.get, TEXTS)
    try:
        return free_names(
            *(text for text in texts if isinstance(text, str) and text.strip()), market=market
        )
    except FormulaError:
        return None
