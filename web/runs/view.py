"""One run as its page shows it: metrics in order, charts with their texts, why there were no trades, what failed."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from sqlalchemy.engine import RowMapping

from adapters.prices.bar_times import PERIODS_PER_YEAR
from adapters.results.chart_texts import alt_text
from adapters.results.condition_summary import held_back
from adapters.results.curves import FillBars, decode_trades, fill_bars
from adapters.results.metrics.entry import Metric
from adapters.results.metrics.table import METRICS
from adapters.results.period_returns import YearReturns, monthly_returns, rolling_sharpe
from adapters.results.run_result import CandleSource, run_result
from contracts.run_result import RunResult
from contracts.status import ErrorType
from web.runs.chart_tables import CHARTS
from web.runs.charts import chart_svg, drawdown_svg, equity_alone_svg, equity_drawn, rolling_sharpe_svg
from web.svg_plot import LEFT, RIGHT, WIDTH, Drawn


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of a run: its title, its charts, and what it derives from the stored series, which is all that it shows."""

    title: str
    curves: frozenset[str]
    charts: tuple[str, ...] = ()


_PRICED = frozenset({"equity_curve", "price_candles"})
TABS = {
    "stats": Tab("Stats", _PRICED | {"drawdown_curve"}),
    "equity": Tab("Equity", _PRICED, ("equity_curve",)),
    "drawdown": Tab("Drawdown", frozenset({"equity_curve", "drawdown_curve"}), ("drawdown_curve",)),
    "portfolio": Tab("Portfolio", _PRICED, ("portfolio_orders", "trade_pnl", "cumulative_return")),
    "trades": Tab("Trades", frozenset({"equity_curve"})),
    "candles": Tab("Candles", _PRICED, ("candlestick",)),
}
PNG_LEFT, PNG_RIGHT = 28 / 1600, 1424 / 1600  # where adapters.charts.frame begins and ends the bars of a picture
ROLLING_BARS = {"1d": 126, "1h": 273, "5m": 390}  # six months, two months, one week


@dataclass(frozen=True, slots=True)
class Failure:
    """What happened to a failed run, what to do next, and whether the same request could end better."""

    what: str
    advice: str
    retry_may_help: bool = True


FAILURES: dict[str, Failure] = {
    ErrorType.NO_PRICES: Failure(
        "There are no prices between these dates.", "Clone the run and choose dates with prices.", False
    ),
    ErrorType.BAD_PRICES: Failure("The prices cannot be read.", "Load them again on the page Prices, then retry."),
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
        "The run needed more memory than it may use.", "Clone it with fewer bars or members.", False
    ),
    ErrorType.CANCELLED: Failure("The run was cancelled.", "Retry it to let it run after all."),
    ErrorType.WORKER_LOST: Failure(
        "The process that ran it died more than once.",
        "Retry it; if it is lost again, look for killed or evicted pods.",
    ),
    ErrorType.HANDBACKS: Failure("It was interrupted by shutdowns too often.", "Retry it when the cluster is quiet."),
    ErrorType.SYSTEM_ERROR: Failure("Something around the run failed, not the run itself.", "Retry it."),
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
    alt: str
    svg: Markup | None

    @property
    def title(self) -> str:
        """Its heading."""
        return CHARTS[self.name].title

    @property
    def series(self) -> str | None:
        """The chart whose table has one row per bar of this one; None where no row belongs to a bar."""
        return CHARTS[self.name].series

    @property
    def left(self) -> float:
        """Where the first bar begins, as a fraction of the width."""
        return PNG_LEFT if self.svg is None else LEFT / WIDTH

    @property
    def right(self) -> float:
        """Where the last bar ends, as a fraction of the width."""
        return PNG_RIGHT if self.svg is None else 1 - RIGHT / WIDTH


def page_result(row: RowMapping, tab: str, prices: CandleSource) -> RunResult:
    """The run with what its tab shows; without trades also its signals, among which the reason may lie."""
    return run_result(row, {}, prices, TABS[tab].curves | ({"signals"} if row["num_trades"] == 0 else set()))


def page_fills(row: RowMapping) -> list[FillBars]:
    """The bars on which a completed run's trades began and ended."""
    trades, _, _ = decode_trades(row["trades_json"])
    return fill_bars(trades)


def kpis(result: RunResult) -> dict[str, list[Kpi]]:
    """The metrics that this run has, by section, with the reason where one has no value; those of lists come first."""
    sections: dict[str, list[Kpi]] = {"Headline": []}
    for metric in METRICS:
        if metric.name in (metrics := result.metrics or {}):
            kpi = Kpi(metric, metrics[metric.name], result.metrics_notes.get(metric.name))
            sections.setdefault("Headline" if metric.headline else metric.section, []).append(kpi)
    return sections


def charts(
    result: RunResult, fills: Sequence[FillBars], names: tuple[str, ...], rendered: frozenset[str]
) -> list[ChartView]:
    """The named charts with the sentences that say what they show; those not `rendered` by the Job are drawn here."""
    alts = {name: alt_text(name, result) for name in names}
    drawn = {name: chart_svg(name, result, fills, alts[name]) for name in names if name not in rendered}
    return [ChartView(name, alts[name], drawn.get(name)) for name in names]


def equity_alone(result: RunResult) -> ChartView:
    """Equity without buying and holding beside it, drawn here whether or not there is a picture."""
    alt = alt_text("equity_curve", result)
    return ChartView("equity_curve", alt, equity_alone_svg(result, alt))


@dataclass(frozen=True, slots=True)
class Stats:
    """Returns by month, the largest of them without its sign, and how Sharpe ratio and drawdown developed."""

    months: list[YearReturns]
    largest: float
    window: int
    sharpe: Markup | None
    equity: list[Drawn]
    drawdown: Markup


def stats(result: RunResult) -> Stats:
    """What the first tab shows beside the metrics."""
    points, capital = result.equity_curve or [], float(result.request["initial_capital"])
    equity, timeframe = [point["equity"] for point in points], result.request["timeframe"]
    months = monthly_returns([point["date"] for point in points], equity, capital)
    largest = max((abs(value) for year in months for value in year.months if value is not None), default=0.0)
    window = ROLLING_BARS[timeframe]
    bars_per_year = (result.metrics or {}).get("bars_per_year") or PERIODS_PER_YEAR[timeframe]
    ratios = rolling_sharpe(equity, capital, window, bars_per_year)
    sharpe = rolling_sharpe_svg(result, ratios, window) if any(ratio is not None for ratio in ratios) else None
    equity_charts = equity_drawn(result, alt_text("equity_curve", result))
    drawdown = drawdown_svg(result, alt_text("drawdown_curve", result))
    return Stats(months, largest, window, sharpe, equity_charts, drawdown)


def failure(error_type: str | None) -> Failure:
    """What happened to a failed run, and what to do next."""
    return FAILURES.get(error_type or "", Failure("The run failed.", "Retry it."))


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
        return f"The rule gave no signal on any of the {bars:,} bars. {_held_back(result)}"
    actions = {signal["action"] for signal in signals}
    if actions == {"SELL"} and result.request["direction"] == "longonly":
        given = f"The rule gave {len(signals):,} sell signals and no buy signal, and a long-only run opens with a buy."
        return f"{given} {_held_back(result)}"
    return f"The rule gave {len(signals):,} signals, and none of them could open a position."


def _held_back(result: RunResult) -> str:
    """What kept the sides of the rule that open positions from holding, or what to try where that is not known."""
    sides = {"longonly": ("buy",), "shortonly": ("sell",)}.get(result.request["direction"], ("buy", "sell"))
    said = [held_back(result.explanation_summary or [], side) for side in sides]
    return " ".join(filter(None, said)) or "Loosen its parameters or take more bars."
