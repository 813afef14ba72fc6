"""The pages of portfolios: the list; one with its account, contributions and trades; its report."""

from itertools import pairwise

import numpy as np
from flask import Response, abort, render_template, request
from markupsafe import Markup, escape

from adapters.plans.portfolio import PortfolioSeries
from adapters.plans.robustness import robustness_of
from contracts.portfolio_request import MODES_OF, Sharing
from contracts.run_result import RunResult
from contracts.status import RunStatus
from contracts.tickers import normalize_tickers
from contracts.values import Json, without
from web.api import csv_file
from web.app import ask_database
from web.charts.bars import COLUMNS, POSITION_WORDS, trade_page, trade_rows
from web.charts.pictures import breakdown
from web.formats import polygon, scale, text
from web.portfolios.api import PORTFOLIO
from web.portfolios.view import PortfolioView
from web.runs.answer import answer
from web.runs.page import months, report_page, sections
from web.studies.pictures import HEIGHT, WIDTH, ends, equity_picture, frame_picture
from web.titles import format_fields, read_fields

blueprint = PORTFOLIO.pages

TABS = {"legs": "Legs", "stats": "Stats", "trades": "Trades"}
RANKED_TABS = TABS | {"ranks": "Ranks"}
WHYS = {
    "enters": "enters",
    "stays": "stays",
    "buffer": "stays within the buffer",
    "rank": "its rank",
    "keep": "not eligible",
    "no_score": "no score",
    "sign": "its score has the wrong sign",
    "ended": "its prices ended",
}
REASONS = {
    "no_place": "the maximum number of positions was open",
    "no_cash": "no cash was left",
    "cash_below_one_share": "the cash did not cover one share",
    "budget_below_one_share": "the position size did not cover one share",
    "max_gross": "the maximum share of equity was invested",
    "max_weight": "the maximum weight of the ticker was reached",
}
# arguments that filter and sort trades
TRADES_BY = ("ticker", "side", "outcome", "reason", "sort", "order")
TRADE_COLUMNS = {"ticker": "Ticker"} | without(COLUMNS, ("trade_no",))
LABEL_HEIGHT = 26  # of the allocation's chart: margin above and below
MOST_AREAS = 7  # with different colours; the others share one, and cash is the background
HOLDING = "buying the same assets equally and holding them"


@blueprint.get("/portfolios/<uuid:portfolio_id>")
def page(portfolio_id: str) -> str:
    """One portfolio; a permalink as soon as it is submitted: ?tab=trades."""
    tab, portfolio = request.args.get("tab", "legs"), PortfolioView(portfolio_id)
    tabs = RANKED_TABS if portfolio.spec["mode"] == "ranked" else TABS
    if tab not in tabs:
        abort(404, f"this portfolio has no tab {tab[:40]!r}; there are {', '.join(tabs)}")
    return render_template(
        "portfolios/portfolio.html", tab=tab, tabs=tabs, **_context(portfolio, tab)
    )


def _context(portfolio: PortfolioView, tab: str) -> Json:
    """Return the variables of page and report, with results once the portfolio has completed."""
    spec, states = portfolio.spec, [run["status"] for run in portfolio.runs.values()]
    mode = spec["mode"]
    sharing = {
        name: each
        for name, each in read_fields(Sharing).items()
        if mode in MODES_OF.get(name, (mode,))
    }
    return {
        "portfolio": portfolio,
        "terms": format_fields(spec, "orders", "stops", "label")
        | format_fields(spec, "orders", fields=sharing),
        "counts": {state.public: states.count(state) for state in RunStatus},
        "position_words": POSITION_WORDS,
        "robustness": ask_database(robustness_of, portfolio.row["plan_id"]),
        **(_result_context(portfolio, tab) if portfolio.measured["values"] else {}),
    }


def _result_context(portfolio: PortfolioView, tab: str) -> Json:
    """Return the variables of a completed portfolio; those of a tab until its series are deleted."""
    measured, series = portfolio.measured, portfolio.series
    bars = len(series.account.times) if series and not portfolio.spec.get("benchmark") else 0
    view = RunResult(
        run_id=portfolio.row["plan_id"],
        status="completed",
        request=portfolio.spec,
        metrics=measured["values"],
        metrics_notes=measured["notes"],
        trades=series.trades if series and tab != "legs" else [],
    )
    return {
        "sections": sections(measured["values"]),
        "view": view,
        "market": answer(measured["values"], HOLDING, bars),
        **(_OF_TAB[tab](series) if series else {}),
    }


def _legs(series: PortfolioSeries) -> Json:
    """Return the chart of the allocation over time."""
    return dict(zip(("spread", "areas"), weights_picture(series), strict=True))


def weights_picture(series: PortfolioSeries) -> tuple[Markup, list[str]]:
    """Draw each leg's share of equity over time, small ones together; return also the names of the areas, from below.

    Short positions count by their absolute value.
    """
    weights, names = series.result["weights"], series.names
    bars, money = weights["bars"], weights["money"]
    worth, dates = series.account.equity[bars], series.dates_of(bars)
    parts = np.where(worth > 0, np.abs(money), 0.0) / np.where(worth > 0, worth, 1.0)
    largest = np.argsort(-parts.sum(axis=1), kind="stable").tolist()
    areas = {names[leg]: parts[leg] for leg in largest[:MOST_AREAS]}
    if rest := largest[MOST_AREAS:]:
        areas[f"{len(rest)} others"] = parts[rest].sum(axis=0)
    edges = np.vstack((np.zeros(len(worth)), np.cumsum(list(areas.values()), axis=0)))
    top = max(1.0, float(edges[-1].max()))
    last = len(worth) - 1
    x, y = scale(0, last, 0, WIDTH), scale(0, top, HEIGHT - LABEL_HEIGHT, LABEL_HEIGHT)
    # each height is kept until the next one
    places = [x(place) for at in range(len(worth)) for place in (at, min(at + 1, last))]
    heights = np.repeat(edges, 2, axis=1).tolist()
    lines = [list(zip(places, map(y, each), strict=True)) for each in heights]
    first_day, last_day = dates[0][:10], dates[-1][:10]
    shapes = list[str]()
    for number, (name, (below, above)) in enumerate(zip(areas, pairwise(lines), strict=True), 1):
        area = polygon(f"area-{number}", [*above, *reversed(below)])
        shapes.append(f"<g><title>{escape(name)}</title>{area}</g>")
    shapes += ends(2, first_day, last_day)
    shapes.append(text(2, LABEL_HEIGHT - 8, f"{top * 100:.0f}% of equity", "start"))
    alt = f"Shares of equity from {first_day} to {last_day}: {', '.join(areas)}"
    return frame_picture(shapes, alt), list(areas)


def _stats(series: PortfolioSeries) -> Json:
    return {
        "months": months(series.account),
        "parts": breakdown(series.account),
    }


def _trades(series: PortfolioSeries) -> Json:
    query = normalize_tickers(
        {name: request.args[name] for name in TRADES_BY if request.args.get(name)}
    )
    ticker = query.get("ticker")
    chosen = [trade for trade in series.trades if ticker in (None, trade["ticker"])]  # type: ignore[typeddict-item]
    return {
        "trade_page": trade_page(chosen, series.account),
        "trade_columns": TRADE_COLUMNS,
        "tickers": sorted({*series.tickers}),
        "query": query,
        "left_out": series.left_out(),
        "reasons": REASONS,
    }


def _ranks(series: PortfolioSeries) -> Json:
    """Return the ranks at the last rebalancing up to the requested day, and all rebalancings."""
    last, rebalancings = series.ranks_at(request.args.get("at") or None), series.rebalancings()
    dates = [each["date"] for each in rebalancings]
    return {
        "last": last,
        "place": dates.index(last["date"]) if last else None,
        "rebalancings": rebalancings,
        "changes": [each for each in rebalancings if each["entered"] or each["left"]],
        "whys": WHYS,
        "timeframe": series.account.timeframe,
    }


_OF_TAB = {"legs": _legs, "stats": _stats, "trades": _trades, "ranks": _ranks}


@blueprint.get("/portfolios/<uuid:portfolio_id>/trades.csv")
def trades_file(portfolio_id: str) -> Response:
    """The trades of all legs as CSV."""
    trades = PortfolioView(portfolio_id).completed().trades
    names = ("trade_no", "leg", *TRADE_COLUMNS, "is_open", "resized")
    return csv_file(trade_rows(trades, names), f"trades-{portfolio_id}.csv")


@blueprint.get("/portfolios/<uuid:portfolio_id>/report.html")
def report(portfolio_id: str) -> Response:
    """A completed portfolio as one file to share, without scripts and other files."""
    portfolio = PortfolioView(portfolio_id)
    series = portfolio.completed()
    pictures = [
        ("Equity", equity_picture(series.account.dates, series.account.equity)),
        ("Allocation over time", weights_picture(series)[0]),
    ]
    context = _context(portfolio, "stats") | _ranks(series)
    return report_page("portfolios/report.html", pictures=pictures, **context)
