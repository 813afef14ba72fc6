"""The best run of a batch against luck: how good the best of so many looks that have no skill at all."""

import json
import math
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.engine import Connection, RowMapping

from adapters.results.curves import decode_equity
from adapters.results.sharpe_evidence import Evidence, MeasuredSharpe, evidence
from adapters.store.tables import runs


@dataclass(frozen=True, slots=True)
class BatchEvidence:
    """The run with the highest Sharpe ratio, and what it proves after all that the batch has tried on its ticker."""

    run: RowMapping
    found: Evidence


def batch_evidence(connection: Connection, batch_id: str, ticker: str | None = None) -> BatchEvidence | None:
    """Of a batch, or of its one `ticker`; None while no run has a Sharpe ratio, and for results of before skewness."""
    best = _best(connection, batch_id, ticker)
    metrics = json.loads(best["metrics_json"])["values"] if best else {}
    if best is None or any(metrics.get(name) is None for name in ("skewness", "kurtosis", "bars_per_year")):
        return None
    own = (runs.c.batch_id == batch_id, runs.c.ticker == best["ticker"])
    trials = connection.execute(select(func.count()).select_from(runs).where(*own)).scalar_one()
    alike = (runs.c.timeframe == best["timeframe"], runs.c.sharpe_ratio.is_not(None))
    scale = math.sqrt(metrics["bars_per_year"])
    tried = [ratio / scale for ratio in connection.execute(select(runs.c.sharpe_ratio).where(*own, *alike)).scalars()]
    returns = len(decode_equity(best["equity_curve_json"])[1])
    measured = MeasuredSharpe(metrics["sharpe_ratio"] / scale, returns, metrics["skewness"], metrics["kurtosis"] + 3)
    return BatchEvidence(best, evidence(measured, tried, trials, metrics["bars_per_year"]))


def _best(connection: Connection, batch_id: str, ticker: str | None) -> RowMapping | None:
    """The row of the run with the highest Sharpe ratio; a ruined one has none."""
    measured = [runs.c.batch_id == batch_id, runs.c.sharpe_ratio.is_not(None)]
    named = measured + ([runs.c.ticker == ticker] if ticker else [])
    first = select(runs.c.run_id).where(*named).order_by(runs.c.sharpe_ratio.desc(), runs.c.id).limit(1)
    run_id = connection.execute(first).scalar_one_or_none()
    return connection.execute(select(runs).where(runs.c.run_id == run_id)).mappings().one_or_none()
