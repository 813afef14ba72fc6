"""TradingView Lightweight Charts, served from the installed package that brings it; its Python is never imported."""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, send_file, url_for

blueprint = Blueprint("charts_library", __name__)

PACKAGE = "lightweight_charts_esistjosh"
YEAR_S = 31_536_000


@blueprint.get("/charts-library.js")
def file() -> Response:
    """The library, for a year in the browser's cache: its address names its version."""
    response = send_file(_path(), mimetype="text/javascript", max_age=YEAR_S)
    response.cache_control.immutable = True
    return response


@cache
def _path() -> Path:
    spec = find_spec(PACKAGE)  # finds the folder without running what is in it
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{PACKAGE} is not installed")
    return Path(spec.origin).parent / "js" / "lightweight-charts.js"


@blueprint.app_context_processor
def _in_templates() -> dict[str, str]:
    return {"charts_library": url_for("charts_library.file", v=_version())}


@cache
def _version() -> str:
    return version(PACKAGE)
