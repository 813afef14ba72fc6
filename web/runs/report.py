"""A run as one file to share: request, metrics, charts, trades, receipt; it needs no script and no other file."""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, render_template

from adapters.runs.queries import events_of
from adapters.runs.series import run_series
from adapters.runs.stored_series import PRUNED
from contracts.errors import Conflict
from contracts.run_result import CHART_NAMES
from web.charts.bars import completed_row
from web.charts.drawing import pictures
from web.charts.texts import chart_texts
from web.platform import ask_database, platform
from web.runs import view as run_view
from web.runs.trade_table import POSITION_WORDS

blueprint = Blueprint("report", __name__)


@blueprint.get("/result/<uuid:run_id>/report.html")
def page(run_id: str) -> Response:
    """A completed run as one file; its charts are drawn now where they are missing."""
    row = completed_row(run_id)
    if row["equity_curve_json"] is None:
        raise Conflict(PRUNED)
    run = run_series(row)
    told = run_view.told(row, run)
    texts, drawn = chart_texts(told["view"], run), pictures(row)
    return report_page(
        "runs/report.html",
        events=ask_database(events_of, run_id),
        kpis=run_view.kpis(told["view"]),
        charts=[
            (texts[name][1], base64.b64encode(drawn[name]).decode())
            for name in CHART_NAMES
            if name in drawn
        ],
        position_words=POSITION_WORDS,
        price_decimals=platform().prices.decimals(row["data_hash"]),
        **told,
    )


def report_page(template: str, **known: Any) -> Response:
    """A page that holds all that it shows."""
    return Response(
        render_template(template, css=_css(), **known),
        headers={"Content-Security-Policy": _policy()},
    )


@cache
def _css() -> str:
    return (Path(__file__).parents[1] / "static" / "css" / "report.css").read_text(
        encoding="utf-8"
    )


def _policy() -> str:
    """Nothing but the report's own style, by its hash, and pictures inside the file."""
    digest = base64.b64encode(hashlib.sha256(_css().encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; frame-ancestors 'none'"
