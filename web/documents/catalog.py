"""The catalogs of rules and metrics as JSON, and the documentation as a site, which `make docs` builds."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, send_from_directory

from adapters.metrics.table import METRICS
from contracts.values import Json
from rules.language import EXAMPLES, FUNCTIONS, PYTHON_EXAMPLES, SERIES
from web.api import conditional
from web.app import offered_rules, platform

catalog = Blueprint("catalog", __name__)

RULE_FIELDS = ("title", "description", "category", "buy", "sell", "source", "constraints")


@catalog.get("/api/rules")
def rules() -> Response:
    """Return the rule catalog: parameters, bounds, conditions, sources; FORMULA's language, PYTHON's modules."""
    listed = [
        {
            "rule_type": name,
            **{each: getattr(rule, each) for each in RULE_FIELDS},
            "params": rule.params,
            "schema": rule.schema(),
        }
        for name, rule in offered_rules().items()
    ]
    return conditional({"rules": listed, "formula": _language(), "python": _python()})


def _language() -> Json:
    """Return the names that FORMULA texts can use, and worked examples."""
    function_fields = ("name", "group", "signature", "result", "help", "example")
    return {
        "series": _fields(SERIES.values(), ("name", "help")),
        "functions": _fields(FUNCTIONS.values(), function_fields),
        "examples": _fields(EXAMPLES, ("title", "source", "params")),
    }


def _python() -> Json | None:
    """Return the modules that PYTHON's code may import, and worked examples; None where it is switched off."""
    if "PYTHON" not in offered_rules():
        return None
    return {
        "modules": platform().settings.python_modules,
        "examples": _fields(PYTHON_EXAMPLES, ("title", "source", "params")),
    }


@catalog.get("/api/metrics")
def metrics() -> Response:
    """Return every metric of a run: its unit, its formula, and whether more or less of it is better."""
    return conditional(
        {"metrics": _fields(METRICS, ("name", "title", "unit", "better", "formula"))}
    )


def _fields(items: Iterable[Any], names: Sequence[str]) -> list[Json]:
    """Return the attributes of these names of each item."""
    return [{name: getattr(each, name) for name in names} for each in items]


documents = Blueprint("documents", __name__)

SITE = Path(__file__).resolve().parents[1] / "site"


@documents.get("/docs/")
@documents.get("/docs/<path:name>")
def page(name: str = "index.html") -> Response:
    """Serve a file of the documentation; 404 with the build command if it was not built."""
    if not SITE.is_dir():
        abort(
            404,
            "The documentation was not built: run `make docs`, and reload this page.",
        )
    file = send_from_directory(SITE, name)
    file.direct_passthrough = False
    file.make_sequence()  # in memory, so that it is compressed as other pages are
    return file
