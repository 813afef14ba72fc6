"""Answers of the HTTP API about runs, charts, rules, prices, trials and the audit: each type makes its schema."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired

from annotated_types import Ge, Le
from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from contracts.status import RunStatus
from contracts.values import Json


def one_of(states: Iterable[Any]) -> WithJsonSchema:
    """Describe a text as the public word of one of these states."""
    return WithJsonSchema({"enum": [state.public for state in states]})


def contract(name: str) -> WithJsonSchema:
    """Refer to the schema of a contract, which pydantic does not know; the document's generator resolves it."""
    return WithJsonSchema({CONTRACT: name})


CONTRACT = "x-contract"
Count = Annotated[int, Ge(0)]
Percent = Annotated[float, Ge(0), Le(100)]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Times = Annotated[list[int], Field(description="seconds since 1970, UTC")]
State = Annotated[str, one_of(RunStatus)]


class RunTimes(TypedDict):
    created_at: Moment | None
    started_at: Moment | None
    completed_at: Moment | None
    queue_wait_s: float | None
    run_s: float | None


class BarsAnswer(TypedDict):
    total: Count
    first: Count
    bars_per_point: Count
    price_decimals: Count
    time: Times
    open: list[float]
    high: list[float]
    low: list[float]
    close: list[float]
    volume: list[float]


class RunBarsAnswer(BarsAnswer):
    equity: list[float]
    holding: list[float]
    drawdown_pct: list[float]
    position: list[float]
    rolling_sharpe: list[float | None]
    benchmark: str | None
    """the ticker that the run is compared with"""
    benchmark_equity: list[float | None] | None
    """equity of buying and holding it; null before its first bar and after its last"""
    trade_count: Count
    """trades that were open on these bars"""
    trades: list[Json]
    """the trades; empty when there are too many"""
    money_decimals: Count
    """of profits, fees and equity"""
    trailing_stop: NotRequired[list[float | None]]
    """level during the bar, for runs with a trailing stop"""


class GrowthCurve(TypedDict):
    run_id: str
    name: str
    bars_per_point: Count
    time: Times
    growth_pct: list[float | None]
    drawdown_pct: list[float]


class BenchmarkCurve(TypedDict):
    name: str
    time: Times
    growth_pct: list[float | None]


class Curves(TypedDict):
    curves: list[GrowthCurve]
    benchmarks: list[BenchmarkCurve]


class Error(TypedDict):
    error: str
    errors: NotRequired[dict[str, str]]
    """by field; of a bulk call by line.field"""
    run_id: NotRequired[str | None]


class FaultPlace(TypedDict):
    line: Count
    column: Count


class PythonSource(TypedDict):
    function: Literal["on_bar", "signals"]
    defaults: dict[str, float]
    """of the inputs"""
    imports: list[str]


class RuleCheck(TypedDict):
    valid: bool
    errors: dict[str, str]
    """by field; empty when valid"""
    places: dict[str, FaultPlace]
    """of the faults in the texts of FORMULA and the code of PYTHON, from 1"""
    inputs: list[str] | None
    """parameters that the texts use or the code declares; null: not readable"""
    columns: list[str]
    """further columns of the ticker's prices, which the rule can name"""
    python: PythonSource | None
    """of PYTHON's code; null: not readable, or another rule"""
    label: str | None
    lookback_bars: Count | None
    warmup_bars: Count | None
    warnings: list[str]
    """of a valid rule: probable mistakes"""


class Accepted(TypedDict):
    run_id: str
    status: State
    status_url: str
    result_url: str


class TitledAnswer(TypedDict):
    title: str


class RunsChanged(TypedDict):
    changed: Count
    left: dict[str, Count]
    """number of unchanged runs by state, including cancelled"""


class NoteAnswer(TypedDict):
    text: str | None
    author: str | None
    at: Moment | None


class Deletion(TypedDict):
    deleted: dict[str, Count]
    """rows by kind"""
    refusals: list[str]
    """in a dry run: what needs it, or has not ended; the first ten"""


class Status(RunTimes):
    run_id: str
    status: State
    attempt: int
    position: NotRequired[Count | None]
    queue_answers: NotRequired[bool | None]
    """of a waiting run: whether Redis answers; without it the position is unknown"""
    error_type: NotRequired[str | None]
    error_message: NotRequired[str | None]
    waiting_since: NotRequired[Moment | None]
    result_url: NotRequired[str]


class TimelinePart(TypedDict):
    attempt: Count
    name: str
    """from submitted and queued to stored and charts; ran where the Job could not record its times"""
    start: float
    """seconds from the submission"""
    seconds: float
    in_total: bool
    """false after the end of the run, as for charts; the others add up to the whole"""
    lost: bool
    """the attempt was lost or handed back"""


class Timeline(TypedDict):
    run_id: str
    parts: list[TimelinePart]


class ListedRun(RunTimes):
    run_id: str
    title: str
    ticker: str
    timeframe: str
    rule_type: str
    rule_id: str | None
    label: str | None
    batch_id: str | None
    error_type: str | None
    status: State
    metrics: dict[str, float | None] | None


class Runs(TypedDict):
    runs: list[ListedRun]
    next: str | None
    previous: str | None


class ChartLine(TypedDict):
    name: str
    pane: Literal["price", "below"]
    group: str
    """lines of one group share a pane"""
    levels: list[float]
    values: list[float | None]


class Lines(TypedDict):
    total: Count
    first: Count
    bars_per_point: Count
    lines: list[ChartLine] | None
    note: NotRequired[str]
    """why there are none"""


class SideState(TypedDict):
    met: bool | None
    words: str


class SideStates(TypedDict):
    buy: SideState
    sell: SideState


class ConditionState(TypedDict):
    side: Literal["buy", "sell"]
    words: str
    met: bool | None
    member: NotRequired[str]


class ExplanationAnswer(TypedDict):
    bar: Count
    date: str
    signal: Literal["buy", "sell", "none"]
    sides: SideStates | None
    conditions: list[ConditionState]
    account: list[str]
    sentence: str
    plotted: NotRequired[dict[str, float | None]]
    """of a strategy in Python, the value of each line"""
    printed: NotRequired[str]
    """of a strategy in Python, what it printed on this bar"""
    note: NotRequired[str]
    """why there are no sides"""


# "from" is a keyword, so not a class
Stretch = TypedDict(
    "Stretch",
    {
        "from": Count,
        "to": Count,
        "first": str,
        "last": str,
        "sentence": str,
        "held_back": list[str],
        "note": NotRequired[
            Annotated[str, Field(description="why the rule's conditions are not explained")]
        ],
    },
)


class RobustnessAccepted(TypedDict):
    robustness_id: str
    run_id: str
    status_url: str
    result_url: str


class Robustness(TypedDict):
    robustness_id: str
    run_id: str
    status: State
    sentence: str | None
    error_type: str | None
    error_message: str | None
    created_at: Moment | None
    completed_at: Moment | None
    result: Json | None


class TriedBy(TypedDict):
    actor: str
    tried: Count
    distinct: Count


class TriedSeries(TypedDict):
    ticker: str
    timeframe: str
    years: list[int]
    tried: Count
    """repeated trials included"""
    distinct: Count
    """different rules; above 4,096 an estimate"""
    since: Moment | None
    latest: Moment | None
    by: list[TriedBy]


class Ledger(TypedDict):
    series: list[TriedSeries]


class Vault(TypedDict):
    ticker: str
    from_date: str
    deleted: Count
    """runs and plans whose series were deleted, since they had read bars behind the date"""


class ReservedTicker(TypedDict):
    ticker: str
    from_date: str
    reserved_by: str | None
    reserved_at: Moment | None


class Opening(TypedDict):
    ticker: str
    request_hash: str
    """of the run's request on the reserved bars"""
    from_date: str
    run_id: str
    study_id: str
    opened_by: str | None
    opened_at: Moment | None


class Vaults(TypedDict):
    vaults: list[ReservedTicker]
    openings: list[Opening]
    """also of vaults that were released; oldest first"""


class AuditEntry(TypedDict):
    id: Count
    at: Moment | None
    actor: str | None
    address: str
    action: str
    subject: str
    status: Count
    run_id: str | None
    batch_id: str | None


class Audit(TypedDict):
    audit: list[AuditEntry]
    next_after: Count | None


class ActorUsage(TypedDict):
    actor: str | None
    """null: without a token"""
    combinations: Count
    cpu_s: float
    combinations_30_days: Count
    cpu_s_30_days: float
    daily_combinations: Count | None
    daily_cpu_s: Count | None


class Usage(TypedDict):
    usage: list[ActorUsage]


class SeriesVersion(TypedDict):
    ticker: str
    timeframe: str
    data_hash: str
    first_bar: str
    last_bar: str
    bars: Count
    bars_per_year: Count | None
    closes_only: bool
    columns: list[str]
    exchange_zone: str
    is_current: bool
    source: str | None
    note: str | None
    loaded_by: str | None
    loaded_at: Moment | None


class PriceVersion(SeriesVersion):
    runs: Count
    report: Json | None


class PriceSeries(TypedDict):
    series: list[SeriesVersion]


class PriceVersions(TypedDict):
    ticker: str
    timeframe: str
    versions: list[PriceVersion]


class PriceReport(TypedDict):
    ticker: str
    timeframe: str
    looks: str
    timezone: str | None
    outcome: Literal["new", "changed", "unchanged"]
    stored: bool
    data_hash: str
    bars: Count
    first_bar: str
    last_bar: str
    closes_only: bool
    columns: list[str]
    exchange_zone: str
    added: Count
    revised: Count
    removed: Count
    done: list[str]
    warnings: list[Json]
