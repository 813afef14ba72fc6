"""What choosing the times brought, in words; of a run, and for the verdicts of studies."""

from collections.abc import Mapping

from adapters.metrics.measured import NoValue
from adapters.metrics.sharpe_evidence import MeasuredSharpe, probabilistic_sharpe

# of a run's metrics, as `measured_timing` takes
TIMING = ("timing_sharpe_ratio", "timing_skewness", "timing_kurtosis")


def measured_timing(metrics: Mapping[str, float | int | None], bars: int) -> MeasuredSharpe:
    """The Sharpe ratio of a run's timing per bar; NoValue for a run without one, and for older ones."""
    ratio, skew, tails = (metrics.get(name) for name in TIMING)
    per_year = metrics.get("bars_per_year")
    if ratio is None or skew is None or tails is None or not per_year:
        raise NoValue("its timing was not measured")
    return MeasuredSharpe(ratio / per_year**0.5, bars - 1, skew, tails + 3)


def run_timing(metrics: Mapping[str, float | int | None], bars: int, ticker: str) -> str | None:
    """A sentence on a run's timing; None where it has none, or is too short for a yearly rate."""
    if metrics.get("cagr", 0.0) is None:
        return None
    try:
        skill = probabilistic_sharpe(measured_timing(metrics, bars))
    except NoValue:
        return None
    yearly_pct, exposure_pct = (
        float(metrics[name] or 0.0) for name in ("timing_return_pct", "average_exposure_pct")
    )
    brought = f"Choosing its times brought {than_holding(yearly_pct, exposure_pct, ticker)}"
    average = f"{abs(exposure_pct):.0f}% of the money on average"
    if yearly_pct <= 0:
        return f"{brought} ({average})."
    chance = (
        f"If this was the only try, chance alone does as well in {percent(1 - skill)} of cases"
    )
    return f"{brought} ({average}). {chance}."


def than_holding(yearly_pct: float, exposure_pct: float, asset: str = "it") -> str:
    """How much more or less than a share of the asset that never changes."""
    more = "more" if yearly_pct > 0 else "less"
    held = "being short" if exposure_pct < 0 else "holding"
    return (
        f"{abs(yearly_pct):.1f}% a year {more} than {held} the same share of {asset} all the time"
    )


def percent(share: float) -> str:
    """31%, or less than 1%, or more than 99%."""
    whole = round(share * 100)
    return "less than 1%" if whole < 1 else "more than 99%" if whole > 99 else f"{whole}%"
