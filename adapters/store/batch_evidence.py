"""The best run of a batch against luck: how good the best of so many looks that have no skill at all."""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from adapters.results.curves import decode_equity
from adapters.results.sharpe_evidence import Evidence, MeasuredSharpe, evidence
from adapters.store.batches import batch_leaderboard
from adapters.store.tables import runs


@dataclass(frozen=True, slots=True)
class BatchEvidence:
    """The run with the highest Sharpe ratio, and what it proves after all that the batch has tried on its ticker."""

    run: dict[str, Any]
    found: Evidence


def batch_evidence(connection: Connection, batch_id: str, ticker: str | None = None) -> BatchEvidence | None:
    """Of a batch, or of its one `ticker`; None while no run has a Sharpe ratio, and for results of before skewness."""
    best = next(iter(batch_leaderboard(connection, batch_id, "sharpe_ratio", "max", 1, ticker)), None)
    if best is None or any(best["metrics"].get(name) is None for name in ("skewness", "kurtosis", "bars_per_year")):
        return None
    stored = select(runs.c.equity_curve_json, runs.c.timeframe).where(runs.c.run_id == best["run_id"])
    equity, timeframe = connection.execute(stored).one()
    own = (runs.c.batch_id == batch_id, runs.c.ticker == best["ticker"])
    trials = connection.execute(select(func.count()).select_from(runs).where(*own)).scalar_one()
    alike = select(runs.c.sharpe_ratio).where(*own, runs.c.timeframe == timeframe, runs.c.sharpe_ratio.is_not(None))
    metrics = best["metrics"]
    scale = math.sqrt(metrics["bars_per_year"])
    tried = [ratio / scale for ratio in connection.execute(alike).scalars()]
    returns = len(decode_equity(equity)[1])
    measured = MeasuredSharpe(metrics["sharpe_ratio"] / scale, returns, metrics["skewness"], metrics["kurtosis"] + 3)
    return BatchEvidence(best, evidence(measured, tried, trials, metrics["bars_per_year"]))
