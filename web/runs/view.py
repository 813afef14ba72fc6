"""The view model of one run: metrics in order, comparison with buy-and-hold, reasons for having no trades."""

from typing import Any

from sqlalchemy import RowMapping

from adapters.metrics.curves import last_days
from adapters.metrics.entry import Metric
from adapters.metrics.returns import monthly_returns
from adapters.metrics.table import METRICS
from adapters.runs.condition_summary import OPENING, held_back
from adapters.runs.result import run_result
from adapters.runs.series import RunSeries
from adapters.runs.stored_series import decode_signals
from contracts.run_result import RunResult
from contracts.values import Json, Values, frozen
from rules.catalog import RULES, ParamSpec, complete_params
from rules.language import filled_texts
from web.titles import PART, differing_values, format_fields, full_params, reusable_values

TABS = {"stats": "Stats", "trades": "Trades", "numbers": "Numbers and pictures"}


def run_context(row: RowMapping, run: RunSeries | None) -> Json:
    """Return the variables of page and report: the run and its request, with all params and texts of a FORMULA."""
    result = run_result(row, run)
    rule_type = result.request["rule_type"]
    params = complete_params(rule_type, result.request["params"])
    return {
        "run": row,
        "view": result,
        "no_trades": run and why_no_trades(result, row, len(run.times)),
        "terms": format_fields(result.request, "orders", "stops", "label"),
        "full_params": params,
        "texts": filled_texts(params) if rule_type == "FORMULA" else {},
        "reusable_values": reusable_values(result.request),
        "tunables": tunables(rule_type, params),
    }


@frozen
class Tunable:
    """A number or choice among a run's params; path: its names in them, with points between."""

    path: str
    value: Any
    # None: an input of a user's own rule, whose bounds its request has
    spec: ParamSpec | None = None


def tunables(rule_type: str, params: Values) -> list[Tunable]:
    """Return the params that one form field can change; none inside the members of a composite rule."""
    from_rule = [
        Tunable(spec.name, params[spec.name], spec)
        for spec in RULES[rule_type].params
        if spec.kind in ("int", "float", "choice")
    ]
    return from_rule + [
        Tunable(f"{PART}{name}", value) for name, value in params.get("inputs", {}).items()
    ]


def sections(metrics: Values) -> dict[str, list[Metric]]:
    """Group the metrics of a result by section; those in plain words first."""
    by_section: dict[str, list[Metric]] = {"Headline": []}
    for metric in METRICS:
        if metric.name in metrics:
            by_section.setdefault("Headline" if metric.plain else metric.section, []).append(
                metric
            )
    return by_section


@frozen
class Market:
    """Comparison with buy-and-hold in words; beat: 1, -1, 0 for equal, None when a return is missing."""

    beat: int | None
    words: str


def market(metrics: Values, holding: str) -> Market:
    """Compare a result with buy-and-hold; holding: its name in the sentence, such as `buying and holding AAPL`."""
    return_pct, benchmark_pct = (
        metrics.get("total_return_pct"),
        metrics.get("buy_hold_return_pct"),
    )
    if return_pct is None or benchmark_pct is None:
        return Market(None, f"It has no return that could be held against that of {holding}.")
    if not metrics.get("num_trades"):
        return Market(None, f"It made no trade, while {holding} {return_words(benchmark_pct)}.")
    beat = (return_pct > benchmark_pct) - (return_pct < benchmark_pct)
    behind = (
        f"{abs(return_pct - benchmark_pct):,.1f} points {'better' if beat > 0 else 'worse'} than"
        if beat
        else "as"
    )
    return Market(
        beat,
        f"It {return_words(return_pct)}, {behind} {holding}, which {return_words(benchmark_pct)}.",
    )


def return_words(percent: float) -> str:
    """Format a return as words: gained 12.3%."""
    return f"{'gained' if percent >= 0 else 'lost'} {abs(percent):,.1f}%"


def months(run: RunSeries) -> Json:
    """Return the monthly and yearly returns of a completed run, and the largest absolute return of a month."""
    years = monthly_returns(last_days(run.times, run.timeframe), run.path)
    returns = [abs(value) for year in years for value in year.months if value is not None]
    return {"years": years, "largest": max(returns, default=0.0)}


def why_no_trades(result: RunResult, row: RowMapping, bars: int) -> str | None:
    """Explain why a completed run made no trades; None when it made some."""
    if result.trades:
        return None
    if result.rejected_orders:
        count, first = len(result.rejected_orders), result.rejected_orders[0]
        return f"{count:,} orders were rejected; the first on {first['date']}: {first['reason']}."
    signals = [signal for _, signal, _ in decode_signals(row["signals_json"])]
    if not signals:
        return f"The rule gave no signal on any of the {bars:,} bars. {_unmet_conditions(result)}"
    if {*signals} == {-1} and result.request["direction"] == "longonly":
        sides = f"{len(signals):,} sell signals and no buy signal"
        why = f"The rule gave {sides}, and a long-only run opens with a buy."
        return f"{why} {_unmet_conditions(result)}"
    return f"The rule gave {len(signals):,} signals, and none of them could open a position."


def _unmet_conditions(result: RunResult) -> str:
    """Name the conditions that kept the rule from opening a position, or suggest what to try."""
    sides = OPENING.get(result.request["direction"], ("buy", "sell"))
    sentences = [held_back(result.explanation_summary or [], side) for side in sides]
    return " ".join(filter(None, sentences)) or "Loosen its parameters or take more bars."


def changed_params(before: Values, now: Values) -> dict[str, list[Any]]:
    """Return the params of the same rule that differ between two requests, each with both values."""
    if now["rule_type"] != before["rule_type"]:
        return {}
    return differing_values(
        [full_params(each["rule_type"], each["params"]) for each in (before, now)]
    )
