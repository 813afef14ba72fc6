"""Portfolios as pages: all of them; one with its account, what each leg contributed, and its trades; its report."""

from flask import Blueprint, Response, abort, render_template, request

from adapters.portfolios.series import PRUNED, PortfolioSeries
from contracts.portfolio_request import Sharing
from contracts.run_result import RunResult
from contracts.status import RunStatus
from contracts.values import Json, without
from web.answers import csv_file
from web.charts.breakdown import breakdown
from web.operation import operation
from web.portfolios.api import asked_portfolios
from web.portfolios.pictures import weights_picture
from web.portfolios.view import Shown
from web.recorded import LISTED
from web.request_fields import read_fields, terms_said
from web.runs import view as run_view
from web.runs.page import report_page
from web.runs.tables import COLUMNS, POSITION_WORDS, trade_page, trade_rows
from web.studies.pictures import equity_picture

blueprint = Blueprint("portfolios", __name__)

TABS = {"legs": "Legs", "stats": "Stats", "trades": "Trades"}
REASONS = {
    "no_place": "as many positions as allowed were open",
    "no_cash": "no cash was left",
    "cash_below_one_share": "the cash did not cover one share",
    "budget_below_one_share": "the size of a position did not cover one share",
    "max_gross": "as much of equity as allowed was invested",
    "max_weight": "as much as allowed of the ticker was held",
}
TRADE_COLUMNS = {"ticker": "Ticker"} | without(COLUMNS, ("trade_no",))


@blueprint.get("/portfolios")
@operation(asks=LISTED)
def listed() -> str:
    """All portfolios, newest first: ?after=<next_after>&limit=25."""
    shown, next_after = asked_portfolios()
    is_live = any(each["completed_at"] is None for _, each in shown)
    return render_template(
        "portfolios/list.html", portfolios=shown, next_after=next_after, is_live=is_live
    )


@blueprint.get("/portfolios/<uuid:portfolio_id>")
def page(portfolio_id: str) -> str:
    """One portfolio, a permalink from the first second: ?tab=trades."""
    tab = request.args.get("tab", "legs")
    if tab not in TABS:
        abort(404, f"a portfolio has no tab {tab[:40]!r}; there are {', '.join(TABS)}")
    shown = Shown(portfolio_id)
    return render_template(
        "portfolios/portfolio.html",
        tab=tab,
        tabs=TABS,
        **_told(shown, tab),
    )


def _told(shown: Shown, tab: str) -> Json:
    """What page and report say of a portfolio in any state, and of a completed one beside that."""
    asked, (error_type, error_message) = shown.asked, shown.fault
    states = [run["status"] for run in shown.runs.values()]
    return {
        "shown": shown,
        "terms": terms_said(asked, "orders", "stops", "label")
        | terms_said(asked, "orders", fields=read_fields(Sharing)),
        "counts": {state.public: states.count(state) for state in RunStatus},
        "error_message": error_message,
        "failure": run_view.failure(error_type),
        **_completed(shown, tab),
    }


def _completed(shown: Shown, tab: str) -> Json:
    """What only a completed portfolio has."""
    measured, series = shown.measured, shown.series
    if not measured["values"]:
        return {}
    view = RunResult(
        run_id=shown.row["run_id"],
        status="completed",
        request=shown.asked,
        metrics=measured["values"],
        metrics_notes=measured["notes"],
        trades=series.trades if series and tab != "legs" else [],
    )
    kpis = run_view.kpis(view, {})
    market = run_view.market(
        measured["values"], "buying the same assets equally and holding them"
    )
    known = {"headline": kpis.pop("Headline"), "kpis": kpis, "view": view, "market": market}
    return known | ({"notes": [PRUNED]} if series is None else _of_series(series, view, tab))


def _of_series(series: PortfolioSeries, view: RunResult, tab: str) -> Json:
    """What it has until its series are deleted."""
    account = series.account
    known = {
        "has_series": True,
        "notes": account.notes,
        "profit": float(account.equity[-1]) - account.capital,
        "carry": series.found["interest"] - series.found["borrow_fees"],
        "left_out": series.left_out(),
        "reasons": REASONS,
        "position_words": POSITION_WORDS,
    }
    if tab == "trades":
        return known | _trades(series)
    if tab == "stats":
        return known | {
            "months": run_view.months(account),
            "parts": breakdown(account, view.trades or []),
        }
    return known | _legs(series)


def _legs(series: PortfolioSeries) -> Json:
    """What each leg contributed, how the money was spread, and how the legs' profits go together."""
    weights, together = series.found["weights"], series.found["correlations"]
    bars, names = weights["bars"], series.names
    spread, areas = weights_picture(
        series.dates_of(bars), weights["money"], series.account.equity[bars], names
    )
    return {
        "spread": spread,
        "areas": areas,
        "correlated": [names[leg] for leg in together["legs"]],
        "correlations": together["of"],
        "largest": max(map(abs, series.found["contributions"]), default=0.0),
    }


def _trades(series: PortfolioSeries) -> Json:
    given = request.args
    ticker = given.get("ticker") or None
    chosen = [trade for trade in series.trades if ticker in (None, trade["ticker"])]  # type: ignore[typeddict-item]
    return {
        "trade_page": trade_page(chosen),
        "trade_columns": TRADE_COLUMNS,
        "tickers": sorted({*series.tickers}),
        "exits": sorted({trade["exit_reason"] for trade in series.trades}),
        "given": {
            name: value for name, value in given.items() if value and name not in ("tab", "page")
        },
    }


@blueprint.get("/portfolios/<uuid:portfolio_id>/trades.csv")
def trades_file(portfolio_id: str) -> Response:
    """The trades of all legs as CSV."""
    trades = Shown(portfolio_id).completed().trades
    names = ("trade_no", "leg", *TRADE_COLUMNS, "is_open", "resized")
    return csv_file(trade_rows(trades, names), f"trades-{portfolio_id}.csv")


@blueprint.get("/portfolios/<uuid:portfolio_id>/report.html")
def report(portfolio_id: str) -> Response:
    """A completed portfolio as one file to share; it needs no script and no other file."""
    shown = Shown(portfolio_id)
    series = shown.completed()
    pictures = [
        ("Equity", equity_picture(series.account.dates, series.account.equity)),
        ("How it was spread", _legs(series)["spread"]),
    ]
    return report_page("portfolios/report.html", pictures=pictures, **_told(shown, "stats"))
