"""The answers of the HTTP API as JSON Schemas; those of the contract are made from its dataclasses instead."""

from typing import get_args

from contracts.run_result import ExitReason
from contracts.values import Json
from web.documents.schema_parts import (
    array,
    fields,
    having,
    json_object,
    keyed,
    or_null,
    page,
    schema,
)

_NAMED_RUN = having("run_id ticker rule_type: text")
_SPREAD = having("average p50 p95 p99 max: number?")
_RUN_TIMES = fields("created_at started_at completed_at: moment?, queue_wait_s run_s: number?")
_ERROR = fields("error_type error_message: text?")
_VERSION = fields(
    "ticker timeframe data_hash first_bar last_bar: text, bars: count, bars_per_year: count?, "
    "closes_only is_current: flag, source note loaded_by: text?, loaded_at: moment?"
)
_STUDY = fields(
    "study_id title name kind ticker rule_type: text, status: study_state, "
    "outcome: holds|luck|fails|none?, sentence: text?, created_at completed_at: moment?"
)
_BARS = fields(
    "total first bars_per_point price_decimals: count, time: times, "
    "open high low close volume: number[]"
)
_ACCOUNT = fields("equity holding drawdown_pct position: number[], rolling_sharpe: number?[]") | {
    "benchmark": or_null(schema("text", "the ticker that the run is held against")),
    "benchmark_equity": or_null(schema("number?[]", "of holding it; null before its first bar")),
    "trade_count": schema("count", "trades that were open on these bars"),
    "trades": schema("object[]", "they, or none of too many"),
}
_LINE = (
    fields("name: text, pane: price|below")
    | {"group": schema("text", "lines of one group share a pane")}
    | fields("levels: number[], values: number?[]")
)
_PORTFOLIO = fields(
    "portfolio_id title name: text, status: state, created_at completed_at: moment?"
)
_LEG = fields(
    "ticker rule_type run_id: text, params: object, weight: number?, "
    "data_hash rule_id error_message: text?, status: pending|running|completed|failed|deleted"
) | {"contribution": schema("number?", "money, to the profit; null until it has completed")}
PORTFOLIO_TRADE: Json = {  # beside the fields of a run's trade
    "exit_reason": {"enum": [*get_args(ExitReason), "end_of_prices"]},
    "leg": schema("count", "its number, from 0"),
    "ticker": schema("text"),
    "resized": schema("count", "how often rebalancing changed it"),
    "signal_date": schema("text", "of the bar whose signal opened it"),
}

ANSWERS: dict[str, Json] = {
    "Bars": json_object(_BARS),
    "RunBars": json_object(
        _BARS | _ACCOUNT,
        trailing_stop=schema("number?[]", "its level during the bar, of runs that asked for one"),
    ),
    "Curves": json_object(
        {
            "curves": array(
                having(
                    "run_id name: text, bars_per_point: count, time: times, "
                    "growth_pct drawdown_pct: number[]"
                )
            ),
            "benchmarks": array(having("name: text, time: times, growth_pct: number?[]")),
        }
    ),
    "Error": json_object(
        fields("error: text"),
        errors=schema("text{}", "by field; of a bulk call by line.field"),
        run_id=schema("text?"),
    ),
    "RuleCheck": having(
        "valid: flag",
        errors=schema("text{}", "by field; empty when valid"),
        places=keyed(having("line column: count"))
        | {"description": "of the faults in the texts of FORMULA, from 1"},
        inputs=or_null(schema("text[]", "names that the texts leave open; null: unreadable")),
        **fields("label: text?, lookback_bars warmup_bars: count?"),
        warnings=schema("text[]", "of a valid rule, what cannot have been meant"),
    ),
    "Accepted": having("run_id: text, status: state, status_url result_url: text"),
    "Titled": having("title: text"),
    "RunsChanged": having(
        "changed: count", left=schema("count{}", "as they were, by state; cancelled is one")
    ),
    "Status": json_object(
        fields("run_id: text, status: state, attempt: whole") | _RUN_TIMES,
        position=schema("count?"),
        queue_answers=or_null(
            schema("flag", "of a waiting run: whether Redis is there to tell the position")
        ),
        **_ERROR,
        **fields("waiting_since: moment?, result_url: text"),
    ),
    "Lines": json_object(
        fields("total first bars_per_point: count")
        | {"lines": or_null(array(json_object(_LINE)))},
        note=schema("text", "why there are none"),
    ),
    "Explanation": json_object(
        fields("bar: count, date: text, signal: buy|sell|none")
        | {
            "sides": or_null(
                json_object(dict.fromkeys(("buy", "sell"), having("met: flag?, words: text")))
            ),
            "conditions": array(
                json_object(
                    fields("side: buy|sell, words: text, met: flag?"), member=schema("text")
                )
            ),
        }
        | fields("account: text[], sentence: text"),
        note=schema("text", "why there are no sides"),
    ),
    "Stretch": json_object(
        fields("from to: count, first last sentence: text, held_back: text[]"),
        note=schema("text", "why nothing is said of the rule's conditions"),
    ),
    "Audit": page(
        "audit",
        having(
            "id: count, at: moment?, actor: text?, address action subject: text, status: count, "
            "run_id batch_id: text?"
        ),
    ),
    "Strangers": json_object(
        {"strangers": array(having("hour kind: text, status requests: count"))}
    ),
    "BatchRun": json_object(
        fields(
            "run_id ticker rule_type: text, params: object, status: state, attempt: whole, "
            "metrics: object?, request_hash: text"
        )
        | _RUN_TIMES,
        **fields("title: text, rule_id label: text?"),
        **_ERROR,
    ),
    "Bulk": having(
        "batch_id: text, runs new: count, status_url: text, existing: count{}, run_ids: text?[]",
        on_other_prices=schema(
            "count", "runs that the batch had already, of other versions of prices"
        ),
    ),
    "SweepAccepted": having(
        "batch_id: text, runs new on_other_prices: count, status_url: text, existing: count{}, "
        "run_ids: text?[], first_requests: object[], ranking: object?"
    ),
    "Batch": having(
        "batch_id title: text, runs: count, created_at completed_at: moment?, "
        "counts: state_counts, cancelled: count, failures: count{}, throughput_per_s: number?",
        seconds_left=schema("number?", "a guess by the runs so far; null before there is one"),
        queue_wait_s=_SPREAD,
        run_s=_SPREAD,
        **fields(
            "metric note: text, goal: max|min, constraints: text[], leaderboard: BatchRun[]"
        ),
    ),
    "Runs": having("runs: ListedRun[], next previous: text?"),
    "ListedRun": having(
        "run_id title ticker timeframe rule_type: text, rule_id label batch_id error_type: text?, "
        "status: state, metrics: number?{}?",
        **_RUN_TIMES,
    ),
    "Batches": page("batches", schema("ListedBatch")),
    "ListedBatch": having(
        "batch_id title: text, runs: count, counts: state_counts, cancelled: count",
        progress_pct=schema("number") | {"minimum": 0, "maximum": 100},
        **fields("created_at last_activity_at: moment?"),
        first_run=_NAMED_RUN,
        last_run=_NAMED_RUN,
    ),
    "BatchPage": having("batch_id: text, runs: BatchRun[], next_after: text?"),
    "Points": having(
        "batch_id: text, run_ids: text[], runs chosen: count, params metrics about: object"
    ),
    "ScreenAccepted": having(
        "screen_id: text, combinations jobs: count, status_url result_url: text"
    ),
    "Screen": having(
        "screen_id title: text, name: text?, status: state, rule_type: text, tickers: text[], "
        "combinations done: count, error_type error_message: text?, "
        "created_at completed_at: moment?, metric: text, goal: max|min, constraints: text[], "
        "receipts: object[], leaderboard: ScreenRow[]"
    ),
    "ScreenBatch": having(
        "batch_id: text, runs new: count, run_ids: text[], status_url result_url: text"
    ),
    "ScreenRow": having(
        "number: count, ticker: text, params: object, metrics: number?{}, run_id: text?",
        is_equal=or_null(schema("flag", "whether its run came to the same metrics")),
    ),
    "StudyAccepted": having("study_id batch_id status_url page_url: text"),
    "Studies": page("studies", json_object(_STUDY)),
    "Study": json_object(
        _STUDY
        | fields("batch_id: text, request: StudyRequest, windows: object[]")
        | {"runs": having("training test: count"), "counts": schema("state_counts?")}
        | {
            "seconds_left": schema(
                "number?", "until all its Jobs have ended, a guess; null before there is one"
            )
        }
        | fields("choices: object[]?, verdict: object?")
    ),
    "PortfolioAccepted": having("legs: count, portfolio_id status_url page_url: text"),
    "Portfolios": page(
        "portfolios",
        json_object(
            _PORTFOLIO
            | fields(
                "mode: mode, tickers: text[], legs: count, "
                "total_return_pct sharpe_ratio max_drawdown_pct: number?"
            )
        ),
    ),
    "Portfolio": json_object(
        _PORTFOLIO
        | fields("batch_id: text, request: PortfolioRequest, error_type error_message: text?")
        | {"legs": array(json_object(_LEG, **fields("first_date last_date: text, ends: flag")))}
        | fields(
            "data_hash result_hash engine_version analysis_version image_tag: text?, "
            "metrics: number?{}?, metrics_notes: text{}"
        ),
        **fields(
            "equity_curve: EquityPoint[], drawdown_curve: DrawdownPoint[], trades: PortfolioTrade[]"
        ),
        left_out=json_object(
            {
                "counts": schema("count{}", "by reason"),
                "orders": array(having("date ticker reason: text, leg: count, side: BUY|SELL")),
            }
        ),
        **fields("interest borrow_fees: number"),
        weights=having("dates: text[]", money=array(schema("number[]", "by leg"))),
        correlations=json_object({"legs": schema("count[]"), "of": schema("number?[][]")}),
        notes=schema("text[]"),
    ),
    "PortfolioCurves": having(
        "time: times, equity held_equally drawdown_pct positions: number[], "
        "invested_pct: number?[]",
        benchmark=or_null(having("name: text, equity: number?[]")),
    ),
    "PriceSeries": json_object({"series": array(json_object(_VERSION))}),
    "PriceVersions": having(
        "ticker timeframe: text",
        versions=array(json_object(_VERSION | fields("runs: count, report: object?"))),
    ),
    "PriceReport": having(
        "ticker timeframe looks: text, timezone: text?, outcome: new|changed|unchanged, "
        "stored: flag, data_hash: text, bars: count, first_bar last_bar: text, closes_only: flag, "
        "added revised removed: count, done: text[], warnings: object[]"
    ),
}
