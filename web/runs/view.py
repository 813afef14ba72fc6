"""One run as its page shows it: metrics in order, texts of its charts, why there were no trades, what failed."""

from typing import Any

from sqlalchemy import RowMapping

from adapters.metrics.curves import close_times
from adapters.metrics.entry import Metric
from adapters.metrics.returns import monthly_returns
from adapters.metrics.table import METRICS
from adapters.runs.condition_summary import OPENING, held_back
from adapters.runs.result import run_result
from adapters.runs.series import RunSeries
from adapters.runs.stored_series import decode_signals
from contracts.run_result import RunResult
from contracts.status import ErrorType
from contracts.values import Json, Values, frozen
from rules.catalog import RULES, ParamSpec, complete_params
from rules.language import filled_texts
from web.formats import plain
from web.request_fields import asked_again, terms_said
from web.titles import PART, full_params

TABS = {"stats": "Stats", "trades": "Trades", "numbers": "Numbers and pictures"}


@frozen
class Failure:
    """What happened to a failed run, what to do next, and whether the same request could end better."""

    what: str
    advice: str
    retry_may_help: bool = True


FAILURES: dict[str, Failure] = {
    ErrorType.NO_PRICES: Failure(
        "There are no prices between these dates.",
        "Clone the run and choose dates with prices.",
        False,
    ),
    ErrorType.BAD_PRICES: Failure(
        "The prices cannot be read.", "Load them again on the page Prices, then retry."
    ),
    ErrorType.BAD_PARAMS: Failure(
        "The rule refused its parameters.", "Clone the run and change the parameters.", False
    ),
    ErrorType.ENGINE_ERROR: Failure(
        "The engine stopped at an error.",
        "The same request would fail again; search the logs for this run's id.",
        False,
    ),
    ErrorType.TIMEOUT: Failure(
        "The run took longer than its time limit.", "Clone it with fewer bars or members.", False
    ),
    ErrorType.MEMORY: Failure(
        "The run needed more memory than it may use.",
        "Clone it with fewer bars or members.",
        False,
    ),
    ErrorType.CANCELLED: Failure("The run was cancelled.", "Retry it to let it run after all."),
    ErrorType.WORKER_LOST: Failure(
        "The process that ran it died more than once.",
        "Retry it; if it is lost again, look for killed or evicted pods.",
    ),
    ErrorType.HANDBACKS: Failure(
        "It was interrupted by shutdowns too often.", "Retry it when the cluster is quiet."
    ),
    ErrorType.SYSTEM_ERROR: Failure(
        "Something around the run failed, not the run itself.", "Retry it."
    ),
}


def told(row: RowMapping, run: RunSeries | None) -> Json:
    """What page and report say of a run and of its request, all params and the texts of a FORMULA included."""
    result = run_result(row, run)
    rule_type = result.request["rule_type"]
    params = complete_params(rule_type, result.request["params"])
    return {
        "run": row,
        "view": result,
        "no_trades": run and why_no_trades(result, row, len(run.times)),
        "terms": terms_said(result.request, "orders", "stops", "label"),
        "full_params": params,
        "texts": filled_texts(params) if rule_type == "FORMULA" else {},
        "asked_again": asked_again(result.request),
        "tunables": tunables(rule_type, params),
    }


@frozen
class Tunable:
    """A number or choice among a run's params; path: its names in them, with points between."""

    path: str
    value: Any
    # None of an input of a rule of one's own, whose bounds its request has
    spec: ParamSpec | None = None

    @property
    def title(self) -> str:
        """What it is called."""
        return self.path.rpartition(".")[2]


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
    years = monthly_returns(close_times(run.times, run.timeframe), run.path)
    returns = [abs(value) for year in years for value in year.months if value is not None]
    return {"years": years, "largest": max(returns, default=0.0)}


def failure(error_type: str | None) -> Failure:
    """What happened to a failed run, and what to do next."""
    return FAILURES.get(error_type or "", Failure("The run failed.", "Retry it."))


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


def changed_params(now: Values, before: Values) -> str:
    """What differs between the params that two requests give to a rule, in words: period 14 → 20."""
    if now["rule_type"] != before["rule_type"]:
        return ""
    new, old = (full_params(each["rule_type"], each["params"]) for each in (now, before))
    return ", ".join(
        f"{name.removeprefix(PART)} {plain(old.get(name))} → {plain(value)}"
        for name, value in new.items()
        if old.get(name) != value
    )
