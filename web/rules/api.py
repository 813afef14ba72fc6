"""The check of a rule and its params: what the editor asks while somebody types."""

from collections.abc import Mapping

from flask import Blueprint
from flask.typing import ResponseReturnValue

from contracts.errors import InvalidRequest
from contracts.values import Json, Values
from rules.catalog import check_params, checked_rule, complete_params
from rules.language import FormulaError, free_names, text_faults
from web.arguments import json_body
from web.operation import operation
from web.rules.warnings import MARKET, warnings_about

blueprint = Blueprint("rule_api", __name__)

UNCHECKED = {"description": "whatever it is, the answer says what is wrong with it"}
KNOWN = frozenset({"rule_type", "params", *MARKET})
ASKED = {
    "type": "object",
    "properties": dict.fromkeys(sorted(KNOWN), UNCHECKED),
    "required": ["rule_type"],
    "additionalProperties": False,
}
NOT_DESCRIBED: Json = {
    "label": None,
    "lookback_bars": None,
    "warmup_bars": None,
    "warnings": [],
}
TEXTS = {"params.buy": "buy", "params.sell": "sell"}


@blueprint.post("/api/rules/check")
@operation(
    "200 RuleCheck: whether a rule can be built so, or why not",
    body={"application/json": ASKED},
    needs="read",
)
def check() -> ResponseReturnValue:
    """Whether {rule_type, params} make a rule: its faults by field, or its label and the bars that it needs.

    With ticker, timeframe and end_date also what of it cannot happen on these prices, in warnings.
    """
    body = json_body()
    if not isinstance(body, dict) or not {"rule_type"} <= set(body) <= KNOWN:
        raise InvalidRequest(
            {
                "body": f"an object with rule_type and params is expected, and may have {', '.join(MARKET)}"
            }
        )
    rule_type, params = body["rule_type"], body.get("params", {})
    errors = check_params(rule_type, params)
    is_formula = rule_type == "FORMULA" and isinstance(params, dict)
    return {
        "valid": not errors,
        "errors": errors,
        "places": _places(params, errors) if is_formula and params else {},
        "inputs": _open_names(params) if is_formula else [],
        **(_described(rule_type, params, body) if not errors else NOT_DESCRIBED),
    }


def _described(rule_type: str, params: Values, market: Values) -> Json:
    rule = checked_rule(rule_type, params)
    return {
        "label": rule.label,
        "lookback_bars": rule.lookback(),
        "warmup_bars": rule.warmup_bars(),
        "warnings": list(warnings_about(rule_type, params, market)),
    }


def _places(params: Values, errors: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Line and column of the faults in the texts, when nothing else is at fault."""
    if not set(errors) <= set(TEXTS) or not all(
        isinstance(params.get(name), str) for name in TEXTS.values()
    ):
        return {}
    faults = text_faults(complete_params("FORMULA", params))
    return {
        f"params.{name}": {"line": error.line, "column": error.column}
        for name, error in faults.items()
    }


def _open_names(params: Values) -> list[str] | None:
    """The names that are to be inputs; None while a text cannot be read."""
    texts = [
        text for text in map(params.get, TEXTS.values()) if isinstance(text, str) and text.strip()
    ]
    try:
        return free_names(*texts)
    except FormulaError:
        return None
