"""The answer about one run. Frozen: fields are never removed or renamed, a new field has a default."""

from dataclasses import field
from typing import Literal, NotRequired, TypedDict

from contracts.values import Json, frozen_by_name

PublicStatus = Literal["pending", "running", "completed", "failed"]
ExitReason = Literal[
    "signal",
    "stop_loss",
    "take_profit",
    "trailing_stop",
    "end_of_data",
    "time_exit",
    "flat_at",
    "atr_stop",
    "liquidation",
]

CHART_NAMES = (
    "equity_curve",
    "drawdown_curve",
    "portfolio_orders",
    "trade_pnl",
    "cumulative_return",
    "candlestick",
)


class EquityPoint(TypedDict):
    """Equity after a bar's fills."""

    date: str
    equity: float


class DrawdownPoint(TypedDict):
    """Drawdown after a bar: (running peak − equity) / running peak × 100, always ≥ 0."""

    date: str
    drawdown_pct: float


class PortfolioPoint(TypedDict):
    """Cash and the market value of the position; their sum is the total."""

    date: str
    cash: float
    position: float
    total: float


class SignalPoint(TypedDict):
    """A bar on which the rule signalled BUY or SELL, and that bar's close."""

    date: str
    action: Literal["BUY", "SELL"]
    price: float


class Candle(TypedDict):
    """One bar of prices."""

    date: str
    open: float
    high: float
    low: float
    close: float
    volume: float


class TradeRow(TypedDict):
    """A trade from its entry to its exit, or to the last bar while it is open."""

    trade_no: int
    side: Literal["BUY", "SELL"]
    size: float
    entry_timestamp: str
    entry_price: float
    entry_fees: float
    exit_timestamp: str
    exit_price: float
    exit_fees: float
    pnl_abs: float
    pnl_pct: float
    holding_period: float
    exit_reason: ExitReason
    is_open: bool
    # largest move against the trade, percent of its entry price, ≥ 0; not in older runs
    mae_pct: NotRequired[float]
    mfe_pct: NotRequired[float]  # largest move in its favour


class ConditionSummary(TypedDict):
    """A comparison of the rule over a run: bars on which it was true or unknown, and where it came closest."""

    side: Literal["buy", "sell"]
    member: str | None  # of a vote
    words: str
    bars: int
    true: int
    unknown: int
    nearest_date: str | None  # null where it was never false
    nearest: str | None


@frozen_by_name
class RunResult:
    """One run as `GET /api/runs/<run_id>` returns it; curves are null until it has completed."""

    run_id: str
    status: PublicStatus
    request: Json
    error_type: str | None = None
    error_message: str | None = None
    metrics: dict[str, float | int | None] | None = None
    metrics_notes: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    equity_curve: list[EquityPoint] | None = None
    drawdown_curve: list[DrawdownPoint] | None = None
    portfolio_curve: list[PortfolioPoint] | None = None
    trades: list[TradeRow] | None = None
    signals: list[SignalPoint] | None = None
    price_candles: list[Candle] | None = None
    rejected_orders: list[Json] | None = None
    explanation_summary: list[ConditionSummary] | None = None
    # of a strategy in Python: how it was run and checked, and what it printed
    python: Json | None = None
    charts: dict[str, str] | None = None
    chart_base64: str | None = None
    data_hash: str | None = None
    engine_version: str | None = None
    analysis_version: str | None = None
    image_tag: str | None = None
    result_hash: str | None = None
    attempt: int = 1
    created_at: str | None = None
    started_at: str | None = None
    completed_at: str | None = None
    queue_wait_s: float | None = None
    run_s: float | None = None
