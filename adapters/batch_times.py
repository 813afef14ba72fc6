"""Numbers about the times of many runs. Standard library only."""

from collections.abc import Sequence
from datetime import datetime


def throughput(ends: Sequence[datetime]) -> float | None:
    """Runs per second between the first and the last of these ends; None for fewer than two."""
    if len(ends) < 2:
        return None
    seconds = (max(ends) - min(ends)).total_seconds()
    return round((len(ends) - 1) / seconds, 3) if seconds else None


def spread(seconds: Sequence[float]) -> dict[str, float | None]:
    """Average, median, 95th and 99th percentile (nearest rank) and maximum; all None of nothing."""
    if not seconds:
        return dict.fromkeys(("average", "p50", "p95", "p99", "max"))
    ordered = sorted(seconds)
    ranks = {f"p{percent}": ordered[-(-percent * len(ordered) // 100) - 1] for percent in (50, 95, 99)}
    return {"average": round(sum(ordered) / len(ordered), 6), **ranks, "max": ordered[-1]}
