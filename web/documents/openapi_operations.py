"""What is special about each operation of the HTTP API: its bodies, its query, its answers."""

from functools import cache
from typing import Any

from adapters.results.metrics.table import METRIC_NAMES
from rules.catalog import RULES
from web.arguments import MAX_DIGITS, MAX_KEY_LENGTH
from web.audit.pages import DEEDS, FILTERS, MOST_DEEDS
from web.documents.openapi_schemas import COUNT, TEXT, TICKER, json_object, only, ref
from web.runs.filters import BOUNDS, DEFAULT_LIMIT, MAX_LIMIT, SORTS, STATES
from web.runs.windows import DEFAULT_POINTS, MOST_POINTS


def _answer(name: str, what: str) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": ref(name)}}}


def fault(what: str) -> dict[str, Any]:
    """The answer to a wrong request."""
    return _answer("Error", what)


def _query(name: str, schema: dict[str, Any], what: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": what}


def _responses(code: str, name: str, what: str, **faults: str) -> dict[str, Any]:
    """Answers of an operation; `faults` are words by `f<code>`."""
    known = {each.removeprefix("f"): fault(words) for each, words in faults.items()}
    return {code: _answer(name, what), **known, "default": fault("what was wrong")}


WINDOW = [
    _query("from", COUNT, "number of the first bar, from 0"),
    _query("to", COUNT, "number of the bar after the last; the number of bars by default"),
    _query("max", {"type": "integer", "minimum": 1, "maximum": MOST_POINTS}, f"points; {DEFAULT_POINTS} by default"),
]

ASCII = {"type": "string", "pattern": "^[ -~]*$"}
HASH = {"type": "string", "pattern": "^[0-9A-Za-z]{0,64}$"}
POSITION = {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1}
UNCHECKED = {"description": "whatever it is, the answer says what is wrong with it"}
# with ~ in an order by a metric
CURSOR = {"type": "string", "pattern": rf"^[0-9]{{1,{MAX_DIGITS}}}(~-?[0-9][0-9.e+-]*)?$"}
RUN_ID = {"type": "string", "format": "uuid"}
NAME = {"type": "string", "minLength": 1, "maxLength": 64, "description": "printable"}
VERSION = {"type": "integer", "minimum": 1, "exclusiveMaximum": 2**31}


def _run_filters() -> list[dict[str, Any]]:
    """The query of the list of runs."""
    name, date = TEXT | {"maxLength": 64}, {"type": "string", "format": "date"}
    amount = {"type": "number", "minimum": -1e15, "maximum": 1e15}
    return [
        _query("ticker", TICKER, "in any case"),
        _query("rule", {"enum": list(RULES)}, "rule_type"),
        _query("name", name, "rule_id, such as RSI_14_30_70"),
        _query("status", {"enum": list(STATES)}, "failed without the cancelled ones"),
        *(_query(each, name, "the whole of it") for each in ("label", "batch")),
        _query("prices", HASH, "data_hash, the version of the prices that was read"),
        *(_query(each, date, "submitted, both days included") for each in ("from", "to")),
        *(_query(each, amount, "bound on a metric") for each in BOUNDS),
        _query("sort", {"enum": list(SORTS)}, "created by default; by a metric, runs without it are left out"),
        _query("order", {"enum": ["desc", "asc"]}, "desc by default"),
        _query("after", CURSOR, "next of the page before, in the same order"),
        _query("before", CURSOR, "previous of the page after, in the same order"),
        _query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}, f"{DEFAULT_LIMIT} by default"),
    ]


@cache
def details() -> dict[str, dict[str, Any]]:
    """What is special about an operation: bodies, query, answers."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH},
        "description": "printable; the same key makes no second run",
    }
    metric = _query("metric", {"enum": list(METRIC_NAMES)}, "to rank by; by default what the batch was submitted with")
    constraint = _query("constraint", TEXT, "what a ranked run keeps, such as num_trades >= 5")
    refused = {
        "f400": "every fault by field",
        "f413": "too large",
        "f415": "not JSON",
        "f429": "the queue is full, see Retry-After",
    }
    existed = _answer("Accepted", "this key, or this batch, has the run already")
    return {
        "POST /run_backtest": {
            "parameters": [key],
            "requestBody": _body({"application/json": ref("RunRequest")}),
            "responses": {
                "200": existed,
                **_responses("202", "Accepted", "recorded", **refused, f409="the key was used for another request"),
            },
        },
        "POST /api/runs/bulk": {
            "parameters": [
                key,
                _query("batch_id", {"type": "string", "maxLength": 64}, "the batch of all runs of this call"),
                _query("dry_run", {"enum": ["true", "false"]}, "say what would happen, record nothing"),
                metric,
                _query("goal", {"enum": ["max", "min"]}, "follows from the metric"),
                constraint,
            ],
            "requestBody": _body(
                {
                    "application/json": {"type": "array", "minItems": 1, "items": ref("RunRequest")},
                    "application/x-ndjson": ref("RunRequest"),
                }
            ),
            "responses": {
                "200": _answer("Bulk", "nothing was new, or a dry run"),
                **_responses("202", "Bulk", "recorded", **refused),
            },
        },
        "POST /api/rules/check": {
            "requestBody": _body({"application/json": only(json_object({"rule_type": UNCHECKED}, params=UNCHECKED))}),
            "responses": _responses("200", "RuleCheck", "whether a rule can be built so, or why not"),
        },
        "GET /api/runs": {
            "parameters": _run_filters(),
            "responses": _responses("200", "Runs", "runs by filter and order, a page at a time"),
        },
        "GET /status/{run_id}": {
            "responses": _responses(
                "200", "Status", "state and times; 304 while nothing has changed", f404="no such run"
            )
        },
        "GET /api/runs/{run_id}": {
            "responses": _responses("200", "RunResult", "everything about the run", f404="no such run")
        },
        "GET /api/runs/{run_id}/bars": {
            "parameters": WINDOW,
            "responses": _responses(
                "200", "RunBars", "the bars", f404="no such run, or its prices are gone", f409="it has not completed"
            ),
        },
        "GET /api/curves": {
            "parameters": [
                _query(
                    "run", {"type": "array", "items": RUN_ID, "minItems": 1, "maxItems": 10}, "run_id, once for each"
                )
                | {"required": True},
                _query("max", {"type": "integer", "minimum": 1, "maximum": 20_000}, "points of each; 4000 by default"),
            ],
            "responses": _responses("200", "Curves", "the curves", f400="not 1 to 10 completed", f404="no such run"),
        },
        "GET /api/prices/{ticker}/{timeframe}/bars": {
            "parameters": WINDOW,
            "responses": _responses("200", "Bars", "the bars", f404="no such series"),
        },
        "GET /api/runs/{run_id}/lines": {
            "parameters": WINDOW,
            "responses": _responses("200", "Lines", "the lines", f404="no such run", f409="it has not completed"),
        },
        "GET /api/runs/{run_id}/explanation": {
            "parameters": [_query("bar", COUNT, "number of a traded bar, from 0; the last one by default")],
            "responses": _responses(
                "200", "Explanation", "the bar in words", f404="no such run", f409="it has not completed"
            ),
        },
        "POST /api/runs/{run_id}/cancel": {
            "responses": {
                "200": {"description": "ended as failed (cancelled)"},
                **faults(f404="no such run", f409="it has ended already"),
            }
        },
        **{
            f"POST /api/runs/{{run_id}}/{word}": {
                "responses": {"200": {"description": "whether it is pinned"}, **faults(f404="no such run")}
            }
            for word in ("pin", "unpin")
        },
        "POST /api/runs/{run_id}/retry": {
            "responses": _responses("202", "Accepted", "waits again", f404="no such run", f409="it has not failed")
        },
        "POST /api/runs/{run_id}/reproduce": {
            "parameters": [key],
            "responses": {
                "200": _answer("Accepted", "this key has made its run already"),
                **_responses(
                    "202", "Accepted", "the same request as a new run", f404="no such run", f429="the queue is full"
                ),
            },
        },
        "GET /api/audit": {
            "parameters": [
                *(_query(name, ASCII | {"maxLength": most}, "only of this one") for name, most in FILTERS.items()),
                _query("status", {"type": "integer", "minimum": 100, "maximum": 599}, "of the answer"),
                _query("after", POSITION, "next_after of the page before"),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": MOST_DEEDS}, f"{DEEDS} by default"),
            ],
            "responses": _responses("200", "Audit", "changes, logins and refusals, latest first", f403="not an admin"),
        },
        "GET /result/{run_id}/charts/{name}.png": {
            "responses": {
                "200": {"description": "the picture", "content": {"image/png": {}}},
                **faults(f404="no such run or chart"),
            }
        },
        "GET /api/batches": {
            "parameters": [
                _query("after", POSITION, "next_after of the page before"),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "25 by default"),
            ],
            "responses": _responses("200", "Batches", "batches, newest first, a page at a time"),
        },
        "GET /api/batches/{batch_id}": {
            "parameters": [
                metric,
                _query("goal", {"enum": ["max", "min"]}, "follows from the metric"),
                constraint,
                _query("top", {"type": "integer", "minimum": 0, "maximum": 1000}, "ranks; 10 by default"),
            ],
            "responses": _responses("200", "Batch", "counts, times, leaderboard", f404="no such batch"),
        },
        "GET /api/batches/{batch_id}/runs": {
            "parameters": [
                _query("after", HASH, "next_after of the page before"),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": 2000}, "1000 by default"),
            ],
            "responses": _responses("200", "BatchPage", "runs, a page at a time", f404="no such batch"),
        },
        "GET /api/batches/{batch_id}/heatmap": {
            "parameters": [
                metric,
                constraint,
                *(_query(axis, TEXT, "a parameter") for axis in ("x", "y")),
                _query("ticker", TICKER, "of this ticker only"),
            ],
            "responses": _responses("200", "Heatmap", "the metric over two parameters", f404="no such batch"),
        },
        "POST /api/batches/{batch_id}/retry": {
            "parameters": [_query("cancelled", {"enum": ["true", "false"]}, "the cancelled runs too")],
            "responses": {
                "200": {"description": "nothing to retry"},
                "202": {"description": "wait again"},
                **faults(f404="no such batch"),
            },
        },
        "POST /api/studies": {
            "parameters": [key, _query("dry_run", {"enum": ["true", "false"]}, "say what it costs, record nothing")],
            "requestBody": _body({"application/json": ref("StudyRequest")}),
            "responses": {
                "200": {"description": "a dry run, or this key has its study already"},
                **_responses("202", "StudyAccepted", "recorded; it runs by itself", **refused),
            },
        },
        "GET /api/studies": {
            "parameters": [
                _query("after", POSITION, "next_after of the page before"),
                _query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "25 by default"),
            ],
            "responses": _responses("200", "Studies", "studies, newest first, a page at a time"),
        },
        "GET /api/studies/{study_id}": {
            "responses": _responses("200", "Study", "plan, progress, choices, verdict", f404="no such study")
        },
        "POST /api/studies/{study_id}/cancel": {
            "responses": {
                "200": {"description": "ended without a verdict, its runs with it"},
                **faults(f404="no such study", f409="it has ended already"),
            }
        },
        "POST /api/strategies": {
            "requestBody": _body({"application/json": only(json_object({"name": NAME, "request": ref("RunRequest")}))}),
            "responses": {
                "201": {"description": "saved"},
                **faults(f400="every fault by field", f409="the name is taken"),
            },
        },
        "PUT /api/strategies/{preset_id}": {
            "requestBody": _body(
                {"application/json": only(json_object({"version": VERSION, "request": ref("RunRequest")}))}
            ),
            "responses": {
                "200": {"description": "saved as the next version"},
                **faults(f400="every fault by field", f404="no such preset", f409="there is a later version"),
            },
        },
        "DELETE /api/strategies/{preset_id}": {
            "responses": {"204": {"description": "deleted"}, **faults(f404="no such preset")}
        },
        "PUT /api/prices/{ticker}/{timeframe}": {
            "parameters": [
                _query("dry_run", {"enum": ["true", "false"]}, "report on the file, store nothing"),
                _query(
                    "adjust", {"enum": ["true", "false"]}, "multiply whole bars by Adj Close / Close; true by default"
                ),
                _query("timezone", TEXT, "of times without an offset, such as America/New_York"),
                _query("source", {"type": "string", "maxLength": 255}, "where the file is from; kept with the version"),
                _query("note", {"type": "string", "maxLength": 255}, "kept with the version"),
            ],
            "requestBody": _body(
                {kind: {"type": "string", "format": "binary"} for kind in ("text/csv", "application/gzip")}
            ),
            "responses": {
                "200": _answer("PriceReport", "a dry run, or nothing was new"),
                **_responses("201", "PriceReport", "loaded", f400="every fault by line", f413="too large"),
            },
        },
        "GET /api/prices": {"responses": _responses("200", "PriceSeries", "the current version of every series")},
        "GET /api/prices/{ticker}/{timeframe}": {
            "responses": _responses("200", "PriceVersions", "the versions, latest first", f404="no such series")
        },
        "GET /api/prices/{ticker}/{timeframe}/{data_hash}.csv": {
            "responses": {
                "200": {"description": "the bars", "content": {"text/csv": {"schema": TEXT}}},
                **faults(f404="no such version"),
            }
        },
        "DELETE /api/prices/{ticker}/{timeframe}/{data_hash}": {
            "responses": {
                "204": {"description": "deleted"},
                **faults(f404="no such version", f409="it is the current one, or runs refer to it"),
            }
        },
        "GET /ready": {
            "responses": {
                "200": {"description": "runs are accepted"},
                "503": {"description": "the database is away"},
                "default": fault("what was wrong"),
            }
        },
    }


def _body(schemas: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {kind: {"schema": schema} for kind, schema in schemas.items()}}


def faults(**words: str) -> dict[str, Any]:
    """Wrong requests by `f<code>`, and the default."""
    return {
        **{code.removeprefix("f"): fault(text) for code, text in words.items()},
        "default": fault("what was wrong"),
    }
