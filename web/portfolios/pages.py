"""Portfolios as pages: all of them; one with its account, what each leg contributed, and its trades; its report."""

from flask import Response, abort, render_template, request

from adapters.plans.portfolio_series import PortfolioSeries
from contracts.portfolio_request import Sharing
from contracts.run_result import RunResult
from contracts.status import RunStatus
from contracts.tickers import normalize_tickers
from contracts.values import Json, without
from web.api import csv_file
from web.charts.breakdown import breakdown
from web.portfolios.api import PORTFOLIO
from web.portfolios.pictures import weights_picture
from web.portfolios.view import PortfolioView
from web.runs import view as run_view
from web.runs.page import report_page
from web.runs.tables import COLUMNS, POSITION_WORDS, trade_page, trade_rows
from web.studies.pictures import equity_picture
from web.titles import format_fields, read_fields

blueprint = PORTFOLIO.pages

TABS = {"legs": "Legs", "stats": "Stats", "trades": "Trades"}
REASONS = {
    "no_place": "as many positions as allowed were open",
    "no_cash": "no cash was left",
    "cash_below_one_share": "the cash did not cover one share",
    "budget_below_one_share": "the size of a position did not cover one share",
    "max_gross": "as much of equity as allowed was invested",
    "max_weight": "as much as allowed of the ticker was held",
}
# what trades are chosen and sorted by
TRADES_BY = ("ticker", "side", "outcome", "reason", "sort", "order")
TRADE_COLUMNS = {"ticker": "Ticker"} | without(COLUMNS, ("trade_no",))


@blueprint.get("/portfolios/<uuid:portfolio_id>")
def page(portfolio_id: str) -> str:
    """One portfolio, a permalink from the first second: ?tab=trades."""
    tab = request.args.get("tab", "legs")
    if tab not in TABS:
        abort(404, f"a portfolio has no tab {tab[:40]!r}; there are {', '.join(TABS)}")
    return render_template(
        "portfolios/portfolio.html", tab=tab, tabs=TABS, **_told(PortfolioView(portfolio_id), tab)
    )


def _told(shown: PortfolioView, tab: str) -> Json:
    """What page and report say of a portfolio in any state, and of a completed one beside that."""
    asked, states = shown.asked, [run["status"] for run in shown.runs.values()]
    return {
        "shown": shown,
        "terms": format_fields(asked, "orders", "stops", "label")
        | format_fields(asked, "orders", fields=read_fields(Sharing)),
        "counts": {state.public: states.count(state) for state in RunStatus},
        "position_words": POSITION_WORDS,
        **(_completed(shown, tab) if shown.measured["values"] else {}),
    }


def _completed(shown: PortfolioView, tab: str) -> Json:
    """What only a completed portfolio has; that of a tab until its series are deleted."""
    measured, series = shown.measured, shown.series
    view = RunResult(
        run_id=shown.row["plan_id"],
        status="completed",
        request=shown.asked,
        metrics=measured["values"],
        metrics_notes=measured["notes"],
        trades=series.trades if series and tab != "legs" else [],
    )
    return {
        "sections": run_view.sections(measured["values"]),
        "view": view,
        "market": run_view.market(
            measured["values"], "buying the same assets equally and holding them"
        ),
        **(_OF_TAB[tab](series) if series else {}),
    }


def _legs(series: PortfolioSeries) -> Json:
    """How the money was spread; the rest is the portfolio's own."""
    return dict(zip(("spread", "areas"), weights_picture(series), strict=True))


def _stats(series: PortfolioSeries) -> Json:
    return {
        "months": run_view.months(series.account),
        "parts": breakdown(series.account),
    }


def _trades(series: PortfolioSeries) -> Json:
    asked = normalize_tickers(
        {name: request.args[name] for name in TRADES_BY if request.args.get(name)}
    )
    ticker = asked.get("ticker")
    chosen = [trade for trade in series.trades if ticker in (None, trade["ticker"])]  # type: ignore[typeddict-item]
    return {
        "trade_page": trade_page(chosen),
        "trade_columns": TRADE_COLUMNS,
        "tickers": sorted({*series.tickers}),
        "asked": asked,
        "left_out": series.left_out(),
        "reasons": REASONS,
    }


_OF_TAB = {"legs": _legs, "stats": _stats, "trades": _trades}


@blueprint.get("/portfolios/<uuid:portfolio_id>/trades.csv")
def trades_file(portfolio_id: str) -> Response:
    """The trades of all legs as CSV."""
    trades = PortfolioView(portfolio_id).completed().trades
    names = ("trade_no", "leg", *TRADE_COLUMNS, "is_open", "resized")
    return csv_file(trade_rows(trades, names), f"trades-{portfolio_id}.csv")


@blueprint.get("/portfolios/<uuid:portfolio_id>/report.html")
def report(portfolio_id: str) -> Response:
    """A completed portfolio as one file to share; it needs no script and no other file."""
    shown = PortfolioView(portfolio_id)
    series = shown.completed()
    pictures = [
        ("Equity", equity_picture(series.account.dates, series.account.equity)),
        ("How it was spread", weights_picture(series)[0]),
    ]
    return report_page("portfolios/report.html", pictures=pictures, **_told(shown, "stats"))
