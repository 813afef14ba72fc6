"""The catalogs of rules and metrics as JSON."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import Blueprint, Response

from adapters.metrics.table import METRICS
from contracts.values import Json
from rules.catalog import RULES
from rules.language import EXAMPLES, FUNCTIONS, SERIES
from web.api import conditional

blueprint = Blueprint("catalog", __name__)

TOLD = ("title", "description", "category", "buy", "sell", "source", "constraints")  # of a rule


@blueprint.get("/api/rules")
def rules() -> Response:
    """The rule catalog: parameters, bounds, conditions and sources; and the language of FORMULA."""
    listed = [
        {
            "rule_type": name,
            **{each: getattr(rule, each) for each in TOLD},
            "params": rule.params,
            "schema": rule.schema(),
        }
        for name, rule in RULES.items()
    ]
    return conditional({"rules": listed, "formula": _language()})


def _language() -> Json:
    """What the texts of FORMULA can name, and worked examples."""
    of_function = ("name", "group", "signature", "result", "help", "example")
    return {
        "series": _told(SERIES.values(), ("name", "help")),
        "functions": _told(FUNCTIONS.values(), of_function),
        "examples": _told(EXAMPLES, ("title", "source", "params")),
    }


@blueprint.get("/api/metrics")
def metrics() -> Response:
    """Every metric of a run: its unit, its formula, and whether more or less of it is better."""
    return conditional(
        {"metrics": _told(METRICS, ("name", "title", "unit", "better", "formula"))}
    )


def _told(things: Iterable[Any], names: Sequence[str]) -> list[Json]:
    """Of each thing the values of these names."""
    return [{name: getattr(each, name) for name in names} for each in things]
