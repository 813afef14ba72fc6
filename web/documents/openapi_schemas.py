"""The answers of the HTTP API as JSON Schemas; those of the contract are made from its dataclasses instead."""

from typing import get_args

from contracts.portfolio_request import Mode
from contracts.run_result import ExitReason
from contracts.status import RunStatus
from contracts.study import StudyStatus
from contracts.values import Json
from web.documents.schema_parts import (
    COUNT,
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    alike,
    array,
    json_object,
    keyed,
    or_null,
    page,
    ref,
)

_SIDE = {"enum": ["buy", "sell"]}
_GOAL = {"enum": ["max", "min"]}
_STATUS_WORD = {"enum": [status.public for status in RunStatus]}
_COUNTS = json_object({status.public: COUNT for status in RunStatus})
_NAMED_RUN = json_object(alike("run_id ticker rule_type", TEXT))
_SECONDS, _TEXT_OR_NULL, _COUNT_OR_NULL, _OBJECT_OR_NULL = map(
    or_null, (NUMBER, TEXT, COUNT, OBJECT)
)
_TRUTH = or_null(FLAG)  # null: a number in it has no value yet
_SPREAD = json_object(alike("average p50 p95 p99 max", _SECONDS))
_MOMENT = or_null(TEXT | {"format": "date-time"})
_RUN_TIMES = alike("created_at started_at completed_at", _MOMENT) | alike(
    "queue_wait_s run_s", _SECONDS
)
_ERROR = alike("error_type error_message", _TEXT_OR_NULL)
_NUMBERS, _KNOWN = array(NUMBER), array(or_null(NUMBER))
_TIMES = array(WHOLE) | {"description": "seconds since 1970, UTC"}
_VERSION = (
    alike("ticker timeframe data_hash first_bar last_bar", TEXT)
    | {"bars": COUNT, "bars_per_year": _COUNT_OR_NULL, "closes_only": FLAG, "is_current": FLAG}
    | alike("source note loaded_by", _TEXT_OR_NULL)
    | {"loaded_at": _MOMENT}
)
_STUDY = (
    alike("study_id title name kind ticker rule_type", TEXT)
    | {"status": {"enum": [status.public for status in StudyStatus]}}
    | {
        "outcome": or_null({"enum": ["holds", "luck", "fails", "none"]}),
        "sentence": _TEXT_OR_NULL,
    }
    | alike("created_at completed_at", _MOMENT)
)
_WINDOW = alike("total first bars_per_point", COUNT)
_BARS = (
    _WINDOW
    | {"price_decimals": COUNT, "time": _TIMES}
    | alike("open high low close volume", _NUMBERS)
)
_ACCOUNT = alike("equity holding drawdown_pct position", _NUMBERS) | {
    "rolling_sharpe": _KNOWN,
    "benchmark": or_null(TEXT | {"description": "the ticker that the run is held against"}),
    "benchmark_equity": or_null(
        _KNOWN | {"description": "of holding it; null before its first bar"}
    ),
    "trade_count": COUNT | {"description": "trades that were open on these bars"},
    "trades": array(OBJECT) | {"description": "they, or none of too many"},
}
_CURVE = (
    alike("run_id name", TEXT)
    | {"bars_per_point": COUNT, "time": _TIMES}
    | alike("growth_pct drawdown_pct", _NUMBERS)
)
_LINE = {
    "name": TEXT,
    "pane": {"enum": ["price", "below"]},
    "group": TEXT | {"description": "lines of one group share a pane"},
    "levels": _NUMBERS,
    "values": _KNOWN,
}
_HEADLINES = alike("total_return_pct sharpe_ratio max_drawdown_pct", _SECONDS)
_PORTFOLIO = (
    alike("portfolio_id title name", TEXT)
    | {"status": _STATUS_WORD}
    | alike("created_at completed_at", _MOMENT)
)
_LEG = (
    alike("ticker rule_type run_id", TEXT)
    | {
        "params": OBJECT,
        "weight": _SECONDS,
        **alike("data_hash rule_id error_message", _TEXT_OR_NULL),
    }
    | {"status": {"enum": [*_STATUS_WORD["enum"], "deleted"]}}
    | {
        "contribution": _SECONDS
        | {"description": "money, to the profit; null until it has completed"}
    }
)
_ORDER = alike("date ticker reason", TEXT) | {"leg": COUNT, "side": {"enum": ["BUY", "SELL"]}}
PORTFOLIO_TRADE: Json = {  # beside the fields of a run's trade
    "exit_reason": {"enum": [*get_args(ExitReason), "end_of_prices"]},
    "leg": COUNT | {"description": "its number, from 0"},
    "ticker": TEXT,
    "resized": COUNT | {"description": "how often rebalancing changed it"},
    "signal_date": TEXT | {"description": "of the bar whose signal opened it"},
}
_DEED = {
    "id": COUNT,
    "at": _MOMENT,
    "actor": _TEXT_OR_NULL,
    **alike("address action subject", TEXT),
    "status": COUNT,
}

ANSWERS: dict[str, Json] = {
    "Bars": json_object(_BARS),
    "RunBars": json_object(
        _BARS | _ACCOUNT,
        trailing_stop=_KNOWN
        | {"description": "its level during the bar, of runs that asked for one"},
    ),
    "Curves": json_object(
        {
            "curves": array(json_object(_CURVE)),
            "benchmarks": array(
                json_object({"name": TEXT, "time": _TIMES, "growth_pct": _KNOWN})
            ),
        }
    ),
    "Error": json_object(
        {"error": TEXT},
        errors=keyed(TEXT, "by field; of a bulk call by line.field"),
        run_id=_TEXT_OR_NULL,
    ),
    "RuleCheck": json_object(
        {
            "valid": FLAG,
            "errors": keyed(TEXT, "by field; empty when valid"),
            "places": keyed(
                json_object(alike("line column", COUNT)),
                "of the faults in the texts of FORMULA, from 1",
            ),
            "inputs": or_null(
                array(TEXT) | {"description": "names that the texts leave open; null: unreadable"}
            ),
            "label": _TEXT_OR_NULL,
            **alike("lookback_bars warmup_bars", _COUNT_OR_NULL),
            "warnings": array(TEXT)
            | {"description": "of a valid rule, what cannot have been meant"},
        }
    ),
    "Accepted": json_object(
        {"run_id": TEXT, "status": _STATUS_WORD, **alike("status_url result_url", TEXT)}
    ),
    "Titled": json_object({"title": TEXT}),
    "RunsChanged": json_object(
        {"changed": COUNT, "left": keyed(COUNT, "as they were, by state; cancelled is one")}
    ),
    "Status": json_object(
        {"run_id": TEXT, "status": _STATUS_WORD, "attempt": WHOLE, **_RUN_TIMES},
        position=_COUNT_OR_NULL,
        queue_answers=or_null(
            FLAG
            | {"description": "of a waiting run: whether Redis is there to tell the position"}
        ),
        **_ERROR,
        waiting_since=_MOMENT,
        result_url=TEXT,
    ),
    "Lines": json_object(
        _WINDOW | {"lines": or_null(array(json_object(_LINE)))},
        note=TEXT | {"description": "why there are none"},
    ),
    "Explanation": json_object(
        {
            "bar": COUNT,
            "date": TEXT,
            "signal": {"enum": ["buy", "sell", "none"]},
            "sides": or_null(
                json_object(alike("buy sell", json_object({"met": _TRUTH, "words": TEXT})))
            ),
            "conditions": array(
                json_object({"side": _SIDE, "words": TEXT, "met": _TRUTH}, member=TEXT)
            ),
            "account": array(TEXT),
            "sentence": TEXT,
        },
        note=TEXT | {"description": "why there are no sides"},
    ),
    "Stretch": json_object(
        {
            **alike("from to", COUNT),
            **alike("first last sentence", TEXT),
            "held_back": array(TEXT),
        },
        note=TEXT | {"description": "why nothing is said of the rule's conditions"},
    ),
    "Audit": page("audit", json_object(_DEED | alike("run_id batch_id", _TEXT_OR_NULL))),
    "Strangers": json_object(
        {
            "strangers": array(
                json_object({"hour": TEXT, "kind": TEXT, "status": COUNT, "requests": COUNT})
            )
        }
    ),
    "BatchRun": json_object(
        _NAMED_RUN["properties"]
        | {"params": OBJECT, "status": _STATUS_WORD, "attempt": WHOLE, "metrics": _OBJECT_OR_NULL}
        | {"request_hash": TEXT, **_RUN_TIMES},
        title=TEXT,
        **alike("rule_id label", _TEXT_OR_NULL),
        **_ERROR,
    ),
    "Bulk": json_object(
        {"batch_id": TEXT, **alike("runs new", COUNT), "status_url": TEXT}
        | {"existing": keyed(COUNT), "run_ids": array(_TEXT_OR_NULL)}
        | {
            "on_other_prices": COUNT
            | {"description": "runs that the batch had already, of other versions of prices"}
        }
    ),
    "SweepAccepted": json_object(
        {"batch_id": TEXT, **alike("runs new on_other_prices", COUNT), "status_url": TEXT}
        | {"existing": keyed(COUNT), "run_ids": array(_TEXT_OR_NULL)}
        | {"first_requests": array(OBJECT), "ranking": _OBJECT_OR_NULL}
    ),
    "Batch": json_object(
        alike("batch_id title", TEXT)
        | {"runs": COUNT, **alike("created_at completed_at", _MOMENT)}
        | {
            "counts": _COUNTS,
            "cancelled": COUNT,
            "failures": keyed(COUNT),
            "throughput_per_s": _SECONDS,
        }
        | {
            "seconds_left": _SECONDS
            | {"description": "a guess by the runs so far; null before there is one"}
        }
        | {**alike("queue_wait_s run_s", _SPREAD), **alike("metric note", TEXT), "goal": _GOAL}
        | {"constraints": array(TEXT), "leaderboard": array(ref("BatchRun"))}
    ),
    "Runs": json_object(
        {"runs": array(ref("ListedRun")), **alike("next previous", _TEXT_OR_NULL)}
    ),
    "ListedRun": json_object(
        alike("run_id title ticker timeframe rule_type", TEXT)
        | alike("rule_id label batch_id error_type", _TEXT_OR_NULL)
        | {"status": _STATUS_WORD, "metrics": or_null(keyed(_SECONDS)), **_RUN_TIMES}
    ),
    "Batches": page("batches", ref("ListedBatch")),
    "ListedBatch": json_object(
        alike("batch_id title", TEXT)
        | {"runs": COUNT, "counts": _COUNTS, "cancelled": COUNT}
        | {"progress_pct": NUMBER | {"minimum": 0, "maximum": 100}}
        | alike("created_at last_activity_at", _MOMENT)
        | alike("first_run last_run", _NAMED_RUN)
    ),
    "BatchPage": json_object(
        {"batch_id": TEXT} | page("runs", ref("BatchRun"), TEXT)["properties"]
    ),
    "Points": json_object(
        {
            "batch_id": TEXT,
            "run_ids": array(TEXT),
            **alike("runs chosen", COUNT),
            **alike("params metrics about", OBJECT),
        }
    ),
    "ScreenAccepted": json_object(
        {
            "screen_id": TEXT,
            **alike("combinations jobs", COUNT),
            **alike("status_url result_url", TEXT),
        }
    ),
    "Screen": json_object(
        alike("screen_id title", TEXT)
        | {
            "name": _TEXT_OR_NULL,
            "status": _STATUS_WORD,
            "rule_type": TEXT,
            "tickers": array(TEXT),
        }
        | alike("combinations done", COUNT)
        | _ERROR
        | alike("created_at completed_at", _MOMENT)
        | {"metric": TEXT, "goal": _GOAL, "constraints": array(TEXT), "receipts": array(OBJECT)}
        | {"leaderboard": array(ref("ScreenRow"))}
    ),
    "ScreenBatch": json_object(
        {"batch_id": TEXT, **alike("runs new", COUNT), "run_ids": array(TEXT)}
        | alike("status_url result_url", TEXT)
    ),
    "ScreenRow": json_object(
        {
            "number": COUNT,
            "ticker": TEXT,
            "params": OBJECT,
            "metrics": keyed(_SECONDS),
            "run_id": _TEXT_OR_NULL,
        }
        | {
            "is_equal": or_null(
                FLAG | {"description": "whether its run came to the same metrics"}
            )
        }
    ),
    "StudyAccepted": json_object(alike("study_id batch_id status_url page_url", TEXT)),
    "Studies": page("studies", json_object(_STUDY)),
    "Study": json_object(
        _STUDY
        | {"batch_id": TEXT, "request": ref("StudyRequest"), "windows": array(OBJECT)}
        | {"runs": json_object(alike("training test", COUNT)), "counts": or_null(_COUNTS)}
        | {
            "seconds_left": _SECONDS
            | {"description": "until all its Jobs have ended, a guess; null before there is one"}
        }
        | {"choices": or_null(array(OBJECT)), "verdict": _OBJECT_OR_NULL}
    ),
    "PortfolioAccepted": json_object(
        {"legs": COUNT} | alike("portfolio_id status_url page_url", TEXT)
    ),
    "Portfolios": page(
        "portfolios",
        json_object(
            _PORTFOLIO
            | {"mode": {"enum": [*get_args(Mode)]}, "tickers": array(TEXT), "legs": COUNT}
            | _HEADLINES
        ),
    ),
    "Portfolio": json_object(
        _PORTFOLIO
        | {"batch_id": TEXT, "request": ref("PortfolioRequest"), **_ERROR}
        | {"legs": array(json_object(_LEG, **alike("first_date last_date", TEXT), ends=FLAG))}
        | alike("data_hash result_hash engine_version analysis_version image_tag", _TEXT_OR_NULL)
        | {"metrics": or_null(keyed(_SECONDS)), "metrics_notes": keyed(TEXT)},
        equity_curve=array(ref("EquityPoint")),
        drawdown_curve=array(ref("DrawdownPoint")),
        trades=array(ref("PortfolioTrade")),
        left_out=json_object(
            {"counts": keyed(COUNT, "by reason"), "orders": array(json_object(_ORDER))}
        ),
        **alike("interest borrow_fees", NUMBER),
        weights=json_object(
            {"dates": array(TEXT), "money": array(_NUMBERS | {"description": "by leg"})}
        ),
        correlations=json_object({"legs": array(COUNT), "of": array(_KNOWN)}),
        notes=array(TEXT),
    ),
    "PortfolioCurves": json_object(
        {
            "time": _TIMES,
            **alike("equity held_equally drawdown_pct positions", _NUMBERS),
            "invested_pct": _KNOWN,
        }
        | {"benchmark": or_null(json_object({"name": TEXT, "equity": _KNOWN}))}
    ),
    "PriceSeries": json_object({"series": array(json_object(_VERSION))}),
    "PriceVersions": json_object(
        alike("ticker timeframe", TEXT)
        | {"versions": array(json_object(_VERSION | {"runs": COUNT, "report": _OBJECT_OR_NULL}))}
    ),
    "PriceReport": json_object(
        alike("ticker timeframe looks", TEXT)
        | {
            "timezone": _TEXT_OR_NULL,
            "outcome": {"enum": ["new", "changed", "unchanged"]},
            "stored": FLAG,
            "data_hash": TEXT,
            "bars": COUNT,
        }
        | alike("first_bar last_bar", TEXT)
        | {"closes_only": FLAG}
        | alike("added revised removed", COUNT)
        | {"done": array(TEXT), "warnings": array(OBJECT)}
    ),
}
