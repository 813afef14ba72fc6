"""The answer at the top of a result: did it beat its benchmark?"""

import math

import numpy as np

from adapters.metrics.timing import percent
from adapters.runs.series import RunSeries, benchmark_equity
from contracts.run_request import RunRequest
from contracts.values import Values, frozen
from web.app import platform
from web.formats import return_words


@frozen
class BenchmarkAnswer:
    """Comparison with a benchmark in words.

    beat: 1 ahead, -1 behind, 0 about even, None when a return is missing. rival: the benchmark in the question.
    """

    beat: int | None
    words: str
    rival: str = "buy-and-hold"


def answer(
    metrics: Values, holding: str, bars: int = 0, benchmark: tuple[str, float] | None = None
) -> BenchmarkAnswer:
    """Compare a result with buy-and-hold, or with the benchmark of its request.

    holding: name of buy-and-hold in the sentence, such as `buying and holding AAPL`. bars: their number; 0 if the
    metrics compare with something else. benchmark: a ticker, and its return in percent.
    About even: less than one standard error of the mean of the bars' differences.
    """
    return_pct, rival = metrics.get("total_return_pct"), "buy-and-hold"
    benchmark_pct = metrics.get("buy_hold_return_pct")
    if benchmark:
        rival, benchmark_pct = benchmark
        holding = f"holding {rival}"
    if return_pct is None or benchmark_pct is None:
        return BenchmarkAnswer(None, f"Its return can't be compared with {holding}.", rival)
    if not metrics.get("num_trades"):
        words = f"It made no trades; {holding} {return_words(benchmark_pct)}."
        return BenchmarkAnswer(None, words, rival)
    ahead = return_pct - benchmark_pct
    side = (
        f"{abs(ahead):,.1f} points {'better' if ahead > 0 else 'worse'} than" if ahead else "as"
    )
    words = (
        f"It {return_words(return_pct)}, {side} {holding}, which {return_words(benchmark_pct)}."
    )
    deviations = _deviations(metrics, bars)
    if ahead and deviations < 1:
        chance = math.erfc(deviations / math.sqrt(2))
        words += f" Luck alone makes as large a difference {percent(chance)} of the time."
        return BenchmarkAnswer(0, words, rival)
    return BenchmarkAnswer((ahead > 0) - (ahead < 0), words, rival)


def _deviations(metrics: Values, bars: int) -> float:
    """Return the mean difference from the benchmark in its standard errors; infinity if it was not measured."""
    ratio, per_year = metrics.get("information_ratio"), metrics.get("bars_per_year")
    if ratio is None or not per_year or not bars:
        return math.inf
    return float(abs(ratio) * math.sqrt(bars / per_year))


def small_size(request: RunRequest) -> str | None:
    """Return a remark if a trade uses less than half of the money, while buy-and-hold uses all of it; else None."""
    size, is_percent = request.position_size, request.size_type == "percent"
    share_pct = size if is_percent else size / request.initial_capital * 100
    if share_pct >= 50:
        return None
    money = "equity" if is_percent else "initial capital"
    return (
        f"A trade uses at most {share_pct:.2g}% of the {money}; buy-and-hold invests all of it."
    )


def benchmark_return(run: RunSeries) -> tuple[str, float] | None:
    """Return the ticker and return of the benchmark that the request names; None without one for all of its dates."""
    if not run.request.get("benchmark"):
        return None
    held_pct = benchmark_equity(run, platform().prices.bars, 100.0)[[0, -1]]
    if not np.isfinite(held_pct).all():
        return None
    return run.request["benchmark"], float(held_pct[1] / held_pct[0] - 1) * 100
