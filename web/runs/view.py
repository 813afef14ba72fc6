"""One run as its page shows it: metrics in order, whether it beat the market, why there were no trades."""

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


def told(row: RowMapping, run: RunSeries | None) -> Json:
    """What page and report say of a run and of its request, all params and the texts of a FORMULA included."""
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
    # None of an input of a rule of one's own, whose bounds its request has
    spec: ParamSpec | None = None


def tunables(rule_type: str, params: Values) -> list[Tunable]:
    """What of complete params one line can change; members of a composite rule cannot."""
    own = [
        Tunable(spec.name, params[spec.name], spec)
        for spec in RULES[rule_type].params
        if spec.kind in ("int", "float", "choice")
    ]
    return own + [
        Tunable(f"{PART}{name}", value) for name, value in params.get("inputs", {}).items()
    ]


def sections(metrics: Values) -> dict[str, list[Metric]]:
    """The metrics that a result has, by section; those in plain words first."""
    found: dict[str, list[Metric]] = {"Headline": []}
    for metric in METRICS:
        if metric.name in metrics:
            found.setdefault("Headline" if metric.plain else metric.section, []).append(metric)
    return found


@frozen
class Market:
    """Whether a result beat doing nothing, in words; beat is 1, -1, 0 for neither, None where nobody can say."""

    beat: int | None
    words: str


def market(metrics: Values, holding: str) -> Market:
    """A result beside buying and holding; holding: what that is called, such as `buying and holding AAPL`."""
    own, held = metrics.get("total_return_pct"), metrics.get("buy_hold_return_pct")
    if own is None or held is None:
        return Market(None, f"It has no return that could be held against that of {holding}.")
    if not metrics.get("num_trades"):
        return Market(None, f"It made no trade, while {holding} {earned(held)}.")
    beat = (own > held) - (own < held)
    behind = (
        f"{abs(own - held):,.1f} points {'better' if beat > 0 else 'worse'} than"
        if beat
        else "as"
    )
    return Market(beat, f"It {earned(own)}, {behind} {holding}, which {earned(held)}.")


def earned(percent: float) -> str:
    """gained 12.3%."""
    return f"{'gained' if percent >= 0 else 'lost'} {abs(percent):,.1f}%"


def months(run: RunSeries) -> Json:
    """Returns of the months and years of a completed run, and the largest of a month without its sign."""
    years = monthly_returns(last_days(run.times, run.timeframe), run.path)
    returns = [abs(value) for year in years for value in year.months if value is not None]
    return {"years": years, "largest": max(returns, default=0.0)}


def why_no_trades(result: RunResult, row: RowMapping, bars: int) -> str | None:
    """Why a completed run made no trades; None when it made some."""
    if result.trades:
        return None
    if result.rejected_orders:
        count, first = len(result.rejected_orders), result.rejected_orders[0]
        return f"{count:,} orders were rejected; the first on {first['date']}: {first['reason']}."
    signals = [signal for _, signal, _ in decode_signals(row["signals_json"])]
    if not signals:
        return f"The rule gave no signal on any of the {bars:,} bars. {_held_back(result)}"
    if {*signals} == {-1} and result.request["direction"] == "longonly":
        given = f"The rule gave {len(signals):,} sell signals and no buy signal, and a long-only run opens with a buy."
        return f"{given} {_held_back(result)}"
    return f"The rule gave {len(signals):,} signals, and none of them could open a position."


def _held_back(result: RunResult) -> str:
    """What kept the sides of the rule that open positions from holding, or what to try where that is not known."""
    sides = OPENING.get(result.request["direction"], ("buy", "sell"))
    said = [held_back(result.explanation_summary or [], side) for side in sides]
    return " ".join(filter(None, said)) or "Loosen its parameters or take more bars."


def changed_params(before: Values, now: Values) -> dict[str, list[Any]]:
    """The params that two requests do not give alike to the same rule, each with both values."""
    if now["rule_type"] != before["rule_type"]:
        return {}
    return differing_values(
        [full_params(each["rule_type"], each["params"]) for each in (before, now)]
    )
