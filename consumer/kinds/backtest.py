"""Compute everything that is stored about a run from its request and prices; no database, no queue."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, field, fields, replace
from typing import TYPE_CHECKING

from adapters.metrics.curves import excursions
from adapters.metrics.moments import Array
from adapters.metrics.table import HEADLINE_NAMES, Performance, performance
from adapters.prices.bars import PriceBars
from adapters.prices.packing import PackedPrices, RunPrices
from adapters.runs.explanations import RunLines, packed_lines
from adapters.runs.series import encode_equity, encode_signals, encode_trades, significant
from adapters.sparkline import encode_sparkline
from adapters.studies.trials import Trials
from consumer.course import course
from consumer.kinds.setup import Setup
from contracts.run_request import RunRequest, canonical_hash
from contracts.values import Json, Values, frozen
from engine.engine import BacktestResult, Trade
from rules.base import BaseRule

if TYPE_CHECKING:
    from consumer.sealed.evaluator import Evaluator  # nor this one
    from portfolio.result import PortfolioResult  # a plain run does not need it

# asdict would copy each value, at five times the cost
TRADE_FIELDS = tuple(each.name for each in fields(Trade))

NOTED_SHARE = 0.01  # of the bars; a rule without values on more of them gets a note


@frozen
class JobResult:
    """Result of a Job: the columns of its row, the rule's lines, the metrics of a grid, the result of its plan."""

    columns: Json
    lines: list[bytes] = field(default_factory=list)
    # packed metrics of all combinations of a grid, and all metrics of the best one
    screened: tuple[bytes, Json | None] | None = None
    # packed result of a portfolio or a robustness, and the sentence of the latter
    of_plan: tuple[bytes, str | None] | None = None
    failed_metrics: Sequence[str] = ()  # names of metrics that could not be computed
    trials: Trials | None = None  # rules that it has tried, for the ledger


def backtest(
    request: RunRequest,
    packed: PackedPrices,
    *,
    keeps_lines: bool = False,
    evaluator: "Evaluator | None" = None,
) -> JobResult:
    """Run one request, with the rule's lines if `keeps_lines`; PlatformError for invalid prices or params."""
    setup = Setup.of(request, packed, evaluator)
    rule = setup.rule()
    trials = setup.trials()
    result = run_rule(setup, rule, trials)
    if keeps_lines:
        result.lines.extend(lines_of(setup, rule))
    return replace(result, trials=trials)


def run_rule(setup: Setup, rule: BaseRule, trials: Trials) -> JobResult:
    """Run one rule on a request's prices, without the rule's lines, as one of the Job's trials."""
    request, traded = setup.request, setup.prices.traded
    result = setup.result_of(rule)
    course.mark("metrics")
    trials.add(rule.spec.name, rule.params, result.shares_curve)
    trades = trades_of(result, traded)
    computed = performance(setup.metric_inputs(result, trades))
    columns = {
        **columns_of(computed, result, trades, traded.times, request),
        "trades_json": encode_trades(
            trades,
            [order._asdict() for order in result.rejected_orders],
            notes_on(setup, rule, result),
        ),
        "signals_json": encode_signals(result.signals),
        **setup.versions,
    }
    if setup.evaluator:
        columns["python_json"] = json.dumps(setup.evaluator.receipt(setup.prices.first_bar))
    return JobResult(columns, failed_metrics=computed.failed)


def columns_of(
    computed: Performance,
    result: "BacktestResult | PortfolioResult",
    trades: Sequence[Values],
    times: Array,
    request: RunRequest,
) -> Json:
    """Columns of a run's row but for trades and signals. times: of the bars, in seconds."""
    metrics, equity = computed.metrics, result.equity_curve.tolist()
    return {
        **{name: metrics[name] for name in (*HEADLINE_NAMES, "timing_sharpe_ratio")},
        "metrics_json": json.dumps({"values": metrics, "notes": computed.notes}, allow_nan=False),
        "equity_curve_json": encode_equity(
            times, result.equity_curve, request.timeframe, request.initial_capital
        ),
        "sparkline": encode_sparkline(equity),
        "result_hash": result_hash(asdict(result.metrics), trades, equity),
    }


def trades_of(result: BacktestResult, traded: PriceBars) -> list[Json]:
    """The engine's trades by the names of their fields, with their maximum adverse and favourable excursions."""
    high, low = traded.columns["High"], traded.columns["Low"]
    trades = ({name: getattr(trade, name) for name in TRADE_FIELDS} for trade in result.trades)
    return [trade | excursions(trade, high, low) for trade in trades]


def lines_of(setup: Setup, rule: BaseRule) -> list[bytes]:
    """The rule's lines and the truth of its conditions on the traded bars; the lines that code has plotted."""
    prices = setup.prices
    if setup.evaluator:
        columns = prices.traded.columns
        plotted = setup.evaluator.lines(prices.first_bar, columns["Low"], columns["High"])
        return packed_lines(plotted) if plotted else []
    from rules.explanation import Explanation  # bulk runs do not need it

    explanation = Explanation(rule, setup.bars, prices.first_bar)
    return packed_lines(RunLines(explanation.head, explanation.values, explanation.truths))


def notes_on(setup: Setup, rule: BaseRule, result: BacktestResult) -> list[str]:
    """Notes on the prices, a short history, a rule with a constant signal, idle cash, and a lost account."""
    request, prices = setup.request, setup.prices
    name, needed = rule.longest_lookback()
    notes = setup.notes
    if (missing := needed - prices.first_bar) > len(result.signals) * NOTED_SHARE:
        early = result.signals[:missing]
        # a part of a rule, or a member of a vote, may decide before the rest has values
        effect = "part of it is unknown" if early.any() else "no signal"
        notes.append(
            f"{name} needs {needed:,} bars of history with these params, but the prices have only "
            f"{prices.first_bar:,} before the run: {effect} on the first {len(early):,} of {len(result.signals):,} bars"
        )
    if result.signals[0] and (result.signals == result.signals[0]).all():
        side = "buy" if result.signals[0] > 0 else "sell"
        notes.append(f"The rule gives a {side} signal on all {len(result.signals):,} bars")
    if request.risk_free_rate and not request.cash_rate:
        notes.append(
            "Idle cash earned nothing (cash_rate is 0), but the Sharpe and Sortino ratios only count returns above "
            f"{request.risk_free_rate * 100:g}% a year"
        )
    return notes + account_notes(request, prices, result)


def account_notes(request: RunRequest, prices: RunPrices, result: BacktestResult) -> list[str]:
    """A note on an account that was liquidated, or lost everything without a liquidation."""
    level_pct = request.liquidate_below_pct
    passed = result.equity_curve <= request.initial_capital * (level_pct or 0.0) / 100.0
    if not passed.any():
        return []
    day = str(prices.traded.timestamps[int(passed.argmax())])[:10]
    if level_pct is not None:
        return [
            f"Liquidated on {day}, with equity at or below {level_pct:g}% of the initial capital; no trades afterwards"
        ]
    return [
        f"Equity fell to zero or below on {day}. A broker would have closed the position earlier; this run kept it, so "
        "it has no ratios, no annual return and no rank. Use a smaller position size, a stop or a liquidation level."
    ]


def result_hash(core: Values, trades: Sequence[Values], equity: list[float]) -> str:
    """SHA-256 over the engine's own metrics, trades and equity as canonical JSON at 10 significant digits."""
    values = {
        "metrics": _round_values(core, core),
        "trades": [_round_values(trade, TRADE_FIELDS) for trade in trades],
        "equity": [float(f"{value:.10g}") for value in equity],
    }
    return canonical_hash(values)


def _round_values(values: Values, names: Iterable[str]) -> Json:
    return {
        name: significant(value) if isinstance(value := values[name], float) else value
        for name in names
    }
