"""The answers of the HTTP API as JSON Schemas; those of the contract are made from its dataclasses instead."""

from typing import Any

from contracts.status import RunStatus
from contracts.study import StudyStatus

Json = dict[str, Any]
TEXT: Json = {"type": "string"}
NUMBER: Json = {"type": "number"}
WHOLE: Json = {"type": "integer"}
FLAG: Json = {"type": "boolean"}
OBJECT: Json = {"type": "object"}
TICKER = TEXT | {"pattern": "^[A-Za-z0-9.^=-]{1,15}$"}
COUNT = WHOLE | {"minimum": 0}


def json_object(required: Json, **optional: Any) -> Json:
    """An object that has all of `required`, and may have `optional`."""
    return OBJECT | {"properties": required | optional, "required": list(required)}


def only(described: Json) -> Json:
    """The same object with nothing else in it, as requests are."""
    return described | {"additionalProperties": False}


def array(items: Json) -> Json:
    return {"type": "array", "items": items}


def ref(name: str) -> Json:
    """One of the document's named schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _each(names: str, schema: Json) -> Json:
    """Fields that have the same schema."""
    return dict.fromkeys(names.split(), schema)


def _map(schema: Json, about: str = "") -> Json:
    return OBJECT | {"additionalProperties": schema} | ({"description": about} if about else {})


def _page(name: str, items: Json, cursor: Json = COUNT) -> Json:
    return json_object({name: array(items), "next_after": _or_null(cursor)})


_SIDE = {"enum": ["buy", "sell"]}
_GOAL = {"enum": ["max", "min"]}
_STATUS_WORD = {"enum": [status.public for status in RunStatus]}
_COUNTS = json_object({status.public: COUNT for status in RunStatus})
_NAMED_RUN = json_object(_each("run_id ticker rule_type", TEXT))
_SECONDS, _TEXT_OR_NULL, _COUNT_OR_NULL, _OBJECT_OR_NULL = map(_or_null, (NUMBER, TEXT, COUNT, OBJECT))
_TRUTH = _or_null(FLAG)  # null: a number in it has no value yet
_SPREAD = json_object(_each("average p50 p95 p99 max", _SECONDS))
_MOMENT = _or_null(TEXT | {"format": "date-time"})
_RUN_TIMES = _each("created_at started_at completed_at", _MOMENT) | _each("queue_wait_s run_s", _SECONDS)
_ERROR = _each("error_type error_message", _TEXT_OR_NULL)
_NUMBERS, _KNOWN = array(NUMBER), array(_or_null(NUMBER))
_TIMES = array(WHOLE) | {"description": "seconds since 1970, UTC"}
_VERSION = (
    _each("ticker timeframe data_hash first_bar last_bar", TEXT)
    | {"bars": COUNT, "bars_per_year": _COUNT_OR_NULL, "is_current": FLAG}
    | _each("source note loaded_by", _TEXT_OR_NULL)
    | {"loaded_at": _MOMENT}
)
_STUDY = (
    _each("study_id name kind ticker rule_type", TEXT)
    | {"status": {"enum": [status.public for status in StudyStatus]}}
    | {"outcome": _or_null({"enum": ["holds", "luck", "fails", "none"]}), "sentence": _TEXT_OR_NULL}
    | _each("created_at completed_at", _MOMENT)
)
_WINDOW = _each("total first bars_per_point", COUNT)
_BARS = _WINDOW | {"price_decimals": COUNT, "time": _TIMES} | _each("open high low close volume", _NUMBERS)
_ACCOUNT = _each("equity holding drawdown_pct position", _NUMBERS) | {
    "rolling_sharpe": _KNOWN,
    "benchmark": _or_null(TEXT | {"description": "the ticker that the run is held against"}),
    "benchmark_equity": _or_null(_KNOWN | {"description": "of holding it; null before its first bar"}),
    "trade_count": COUNT | {"description": "trades that were open on these bars"},
    "trades": array(OBJECT) | {"description": "they, or none of too many"},
}
_CURVE = (
    _each("run_id name", TEXT) | {"bars_per_point": COUNT, "time": _TIMES} | _each("growth_pct drawdown_pct", _NUMBERS)
)
_LINE = {
    "name": TEXT,
    "pane": {"enum": ["price", "below"]},
    "group": TEXT | {"description": "lines of one group share a pane"},
    "levels": _NUMBERS,
    "values": _KNOWN,
}
_DEED = {"id": COUNT, "at": _MOMENT, "actor": _TEXT_OR_NULL, **_each("address action subject", TEXT), "status": COUNT}

ANSWERS: dict[str, Json] = {
    "Bars": json_object(_BARS),
    "RunBars": json_object(
        _BARS | _ACCOUNT,
        trailing_stop=_KNOWN | {"description": "its level during the bar, of runs that asked for one"},
    ),
    "Curves": json_object(
        {
            "curves": array(json_object(_CURVE)),
            "benchmarks": array(json_object({"name": TEXT, "time": _TIMES, "growth_pct": _KNOWN})),
        }
    ),
    "Error": json_object(
        {"error": TEXT}, errors=_map(TEXT, "by field; of a bulk call by line.field"), run_id=_TEXT_OR_NULL
    ),
    "RuleCheck": json_object(
        {
            "valid": FLAG,
            "errors": _map(TEXT, "by field; empty when valid"),
            "places": _map(json_object(_each("line column", COUNT)), "of the faults in the texts of FORMULA, from 1"),
            "inputs": _or_null(array(TEXT) | {"description": "names that the texts leave open; null: unreadable"}),
            "label": _TEXT_OR_NULL,
            **_each("lookback_bars warmup_bars", _COUNT_OR_NULL),
        }
    ),
    "Accepted": json_object({"run_id": TEXT, "status": _STATUS_WORD, **_each("status_url result_url", TEXT)}),
    "Status": json_object(
        {"run_id": TEXT, "status": _STATUS_WORD, "attempt": WHOLE, **_RUN_TIMES},
        position=_COUNT_OR_NULL,
        **_ERROR,
        waiting_since=_MOMENT,
        result_url=TEXT,
    ),
    "Lines": json_object(
        _WINDOW | {"lines": _or_null(array(json_object(_LINE)))}, note=TEXT | {"description": "why there are none"}
    ),
    "Explanation": json_object(
        {
            "bar": COUNT,
            "date": TEXT,
            "signal": {"enum": ["buy", "sell", "none"]},
            "sides": _or_null(json_object(_each("buy sell", json_object({"met": _TRUTH, "words": TEXT})))),
            "conditions": array(json_object({"side": _SIDE, "words": TEXT, "met": _TRUTH}, member=TEXT)),
            "account": array(TEXT),
            "sentence": TEXT,
        },
        note=TEXT | {"description": "why there are no sides"},
    ),
    "Audit": _page("audit", json_object(_DEED | _each("run_id batch_id", _TEXT_OR_NULL))),
    "Strangers": json_object(
        {"strangers": array(json_object({"hour": TEXT, "kind": TEXT, "status": COUNT, "requests": COUNT}))}
    ),
    "BatchRun": json_object(
        _NAMED_RUN["properties"]
        | {"params": OBJECT, "status": _STATUS_WORD, "attempt": WHOLE, "metrics": _OBJECT_OR_NULL}
        | {"request_hash": TEXT, **_RUN_TIMES},
        **_each("rule_id label", _TEXT_OR_NULL),
        **_ERROR,
    ),
    "Bulk": json_object(
        {"batch_id": TEXT, **_each("runs new", COUNT), "status_url": TEXT}
        | {"existing": _map(COUNT), "run_ids": array(_TEXT_OR_NULL)}
        | {"on_other_prices": COUNT | {"description": "runs that the batch had already, of other versions of prices"}}
    ),
    "SweepAccepted": json_object(
        {"batch_id": TEXT, **_each("runs new on_other_prices", COUNT), "status_url": TEXT}
        | {"existing": _map(COUNT), "run_ids": array(_TEXT_OR_NULL)}
        | {"first_requests": array(OBJECT), "ranking": _OBJECT_OR_NULL}
    ),
    "Batch": json_object(
        {"batch_id": TEXT, "runs": COUNT, **_each("created_at completed_at", _MOMENT)}
        | {"counts": _COUNTS, "cancelled": COUNT, "failures": _map(COUNT), "throughput_per_s": _SECONDS}
        | {**_each("queue_wait_s run_s", _SPREAD), **_each("metric note", TEXT), "goal": _GOAL}
        | {"constraints": array(TEXT), "leaderboard": array(ref("BatchRun"))}
    ),
    "Runs": json_object({"runs": array(ref("ListedRun")), **_each("next previous", _TEXT_OR_NULL)}),
    "ListedRun": json_object(
        _each("run_id ticker timeframe rule_type", TEXT)
        | _each("rule_id label batch_id error_type", _TEXT_OR_NULL)
        | {"status": _STATUS_WORD, "metrics": _or_null(_map(_SECONDS)), **_RUN_TIMES}
    ),
    "Batches": _page("batches", ref("ListedBatch")),
    "ListedBatch": json_object(
        {"batch_id": TEXT, "runs": COUNT, "counts": _COUNTS, "cancelled": COUNT}
        | {"progress_pct": NUMBER | {"minimum": 0, "maximum": 100}}
        | _each("created_at last_activity_at", _MOMENT)
        | _each("first_run last_run", _NAMED_RUN)
    ),
    "BatchPage": json_object({"batch_id": TEXT} | _page("runs", ref("BatchRun"), TEXT)["properties"]),
    "Heatmap": json_object({**_each("batch_id metric", TEXT), "heatmap": _OBJECT_OR_NULL}),
    "ScreenAccepted": json_object(
        {"screen_id": TEXT, **_each("combinations jobs", COUNT), **_each("status_url result_url", TEXT)}
    ),
    "Screen": json_object(
        {"screen_id": TEXT, "name": _TEXT_OR_NULL, "status": _STATUS_WORD, "rule_type": TEXT, "tickers": array(TEXT)}
        | _each("combinations done", COUNT)
        | _ERROR
        | _each("created_at completed_at", _MOMENT)
        | {"metric": TEXT, "goal": _GOAL, "constraints": array(TEXT), "receipts": array(OBJECT)}
        | {"leaderboard": array(ref("ScreenRow"))}
    ),
    "ScreenBatch": json_object(
        {"batch_id": TEXT, **_each("runs new", COUNT), "run_ids": array(TEXT)} | _each("status_url result_url", TEXT)
    ),
    "ScreenRow": json_object(
        {"number": COUNT, "ticker": TEXT, "params": OBJECT, "metrics": _map(_SECONDS), "run_id": _TEXT_OR_NULL}
        | {"is_equal": _or_null(FLAG | {"description": "whether its run came to the same metrics"})}
    ),
    "StudyAccepted": json_object(_each("study_id batch_id status_url page_url", TEXT)),
    "Studies": _page("studies", json_object(_STUDY)),
    "Study": json_object(
        _STUDY
        | {"batch_id": TEXT, "request": ref("StudyRequest"), "windows": array(OBJECT)}
        | {"runs": json_object(_each("training test", COUNT)), "counts": _or_null(_COUNTS)}
        | {"choices": _or_null(array(OBJECT)), "verdict": _OBJECT_OR_NULL}
    ),
    "PriceSeries": json_object({"series": array(json_object(_VERSION))}),
    "PriceVersions": json_object(
        _each("ticker timeframe", TEXT)
        | {"versions": array(json_object(_VERSION | {"runs": COUNT, "report": _OBJECT_OR_NULL}))}
    ),
    "PriceReport": json_object(
        _each("ticker timeframe", TEXT)
        | {"outcome": {"enum": ["new", "changed", "unchanged"]}, "stored": FLAG, "data_hash": TEXT, "bars": COUNT}
        | _each("first_bar last_bar", TEXT)
        | _each("added revised removed", COUNT)
        | {"done": array(TEXT), "warnings": array(OBJECT)}
    ),
}
