"""A study of a sweep: whether the best of its combinations is more than luck."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from backtests.errors import BadInput
from backtests.progress import duration
from backtests.sweep import Sweep


def study_request(sweep: Sweep) -> dict[str, Any]:
    """The study as the platform takes it; BadInput for a file that asks for none, or names several tickers."""
    if not sweep.study:
        raise BadInput(["study: a section with kind: walk_forward, holdout or selection is expected"])
    tickers = list(dict.fromkeys(run["ticker"] for run in sweep.requests))
    if len(tickers) > 1:
        raise BadInput([f"base.tickers: a study is about one ticker, not {len(tickers)}"])
    base = {name: value for name, value in sweep.requests[0].items() if name not in ("params", "charts")}
    ranking = {"metric": sweep.metric, "goal": sweep.goal} if sweep.metric else {}
    return {
        "name": sweep.name,
        "base": base,
        "combinations": [run["params"] for run in sweep.requests],
        "constraints": [condition.text for condition in sweep.constraints],
        **ranking,
        **sweep.study,
    }


def study_key(request: Mapping[str, Any], cost: Mapping[str, Any]) -> str:
    """Equal for an equal study of the same prices, so that the same command again goes on with it."""
    content = json.dumps([request, cost["data_hash"]], sort_keys=True, default=str)
    return f"study-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def cost_text(cost: Mapping[str, Any]) -> str:
    """How many Jobs a study takes, and about how long."""
    runs, parts = cost["runs"], len(cost["windows"])
    folds = f"{parts} folds" if parts > 1 else "1 training part"
    waiting = f", {cost['waiting']:,} waiting runs of others included" if cost["waiting"] else ""
    pace = f"about {duration(cost['seconds'])} at the pace of the latest batch{waiting}" if cost["seconds"] else ""
    return (
        f"{runs['training'] + runs['test']:,} Jobs: {cost['combinations']:,} combinations x {folds}, and "
        f"{runs['test']:,} on test parts; {pace or 'no batch has run yet, so no estimate of the time'}"
    )
