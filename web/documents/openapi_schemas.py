"""The answers of the HTTP API as JSON Schemas; those of the contract are made from its dataclasses instead."""

from typing import Any

from contracts.status import RunStatus
from contracts.study import StudyStatus

TEXT: dict[str, Any] = {"type": "string"}
TICKER: dict[str, Any] = {"type": "string", "pattern": "^[A-Za-z0-9.^=-]{1,15}$"}
COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}


def json_object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object that has all of `required`, and may have `optional`."""
    return {"type": "object", "properties": required | optional, "required": list(required)}


def only(described: dict[str, Any]) -> dict[str, Any]:
    """The same object with nothing else in it, as requests are."""
    return described | {"additionalProperties": False}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """This, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def ref(name: str) -> dict[str, Any]:
    """One of the document's named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


_STATUS_WORD = {"enum": [status.public for status in RunStatus]}
_COUNTS = json_object({status.public: COUNT for status in RunStatus})
_NAMED_RUN = json_object({"run_id": TEXT, "ticker": TEXT, "rule_type": TEXT})
_SECONDS = nullable({"type": "number"})
_TRUTH = nullable({"type": "boolean"})  # null: a number in it has no value yet
_SPREAD = json_object(dict.fromkeys(("average", "p50", "p95", "p99", "max"), _SECONDS))
_MOMENT = nullable({"type": "string", "format": "date-time"})
_RUN_TIMES = {
    "created_at": _MOMENT,
    "started_at": _MOMENT,
    "completed_at": _MOMENT,
    "queue_wait_s": _SECONDS,
    "run_s": _SECONDS,
}

_VERSION = {
    "ticker": TEXT,
    "timeframe": TEXT,
    "data_hash": TEXT,
    "first_bar": TEXT,
    "last_bar": TEXT,
    "bars": COUNT,
    "bars_per_year": nullable(COUNT),
    "is_current": {"type": "boolean"},
    "source": nullable(TEXT),
    "note": nullable(TEXT),
    "loaded_by": nullable(TEXT),
    "loaded_at": _MOMENT,
}

_STUDY = {
    "study_id": TEXT,
    "name": TEXT,
    "kind": TEXT,
    "ticker": TEXT,
    "rule_type": TEXT,
    "status": {"enum": [status.public for status in StudyStatus]},
    "outcome": nullable({"enum": ["holds", "luck", "fails", "none"]}),
    "sentence": nullable(TEXT),
    "created_at": _MOMENT,
    "completed_at": _MOMENT,
}

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_KNOWN: dict[str, Any] = {"type": "array", "items": nullable({"type": "number"})}
_TIMES = {"type": "array", "items": {"type": "integer"}, "description": "seconds since 1970, UTC"}
_BARS = {
    "total": COUNT,
    "first": COUNT,
    "bars_per_point": COUNT,
    "time": _TIMES,
    **dict.fromkeys(("open", "high", "low", "close", "volume"), _NUMBERS),
}
_ACCOUNT = {
    **dict.fromkeys(("equity", "holding", "drawdown_pct", "position"), _NUMBERS),
    "rolling_sharpe": _KNOWN,
    "benchmark": nullable({**TEXT, "description": "the ticker that the run is held against"}),
    "benchmark_equity": nullable({**_KNOWN, "description": "of holding it; null before its first bar"}),
    "trade_count": {**COUNT, "description": "trades that were open on these bars"},
    "trades": {
        "type": "array",
        "items": {"type": "object"},
        "description": "they, or none of too many",
    },
}
_TRAILING_STOP = {
    "type": "array",
    "items": nullable({"type": "number"}),
    "description": "its level during the bar, of runs that asked for one",
}
_CURVE = {
    "run_id": TEXT,
    "name": TEXT,
    "bars_per_point": COUNT,
    "time": _TIMES,
    "growth_pct": _NUMBERS,
    "drawdown_pct": _NUMBERS,
}
_BENCHMARK = {"name": TEXT, "time": _TIMES, "growth_pct": _KNOWN}

ANSWERS: dict[str, Any] = {
    "Bars": json_object(_BARS),
    "RunBars": json_object(_BARS | _ACCOUNT, trailing_stop=_TRAILING_STOP),
    "Curves": json_object(
        {
            "curves": {"type": "array", "items": json_object(_CURVE)},
            "benchmarks": {"type": "array", "items": json_object(_BENCHMARK)},
        }
    ),
    "Error": json_object(
        {"error": TEXT},
        errors={
            "type": "object",
            "additionalProperties": TEXT,
            "description": "by field; of a bulk call by line.field",
        },
        run_id=nullable(TEXT),
    ),
    "RuleCheck": json_object(
        {
            "valid": {"type": "boolean"},
            "errors": {"type": "object", "additionalProperties": TEXT, "description": "by field; empty when valid"},
            "places": {
                "type": "object",
                "additionalProperties": json_object({"line": COUNT, "column": COUNT}),
                "description": "of the faults in the texts of FORMULA, from 1",
            },
            "inputs": nullable(
                {"type": "array", "items": TEXT, "description": "names that the texts leave open; null: unreadable"}
            ),
            "label": nullable(TEXT),
            "lookback_bars": nullable(COUNT),
            "warmup_bars": nullable(COUNT),
        }
    ),
    "Accepted": json_object({"run_id": TEXT, "status": _STATUS_WORD, "status_url": TEXT, "result_url": TEXT}),
    "Status": json_object(
        {"run_id": TEXT, "status": _STATUS_WORD, "attempt": {"type": "integer"}, **_RUN_TIMES},
        position=nullable(COUNT),
        error_type=nullable(TEXT),
        error_message=nullable(TEXT),
        waiting_since=_MOMENT,
        result_url=TEXT,
    ),
    "Lines": json_object(
        {
            "total": COUNT,
            "first": COUNT,
            "bars_per_point": COUNT,
            "lines": nullable(
                {
                    "type": "array",
                    "items": json_object(
                        {
                            "name": TEXT,
                            "pane": {"enum": ["price", "below"]},
                            "group": {"type": "string", "description": "lines of one group share a pane"},
                            "levels": {"type": "array", "items": {"type": "number"}},
                            "values": {"type": "array", "items": nullable({"type": "number"})},
                        }
                    ),
                }
            ),
        },
        note={"type": "string", "description": "why there are none"},
    ),
    "Explanation": json_object(
        {
            "bar": COUNT,
            "date": TEXT,
            "signal": {"enum": ["buy", "sell", "none"]},
            "sides": nullable(json_object(dict.fromkeys(("buy", "sell"), json_object({"met": _TRUTH, "words": TEXT})))),
            "conditions": {
                "type": "array",
                "items": json_object({"side": {"enum": ["buy", "sell"]}, "words": TEXT, "met": _TRUTH}, member=TEXT),
            },
            "account": {"type": "array", "items": TEXT},
            "sentence": TEXT,
        },
        note={"type": "string", "description": "why there are no sides"},
    ),
    "Audit": json_object(
        {
            "audit": {
                "type": "array",
                "items": json_object(
                    {
                        "id": COUNT,
                        "at": _MOMENT,
                        "actor": nullable(TEXT),
                        "address": TEXT,
                        "action": TEXT,
                        "subject": TEXT,
                        "status": COUNT,
                        "run_id": nullable(TEXT),
                        "batch_id": nullable(TEXT),
                    }
                ),
            },
            "next_after": nullable(COUNT),
        }
    ),
    "BatchRun": json_object(
        {
            "run_id": TEXT,
            "ticker": TEXT,
            "rule_type": TEXT,
            "params": {"type": "object"},
            "status": _STATUS_WORD,
            "attempt": {"type": "integer"},
            "metrics": nullable({"type": "object"}),
            "request_hash": TEXT,
            **_RUN_TIMES,
        },
        rule_id=nullable(TEXT),
        label=nullable(TEXT),
        error_type=nullable(TEXT),
        error_message=nullable(TEXT),
    ),
    "Bulk": json_object(
        {
            "batch_id": TEXT,
            "runs": COUNT,
            "new": COUNT,
            "status_url": TEXT,
            "existing": {"type": "object", "additionalProperties": COUNT},
            "run_ids": {"type": "array", "items": nullable(TEXT)},
            "on_other_prices": {**COUNT, "description": "runs that the batch had already, of other versions of prices"},
        }
    ),
    "Batch": json_object(
        {
            "batch_id": TEXT,
            "runs": COUNT,
            "created_at": _MOMENT,
            "completed_at": _MOMENT,
            "counts": _COUNTS,
            "cancelled": COUNT,
            "failures": {"type": "object", "additionalProperties": COUNT},
            "throughput_per_s": _SECONDS,
            "queue_wait_s": _SPREAD,
            "run_s": _SPREAD,
            "metric": TEXT,
            "note": TEXT,
            "goal": {"enum": ["max", "min"]},
            "constraints": {"type": "array", "items": TEXT},
            "leaderboard": {"type": "array", "items": ref("BatchRun")},
        }
    ),
    "Runs": json_object(
        {"runs": {"type": "array", "items": ref("ListedRun")}, "next": nullable(TEXT), "previous": nullable(TEXT)}
    ),
    "ListedRun": json_object(
        {
            **dict.fromkeys(("run_id", "ticker", "timeframe", "rule_type"), TEXT),
            **dict.fromkeys(("rule_id", "label", "batch_id", "error_type"), nullable(TEXT)),
            "status": _STATUS_WORD,
            "metrics": nullable({"type": "object", "additionalProperties": nullable({"type": "number"})}),
            **dict.fromkeys(("created_at", "started_at", "completed_at"), _MOMENT),
            **dict.fromkeys(("queue_wait_s", "run_s"), nullable({"type": "number"})),
        }
    ),
    "Batches": json_object({"batches": {"type": "array", "items": ref("ListedBatch")}, "next_after": nullable(COUNT)}),
    "ListedBatch": json_object(
        {
            "batch_id": TEXT,
            "runs": COUNT,
            "counts": _COUNTS,
            "cancelled": COUNT,
            "progress_pct": {"type": "number", "minimum": 0, "maximum": 100},
            "created_at": _MOMENT,
            "last_activity_at": _MOMENT,
            "first_run": _NAMED_RUN,
            "last_run": _NAMED_RUN,
        }
    ),
    "BatchPage": json_object(
        {"batch_id": TEXT, "runs": {"type": "array", "items": ref("BatchRun")}, "next_after": nullable(TEXT)}
    ),
    "Heatmap": json_object({"batch_id": TEXT, "metric": TEXT, "heatmap": nullable({"type": "object"})}),
    "StudyAccepted": json_object({"study_id": TEXT, "batch_id": TEXT, "status_url": TEXT, "page_url": TEXT}),
    "Studies": json_object({"studies": {"type": "array", "items": json_object(_STUDY)}, "next_after": nullable(COUNT)}),
    "Study": json_object(
        {
            **_STUDY,
            "batch_id": TEXT,
            "request": ref("StudyRequest"),
            "windows": {"type": "array", "items": {"type": "object"}},
            "runs": json_object({"training": COUNT, "test": COUNT}),
            "counts": nullable(_COUNTS),
            "choices": nullable({"type": "array", "items": {"type": "object"}}),
            "verdict": nullable({"type": "object"}),
        }
    ),
    "PriceSeries": json_object({"series": {"type": "array", "items": json_object(_VERSION)}}),
    "PriceVersions": json_object(
        {
            "ticker": TEXT,
            "timeframe": TEXT,
            "versions": {
                "type": "array",
                "items": json_object(_VERSION | {"runs": COUNT, "report": nullable({"type": "object"})}),
            },
        }
    ),
    "PriceReport": json_object(
        {
            "ticker": TEXT,
            "timeframe": TEXT,
            "outcome": {"enum": ["new", "changed", "unchanged"]},
            "stored": {"type": "boolean"},
            "data_hash": TEXT,
            "bars": COUNT,
            "first_bar": TEXT,
            "last_bar": TEXT,
            "added": COUNT,
            "revised": COUNT,
            "removed": COUNT,
            "done": {"type": "array", "items": TEXT},
            "warnings": {"type": "array", "items": {"type": "object"}},
        }
    ),
}
