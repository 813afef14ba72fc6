"""Compare the best run of a batch with luck: with the best of as many runs without any skill."""

import json

from sqlalchemy import Connection, RowMapping, case, func, select, true

from adapters.metrics.measured import NoValue
from adapters.metrics.sharpe_evidence import timing_evidence
from adapters.metrics.timing import measured_timing
from adapters.runs.stored_series import decode_equity
from adapters.tables import IS_SUCCEEDED, RUN, runs
from contracts.errors import Conflict
from contracts.values import Json


def batch_evidence(
    connection: Connection, plan_id: str, ticker: str | None = None
) -> Json | None:
    """Evidence on a batch, or one `ticker` of it; None without a run that has a Sharpe ratio and timing.

    run: the one with the highest Sharpe ratio, with its metrics; evidence: of its timing, given all trials on its
    ticker.
    """
    # ruined runs have no Sharpe ratio
    measured = (RUN.sharpe_ratio.is_not(None), RUN.ticker == ticker if ticker else true())
    mine = select(RUN.run_id).filter_by(plan_id=plan_id).where(*measured)
    first = mine.order_by(RUN.sharpe_ratio.desc(), RUN.id).limit(1)
    whole = select(runs).filter_by(run_id=first.scalar_subquery())
    best = connection.execute(whole).mappings().one_or_none()
    if best is None:
        return None
    metrics = json.loads(best["metrics_json"])["values"]
    try:
        timing = measured_timing(metrics, len(decode_equity(best["equity_curve_json"])[1]))
    except (NoValue, Conflict):  # its series was deleted after the time that it is kept
        return None
    per_year: float = metrics["bars_per_year"]
    trials, variance = _trials(connection, plan_id, best)
    evidence = timing_evidence(timing, variance and variance / per_year, trials, per_year)
    return {"run": best, "evidence": evidence, "metrics": metrics}


def _trials(connection: Connection, plan_id: str, best: RowMapping) -> tuple[int, float | None]:
    """Count the completed runs on the best run's ticker; variance of their timing's ratios in its timeframe.

    The database computes the sums, of differences from the best ratio so that no digits are lost; sending tens of
    thousands of ratios would take longer. The variance is None for fewer than two.
    """
    ratio = RUN.timing_sharpe_ratio
    distance = case((RUN.timeframe == best["timeframe"], ratio)) - best["timing_sharpe_ratio"]
    sums = select(
        func.count(), func.count(distance), func.sum(distance), func.sum(distance * distance)
    )
    same_ticker = (RUN.plan_id == plan_id, RUN.ticker == best["ticker"], IS_SUCCEEDED)
    trials, ratios, total, squares = connection.execute(sums.where(*same_ticker)).one()
    return trials, (squares - total**2 / ratios) / (ratios - 1) if ratios > 1 else None
