"""Answers of the HTTP API about batches, screens, studies and portfolios; the schema of each is made from its type."""

from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from contracts.portfolio_request import Mode
from contracts.run_result import ExitReason
from contracts.study import StudyStatus
from contracts.values import Json
from web.documents.run_answers import (
    Count,
    Moment,
    Percent,
    RunTimes,
    State,
    Times,
    contract,
    one_of,
)

StudyState = Annotated[str, one_of(StudyStatus)]


class PortfolioState(TypedDict):
    portfolio_id: str
    title: str
    name: str
    status: State
    created_at: Moment | None
    completed_at: Moment | None


class StateCounts(TypedDict):
    pending: Count
    running: Count
    completed: Count
    failed: Count


class NamedRun(TypedDict):
    run_id: str
    ticker: str
    rule_type: str


class Spread(TypedDict):
    average: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None


class BatchRun(RunTimes):
    run_id: str
    ticker: str
    rule_type: str
    params: Json
    status: State
    attempt: int
    metrics: Json | None
    request_hash: str
    title: NotRequired[str]
    rule_id: NotRequired[str | None]
    label: NotRequired[str | None]
    error_type: NotRequired[str | None]
    error_message: NotRequired[str | None]


class Bulk(TypedDict):
    batch_id: str
    runs: Count
    new: Count
    status_url: str
    existing: dict[str, Count]
    run_ids: list[str | None]
    on_other_prices: Count
    """existing runs of the batch on other versions of the prices"""


class SweepAccepted(Bulk):
    first_requests: list[Json]
    ranking: Json | None


class BatchAnswer(TypedDict):
    batch_id: str
    title: str
    runs: Count
    created_at: Moment | None
    completed_at: Moment | None
    counts: StateCounts
    cancelled: Count
    failures: dict[str, Count]
    throughput_per_s: float | None
    seconds_left: float | None
    """estimated from the runs so far; null before there is an estimate"""
    queue_wait_s: Spread
    run_s: Spread
    metric: str
    note: str
    goal: Literal["max", "min"]
    constraints: list[str]
    leaderboard: list[BatchRun]


class ListedBatch(TypedDict):
    batch_id: str
    title: str
    runs: Count
    counts: StateCounts
    cancelled: Count
    progress_pct: Percent
    created_at: Moment | None
    last_activity_at: Moment | None
    first_run: NamedRun
    last_run: NamedRun


class Batches(TypedDict):
    batches: list[ListedBatch]
    next_after: Count | None


class BatchPage(TypedDict):
    batch_id: str
    runs: list[BatchRun]
    next_after: str | None


class Points(TypedDict):
    batch_id: str
    run_ids: list[str]
    runs: Count
    chosen: Count
    params: Json
    metrics: Json
    about: Json


class ScreenAccepted(TypedDict):
    screen_id: str
    combinations: Count
    jobs: Count
    status_url: str
    result_url: str


class ScreenRow(TypedDict):
    number: Count
    ticker: str
    params: Json
    metrics: dict[str, float | None]
    run_id: str | None
    is_equal: bool | None
    """whether its run has the same metrics"""


class Screen(TypedDict):
    screen_id: str
    title: str
    name: str | None
    status: State
    rule_type: str
    tickers: list[str]
    combinations: Count
    done: Count
    error_type: str | None
    error_message: str | None
    created_at: Moment | None
    completed_at: Moment | None
    metric: str
    goal: Literal["max", "min"]
    constraints: list[str]
    receipts: list[Json]
    leaderboard: list[ScreenRow]


class ScreenBatch(TypedDict):
    batch_id: str
    runs: Count
    new: Count
    run_ids: list[str]
    status_url: str
    result_url: str


class StudyAccepted(TypedDict):
    study_id: str
    batch_id: str
    status_url: str
    page_url: str


class ListedStudy(TypedDict):
    study_id: str
    title: str
    name: str
    kind: str
    ticker: str
    rule_type: str
    status: StudyState
    outcome: Literal["holds", "luck", "fails", "none"] | None
    sentence: str | None
    created_at: Moment | None
    completed_at: Moment | None


class Studies(TypedDict):
    studies: list[ListedStudy]
    next_after: Count | None


class JobCounts(TypedDict):
    training: Count
    test: Count


class StudyAnswer(ListedStudy):
    batch_id: str
    request: Annotated[Json, contract("StudyRequest")]
    windows: list[Json]
    runs: JobCounts
    counts: StateCounts | None
    seconds_left: float | None
    """until all its Jobs have ended; null before there is an estimate"""
    choices: list[Json] | None
    verdict: Json | None


class ListedPortfolio(PortfolioState):
    mode: Mode
    tickers: list[str]
    legs: Count
    total_return_pct: float | None
    sharpe_ratio: float | None
    max_drawdown_pct: float | None


class PortfolioLeg(TypedDict):
    ticker: str
    rule_type: str
    run_id: str | None
    """null for a ranked asset, which has no run"""
    params: Json
    weight: float | None
    data_hash: str | None
    rule_id: str | None
    error_message: str | None
    status: Literal["pending", "running", "completed", "failed", "deleted"]
    contribution: float | None
    """money, to the profit; null until it has completed"""
    first_date: NotRequired[str]
    last_date: NotRequired[str]
    ends: NotRequired[bool]


class LeftOutOrder(TypedDict):
    date: str
    ticker: str
    reason: str
    leg: Count
    side: Literal["BUY", "SELL"]


class LeftOutOrders(TypedDict):
    counts: dict[str, Count]
    """by reason"""
    orders: list[LeftOutOrder]


class LegWeights(TypedDict):
    dates: list[str]
    money: list[list[float]]
    """by leg"""


class Correlations(TypedDict):
    legs: list[Count]
    of: list[list[float | None]]


class HeldBenchmark(TypedDict):
    name: str
    equity: list[float | None]


class PortfolioAccepted(TypedDict):
    legs: Count
    portfolio_id: str
    status_url: str
    page_url: str


class Portfolios(TypedDict):
    portfolios: list[ListedPortfolio]
    next_after: Count | None


class PortfolioTrade(TypedDict):
    exit_reason: ExitReason | Literal["end_of_prices", "ranking"]
    leg: Count
    """its number, from 0"""
    ticker: str
    resized: Count
    """how often rebalancing changed it"""
    signal_date: str
    """of the bar whose signal opened it"""


class PortfolioAnswer(PortfolioState):
    batch_id: str
    request: Annotated[Json, contract("PortfolioRequest")]
    error_type: str | None
    error_message: str | None
    legs: list[PortfolioLeg]
    data_hash: str | None
    result_hash: str | None
    engine_version: str | None
    analysis_version: str | None
    image_tag: str | None
    metrics: dict[str, float | None] | None
    metrics_notes: dict[str, str]
    equity_curve: NotRequired[list[Annotated[Json, contract("EquityPoint")]]]
    drawdown_curve: NotRequired[list[Annotated[Json, contract("DrawdownPoint")]]]
    trades: NotRequired[list[PortfolioTrade]]
    left_out: NotRequired[LeftOutOrders]
    interest: NotRequired[float]
    borrow_fees: NotRequired[float]
    weights: NotRequired[LegWeights]
    correlations: NotRequired[Correlations]
    notes: NotRequired[list[str]]
    money_decimals: NotRequired[Count]


class PortfolioCurves(TypedDict):
    time: Times
    equity: list[float]
    held_equally: list[float]
    drawdown_pct: list[float]
    positions: list[float]
    invested_pct: list[float | None]
    benchmark: HeldBenchmark | None
    money_decimals: Count


Why = Literal["enters", "stays", "buffer", "rank", "keep", "no_score", "sign", "ended"]


class Leaver(TypedDict):
    ticker: str
    why: Why


class RebalancingAnswer(TypedDict):
    date: str
    entered: list[str]
    left: list[Leaver]


class RankedAsset(TypedDict):
    leg: Count
    ticker: str
    rank: Count | None
    """from 1, null if it is not eligible"""
    score: float | None
    before: int
    """long 1, short -1, neither 0"""
    weight: float
    """target, a signed fraction of the invested part"""
    why: Why


class RankedDay(TypedDict):
    date: str
    ranks: list[RankedAsset]


class PortfolioRanks(TypedDict):
    rebalancings: list[RebalancingAnswer]
    """of a ranked portfolio; others have none"""
    last: RankedDay | None
    """the last rebalancing up to `at`"""
