"""The catalogs of rules and metrics as JSON."""

from typing import Any

from flask import Blueprint, Response

from adapters.metrics.table import METRICS
from rules.catalog import RULES
from rules.language import EXAMPLES, FUNCTIONS, SERIES
from web.answers import conditional

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


def _language() -> dict[str, Any]:
    """What the texts of FORMULA can name, and worked examples."""
    of_function = ("name", "group", "signature", "result", "help", "example")
    return {
        "series": [{"name": each.name, "help": each.help} for each in SERIES.values()],
        "functions": [
            {name: getattr(each, name) for name in of_function} for each in FUNCTIONS.values()
        ],
        "examples": [
            {"title": each.title, "source": each.source, "params": each.params}
            for each in EXAMPLES
        ],
    }


@blueprint.get("/api/metrics")
def metrics() -> Response:
    """Every metric of a run: its unit, its formula, and whether more or less of it is better."""
    shown = ("name", "title", "unit", "better", "formula")
    return conditional(
        {"metrics": [{name: getattr(metric, name) for name in shown} for metric in METRICS]}
    )
