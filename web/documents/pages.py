"""The rule catalog, the metrics and the HTTP API as pages for people; programs read the same as JSON."""

import json
from typing import Any

from flask import Blueprint, current_app, render_template

from adapters.results.metrics.table import METRICS
from rules.catalog import RULES
from rules.language import EXAMPLES, FUNCTIONS, SERIES
from web.documents.openapi import description_of

blueprint = Blueprint("documents", __name__)

CATEGORIES = {"technical": "Technical", "paper": "From papers", "composite": "Composite", "formula": "Your own"}
GROUPS = {  # of paths, by what they begin with
    "Runs": ("/run_backtest", "/status/", "/api/runs", "/result/"),
    "Batches": ("/api/batches",),
    "Studies": ("/api/studies",),
    "Prices": ("/api/prices", "/api/tickers"),
    "Rules, metrics and presets": ("/api/rules", "/api/metrics", "/api/strategies"),
    "Operations": ("/",),
}


@blueprint.get("/docs/rules")
def rules() -> str:
    """Every trading rule with its parameters, bounds, conditions and source; the language of one's own; the metrics."""
    return render_template(
        "documents/rules.html",
        categories=CATEGORIES,
        rules=list(RULES.values()),
        series=SERIES.values(),
        functions=list(FUNCTIONS.values()),
        examples=EXAMPLES,
        metrics=METRICS,
    )


@blueprint.get("/docs/api")
def api() -> str:
    """Every route with its parameters, body and answers, out of the OpenAPI document."""
    described = description_of(current_app)
    groups: dict[str, list[dict[str, Any]]] = {name: [] for name in GROUPS}
    for path, methods in described["paths"].items():
        group = next(name for name, starts in GROUPS.items() if path.startswith(starts))
        groups[group] += [{"method": method.upper(), "path": path, **each} for method, each in methods.items()]
    schemas = {name: json.dumps(each, indent=2) for name, each in described["components"]["schemas"].items()}
    return render_template("documents/api.html", groups=groups, schemas=schemas, about=described["info"]["description"])
