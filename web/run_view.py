"""One run as its page shows it: metrics in order, charts with their texts, why there were no trades, what failed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from adapters.metric_catalog import METRICS_BY_NAME, Metric
from contracts.run_result import RunResult
from contracts.status import ErrorType
from web.run_charts import chart_svg

TABS = {
    "stats": "Stats",
    "equity": "Equity",
    "drawdown": "Drawdown",
    "portfolio": "Portfolio",
    "trades": "Trades",
    "candles": "Candles",
}
TAB_CHARTS = {
    "stats": (),
    "equity": ("equity_curve",),
    "drawdown": ("drawdown_curve",),
    "portfolio": ("portfolio_orders", "trade_pnl", "cumulative_return"),
    "trades": (),
    "candles": ("candlestick",),
}
CHART_TITLES = {
    "equity_curve": "Equity",
    "drawdown_curve": "Drawdown",
    "portfolio_orders": "Orders on price",
    "trade_pnl": "Profit and loss of each trade",
    "cumulative_return": "Cumulative return",
    "candlestick": "Candles",
}
LEADING_METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
OTHER_METRICS = (
    "cagr",
    "volatility",
    "sortino_ratio",
    "calmar_ratio",
    "win_rate",
    "profit_factor",
    "expectancy",
    "sqn",
    "exposure_pct",
    "avg_trade_return",
    "buy_hold_return_pct",
    "max_drawdown_days",
    "final_equity",
    "open_trades",
    "rejected_orders",
)
SIGNED_METRICS = frozenset({"total_return_pct", "cagr", "avg_trade_return", "buy_hold_return_pct", "expectancy"})

# What happened, and what to do next, by cause.
FAILURES: dict[str, tuple[str, str]] = {
    ErrorType.NO_PRICES: ("There are no prices between these dates.", "Clone the run and choose dates with prices."),
    ErrorType.BAD_PRICES: ("The price file is broken.", "Mend the line that the message names, then retry."),
    ErrorType.BAD_PARAMS: ("The rule refused its parameters.", "Clone the run and change the parameters."),
    ErrorType.ENGINE_ERROR: (
        "The engine stopped at an error.",
        "The same request would fail again; search the logs for this run's id.",
    ),
    ErrorType.TIMEOUT: ("The run took longer than its time limit.", "Clone it with fewer bars or members."),
    ErrorType.MEMORY: ("The run needed more memory than it may use.", "Clone it with fewer bars or members."),
    ErrorType.CANCELLED: ("The run was cancelled.", "Retry it to let it run after all."),
    ErrorType.WORKER_LOST: (
        "The process that ran it died more than once.",
        "Retry it; if it is lost again, look for killed or evicted pods.",
    ),
    ErrorType.HANDBACKS: ("It was interrupted by shutdowns too often.", "Retry it when the cluster is quiet."),
    ErrorType.SYSTEM_ERROR: ("Something around the run failed, not the run itself.", "Retry it."),
}


@dataclass(frozen=True, slots=True)
class Kpi:
    """One metric ready to be shown."""

    metric: Metric
    value: float | int | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class ChartView:
    """One chart: a picture when the Job rendered one, else drawn here."""

    name: str
    title: str
    alt: str
    svg: Markup | None


def kpis(result: RunResult, names: tuple[str, ...]) -> list[Kpi]:
    """The named metrics that this run has, with the reason where one has no value."""
    metrics = result.metrics or {}
    return [
        Kpi(METRICS_BY_NAME[name], metrics[name], result.metrics_notes.get(name)) for name in names if name in metrics
    ]


def charts(result: RunResult, names: tuple[str, ...], rendered: frozenset[str]) -> list[ChartView]:
    """The named charts with the sentences that say what they show."""
    return [_chart(result, name, name in rendered) for name in names]


def _chart(result: RunResult, name: str, rendered: bool) -> ChartView:
    alt = f"{CHART_TITLES[name]} of {result.request['ticker']}"
    return ChartView(name, CHART_TITLES[name], alt, None if rendered else chart_svg(name, result, alt))


def failure(row: Mapping[str, Any]) -> tuple[str, str]:
    """What happened to a failed run, and what to do next."""
    return FAILURES.get(row["error_type"], ("The run failed.", "Retry it."))


def why_no_trades(result: RunResult) -> str | None:
    """Why a completed run made no trades; None when it made some."""
    if result.trades is None or result.trades:
        return None
    rejected = result.rejected_orders or []
    if rejected:
        return f"{len(rejected):,} orders were rejected; the first on {rejected[0]['date']}: {rejected[0]['reason']}."
    signals = result.signals or []
    if not signals:
        bars = len(result.equity_curve or [])
        return f"The rule gave no signal on any of the {bars:,} bars. Loosen its parameters or take more bars."
    actions = {signal["action"] for signal in signals}
    if actions == {"SELL"} and result.request["direction"] == "longonly":
        return f"The rule gave {len(signals):,} sell signals and no buy signal, and a long-only run opens with a buy."
    return f"The rule gave {len(signals):,} signals, and none of them could open a position."
