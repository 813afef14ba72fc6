"""The page of a screen: progress, best rows, the metric by parameter."""

import json

from flask import render_template
from markupsafe import Markup

from adapters.metrics.table import METRICS_BY_NAME
from adapters.plans.combinations import CORE
from adapters.plans.ranking import Ranking, tried_note
from adapters.plans.screen import screen_jobs
from adapters.plans.surface import Surface
from contracts.status import RunStatus
from contracts.values import Json
from web.api import Argument, arguments, operation, read_argument
from web.app import ask_database
from web.batches.choice import ranking_query
from web.batches.pages import shown_parameters
from web.formats import ticker_among, whole_number
from web.runs.page import await_end
from web.screens.api import MAX_TOP, RANKING, SCREEN, describe_screen, screen_ranking
from web.screens.rows import Row, ScreenedJob, leaderboard, ranked_rows, screened_jobs, surface_of
from web.studies.pictures import histogram_picture
from web.titles import format_fields

blueprint = SCREEN.pages

TOP = Argument("top", whole_number(1, MAX_TOP), "rows; 20 by default", 20)
# variables of every screen page
OFFERED: Json = {
    "core": [METRICS_BY_NAME[name] for name in CORE],
    "most": MAX_TOP,
    "batches": (10, 100),  # sizes of the batches that buttons submit
    "has_runs": False,
}


@blueprint.get("/screens/<uuid:screen_id>")
@operation(asks=(*RANKING, TOP))
def page(screen_id: str) -> str:
    """A screen, ranked and mapped: ?metric=sharpe_ratio&constraint=num_trades>=20&ticker=AAPL&x=fast&top=1000."""
    await_end(screen_id)
    jobs = ask_database(screen_jobs, screen_id)
    ranking, top = screen_ranking(jobs), arguments()["top"]
    tickers = {job["ticker"]: job["combinations"] for job in jobs}
    ticker: str | None = read_argument("ticker", ticker_among(tickers), None)
    completed = screened_jobs(jobs, ticker)
    run_request = json.loads(jobs[0]["request_json"])
    living = [job for job in jobs if not RunStatus(job["status"]).is_terminal]
    screen, surface = describe_screen(jobs), surface_of(completed, ranking)
    return render_template(
        "screens/screen.html",
        **OFFERED,
        screen=screen,
        first=jobs[0],
        query=ranking_query(),
        run_request=run_request,
        terms=format_fields(run_request, "orders", "stops"),
        living=living,
        leaders=leaderboard(ranked_rows(completed, ranking, top)),
        tickers=tickers,
        ticker=ticker,
        note=tried_note(
            sum(each.job["combinations"] for each in completed),
            to_come=sum(job["combinations"] for job in living),
            what="combination",
        ),
        evidence=None if living else _evidence(completed),
        placed=len(surface.metrics),
        histogram=_histogram(surface, ranking),
        **shown_parameters(surface, ranking),
    )


def _histogram(surface: Surface, ranking: Ranking) -> Markup | None:
    """Draw the distribution of the metric over the ranked combinations, with the best one marked."""
    values = [value for value in surface.metrics if value is not None]
    if not values:
        return None
    best = (max if ranking.goal == "max" else min)(values)
    return histogram_picture(values, best, f"best {METRICS_BY_NAME[ranking.metric].title}:")


def _evidence(completed: list[ScreenedJob]) -> Json | None:
    """Return the evidence for the highest Sharpe ratio of all tickers against luck in as many trials."""
    proven = [each for each in completed if each.best.get("evidence")]
    if not proven:
        return None
    of = max(proven, key=lambda each: float(each.best["metrics"]["sharpe_ratio"]))
    run = Row(of, of.best["number"]).run().request.to_json()
    return {"run": run, "evidence": of.best["evidence"], "metrics": of.best["metrics"]}
