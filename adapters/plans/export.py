"""Reports on a whole batch: the table of all its runs, and its best run compared with luck."""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, case, func, select, true

from adapters.database import reading
from adapters.metrics.moments import NoValue, timing_evidence
from adapters.metrics.table import METRIC_NAMES
from adapters.metrics.timing import measured_timing
from adapters.plans.batch import RUN_COLUMNS, batch_run
from adapters.plans.ranking import flat_params
from adapters.runs.series import decode_equity
from adapters.tables import IS_SUCCEEDED, RUN, runs
from contracts.errors import Conflict
from contracts.values import Json, Values

PORTION = 1000  # runs per query
_FIXED = (
    "run_id",
    "ticker",
    "rule_type",
    "rule_id",
    "label",
    "title",
    "status",
    "error_type",
    "queue_wait_s",
    "run_s",
)


def export_rows(
    engine: Engine, plan_id: str, title_of: Callable[[Values], str]
) -> Iterator[list[Any]]:
    """Yield a header and one row per run, in the order of submission; cells without a value are None."""
    with reading(engine) as connection:
        params = _param_names(connection, plan_id)
    yield [*_FIXED, *(f"params.{name}" for name in params), *METRIC_NAMES]
    query = (
        select(RUN.id, *RUN_COLUMNS).filter_by(plan_id=plan_id).order_by(RUN.id).limit(PORTION)
    )
    last_id = 0
    while True:
        with reading(engine) as connection:
            rows = connection.execute(query.where(RUN.id > last_id)).mappings().all()
        if not rows:
            return
        listed = map(batch_run, rows)
        yield from (_row(run | {"title": title_of(run)}, params) for run in listed)
        last_id = rows[-1]["id"]


def _param_names(connection: Connection, plan_id: str) -> list[str]:
    query = select(RUN.params_json).filter_by(plan_id=plan_id).order_by(RUN.id)
    flat = (flat_params(json.loads(text)) for text in dict.fromkeys(connection.scalars(query)))
    return list(dict.fromkeys(chain.from_iterable(flat)))


def _row(run: Json, params: Sequence[str]) -> list[Any]:
    metrics, run_params = run["metrics"] or {}, flat_params(run["params"])
    values = [run[name] for name in _FIXED]
    values += [run_params.get(name) for name in params] + [
        metrics.get(name) for name in METRIC_NAMES
    ]
    return [json.dumps(value) if isinstance(value, list | dict) else value for value in values]


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
    except (NoValue, Conflict):  # its series was deleted by retention
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
