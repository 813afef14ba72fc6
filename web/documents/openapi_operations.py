"""What is special about each operation of the HTTP API: its answers, its query, its body."""

import re
from typing import Any

from adapters.metrics.table import METRIC_NAMES
from rules.catalog import RULES
from web.access.audit import DEEDS, FILTERS, MOST_DEEDS
from web.arguments import MAX_DIGITS, MAX_KEY_LENGTH
from web.batches.api import MAX_PAGE, MAX_TOP
from web.charts.windows import DEFAULT_POINTS, MOST_POINTS
from web.documents.openapi_schemas import COUNT, TEXT, TICKER, WHOLE, array, json_object, only, ref
from web.runs.filters import BOUNDS, DEFAULT_LIMIT, MAX_LIMIT, SORTS, STATES

Json = dict[str, Any]
DEFAULT = "default what was wrong"  # the answer that every operation has
_ANSWER = re.compile(r"(?P<code>\w+) (?:(?P<kind>[A-Z]\w+|\w+/\w+): )?(?P<words>.*)")


def answers(*told: str) -> Json:
    """Responses by code, each told as `200 Status: words`; the kind is a schema or a media type, of faults Error."""
    found = {}
    for code, kind, words in (_ANSWER.fullmatch(each).groups() for each in (*told, DEFAULT)):  # type: ignore[union-attr]
        kind = kind or ("Error" if code == "default" or code >= "400" else None)
        found[code] = {"description": words} | ({"content": _content(kind)} if kind else {})
    return found


def _content(kind: str) -> Json:
    if "/" in kind:
        return {kind: {"schema": TEXT} if kind.startswith("text/") else {}}
    return {"application/json": {"schema": ref(kind)}}


def _told(*told: str, asked: list[Json] | None = None, body: Json | None = None) -> Json:
    """An operation with its answers, its parameters beside those of the path, and its body by media type."""
    content = {"content": {kind: {"schema": schema} for kind, schema in (body or {}).items()}}
    sent = {"requestBody": {"required": True, **content}} if body else {}
    return {"parameters": asked or [], "responses": answers(*told), **sent}


def _json(schema: Json) -> Json:
    return {"application/json": schema}


def _query(name: str, schema: Json, what: str) -> Json:
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": what}


def _between(least: int, most: int) -> Json:
    return WHOLE | {"minimum": least, "maximum": most}


def _words(most: int) -> Json:
    return TEXT | {"maxLength": most}


def _limit(most: int, default: int) -> Json:
    return _query("limit", _between(1, most), f"{default} by default")


ASCII = {"type": "string", "pattern": "^[ -~]*$"}
HASH = {"type": "string", "pattern": "^[0-9A-Za-z]{0,64}$"}
TRUTH = {"enum": ["true", "false"]}
UNCHECKED = {"description": "whatever it is, the answer says what is wrong with it"}
# with ~ in an order by a metric
CURSOR = {"type": "string", "pattern": rf"^[0-9]{{1,{MAX_DIGITS}}}(~-?[0-9][0-9.e+-]*)?$"}
RUN_ID = {"type": "string", "format": "uuid"}
NAME = {"type": "string", "minLength": 1, "maxLength": 64, "description": "printable"}

WINDOW = [
    _query("from", COUNT, "number of the first bar, from 0"),
    _query("to", COUNT, "number of the bar after the last; the number of bars by default"),
    _query("max", _between(1, MOST_POINTS), f"points; {DEFAULT_POINTS} by default"),
]
RUN_FILTERS = [
    _query("ticker", TICKER, "in any case"),
    _query("rule", {"enum": list(RULES)}, "rule_type"),
    _query("name", _words(64), "rule_id, such as RSI_14_30_70"),
    _query("status", {"enum": list(STATES)}, "failed without the cancelled ones"),
    *(_query(each, _words(64), "the whole of it") for each in ("label", "batch")),
    _query("prices", HASH, "data_hash, the version of the prices that was read"),
    *(_query(each, TEXT | {"format": "date"}, "submitted, both days included") for each in ("from", "to")),
    *(_query(each, {"type": "number", "minimum": -1e15, "maximum": 1e15}, "bound on a metric") for each in BOUNDS),
    _query("sort", {"enum": list(SORTS)}, "created by default; by a metric, runs without it are left out"),
    _query("order", {"enum": ["desc", "asc"]}, "desc by default"),
    _query("after", CURSOR, "next of the page before, in the same order"),
    _query("before", CURSOR, "previous of the page after, in the same order"),
    _limit(MAX_LIMIT, DEFAULT_LIMIT),
]
AUDIT_FILTERS = [
    *(_query(name, ASCII | {"maxLength": most}, "only of this one") for name, most in FILTERS.items()),
    _query("status", _between(100, 599), "of the answer"),
]
LIMIT = _limit(100, 25)
AFTER = _query("after", _between(0, 10**MAX_DIGITS - 1), "next_after of the page before")
METRIC = _query("metric", {"enum": list(METRIC_NAMES)}, "to rank by; by default what the batch was submitted with")
GOAL = _query("goal", {"enum": ["max", "min"]}, "follows from the metric")
CONSTRAINT = _query("constraint", TEXT, "what a ranked run keeps, such as num_trades >= 5")
DRY_RUN = _query("dry_run", TRUTH, "say what would happen, record nothing")
_KEY = _words(MAX_KEY_LENGTH) | {"minLength": 1}
KEY = _query("Idempotency-Key", _KEY, "printable; the same key makes no second run") | {"in": "header"}
BATCH = _query("batch_id", _words(64), "the batch of all runs of this call")
RUNS = _query("run", array(RUN_ID) | {"minItems": 1, "maxItems": 10}, "run_id, once for each") | {"required": True}

NO_RUN, NO_BATCH, NO_STUDY = "404 no such run", "404 no such batch", "404 no such study"
NO_SERIES, NO_VERSION, NO_PRESET = "404 no such series", "404 no such version", "404 no such preset"
FAULTS, UNFINISHED, ENDED = "400 every fault by field", "409 it has not completed", "409 it has ended already"
REFUSED = (FAULTS, "413 too large", "415 not JSON", "429 the queue is full, see Retry-After")

OPERATIONS: dict[str, Json] = {
    "POST /run_backtest": _told(
        "200 Accepted: this key, or this batch, has the run already",
        "202 Accepted: recorded",
        "409 the key was used for another request",
        *REFUSED,
        asked=[KEY],
        body=_json(ref("RunRequest")),
    ),
    "POST /api/runs/bulk": _told(
        "200 Bulk: nothing was new, or a dry run",
        "202 Bulk: recorded",
        *REFUSED,
        asked=[KEY, BATCH, DRY_RUN, METRIC, GOAL, CONSTRAINT],
        body=_json(array(ref("RunRequest")) | {"minItems": 1}) | {"application/x-ndjson": ref("RunRequest")},
    ),
    "POST /api/batches": _told(
        "200 SweepAccepted: nothing was new, or a dry run",
        "202 SweepAccepted: recorded",
        *REFUSED,
        asked=[KEY, BATCH, DRY_RUN],
        body=_json(ref("SweepSpec")),
    ),
    "POST /api/rules/check": _told(
        "200 RuleCheck: whether a rule can be built so, or why not",
        body=_json(only(json_object({"rule_type": UNCHECKED}, params=UNCHECKED))),
    ),
    "GET /api/runs": _told("200 Runs: runs by filter and order, a page at a time", asked=RUN_FILTERS),
    "GET /status/{run_id}": _told("200 Status: state and times; 304 while nothing has changed", NO_RUN),
    "GET /api/runs/{run_id}": _told("200 RunResult: everything about the run", NO_RUN),
    "GET /api/runs/{run_id}/bars": _told(
        "200 RunBars: the bars", "404 no such run, or its prices are gone", UNFINISHED, asked=WINDOW
    ),
    "GET /api/curves": _told(
        "200 Curves: the curves",
        "400 not 1 to 10 completed",
        NO_RUN,
        asked=[RUNS, _query("max", _between(1, 20_000), "points of each; 4000 by default")],
    ),
    "GET /api/prices/{ticker}/{timeframe}/bars": _told("200 Bars: the bars", NO_SERIES, asked=WINDOW),
    "GET /api/runs/{run_id}/lines": _told("200 Lines: the lines", NO_RUN, UNFINISHED, asked=WINDOW),
    "GET /api/runs/{run_id}/explanation": _told(
        "200 Explanation: the bar in words",
        NO_RUN,
        UNFINISHED,
        asked=[_query("bar", COUNT, "number of a traded bar, from 0; the last one by default")],
    ),
    "POST /api/runs/{run_id}/cancel": _told("200 ended as failed (cancelled)", NO_RUN, ENDED),
    "POST /api/runs/{run_id}/pin": _told("200 whether it is pinned", NO_RUN),
    "POST /api/runs/{run_id}/unpin": _told("200 whether it is pinned", NO_RUN),
    "POST /api/runs/{run_id}/retry": _told("202 Accepted: waits again", NO_RUN, "409 it has not failed"),
    "POST /api/runs/{run_id}/reproduce": _told(
        "200 Accepted: this key has made its run already",
        "202 Accepted: the same request as a new run",
        NO_RUN,
        "429 the queue is full",
        asked=[KEY],
    ),
    "GET /api/audit": _told(
        "200 Audit: changes, logins and refusals, latest first",
        "403 not an admin",
        asked=[
            *AUDIT_FILTERS,
            AFTER,
            _limit(MOST_DEEDS, DEEDS),
        ],
    ),
    "GET /api/audit.csv": _told(
        "200 text/csv: all of them, latest first", "403 not an admin", asked=[*AUDIT_FILTERS, AFTER]
    ),
    "GET /api/audit/strangers": _told(
        "200 Strangers: requests by hour, kind and status", "403 not an admin", asked=[_limit(MOST_DEEDS, DEEDS)]
    ),
    "GET /result/{run_id}/charts/{name}.png": _told("200 image/png: the picture", "404 no such run or chart"),
    "GET /api/batches": _told("200 Batches: batches, newest first, a page at a time", asked=[AFTER, LIMIT]),
    "GET /api/batches/{batch_id}": _told(
        "200 Batch: counts, times, leaderboard",
        NO_BATCH,
        asked=[METRIC, GOAL, CONSTRAINT, _query("top", _between(0, MAX_TOP), "ranks; 10 by default")],
    ),
    "GET /api/batches/{batch_id}/runs": _told(
        "200 BatchPage: runs, a page at a time", NO_BATCH, asked=[AFTER | {"schema": HASH}, _limit(MAX_PAGE, 1000)]
    ),
    "GET /api/batches/{batch_id}/heatmap": _told(
        "200 Heatmap: the metric over two parameters",
        NO_BATCH,
        asked=[
            METRIC,
            CONSTRAINT,
            *(_query(axis, TEXT, "a parameter") for axis in ("x", "y")),
            _query("ticker", TICKER, "of this ticker only"),
        ],
    ),
    "POST /api/batches/{batch_id}/retry": _told(
        "200 nothing to retry", "202 wait again", NO_BATCH, asked=[_query("cancelled", TRUTH, "the cancelled runs too")]
    ),
    "POST /api/studies": _told(
        "200 a dry run, or this key has its study already",
        "202 StudyAccepted: recorded; it runs by itself",
        *REFUSED,
        asked=[KEY, DRY_RUN | {"description": "say what it costs, record nothing"}],
        body=_json({"anyOf": [ref("StudyRequest"), ref("SweepSpec")]}),
    ),
    "GET /api/studies": _told("200 Studies: studies, newest first, a page at a time", asked=[AFTER, LIMIT]),
    "GET /api/studies/{study_id}": _told("200 Study: plan, progress, choices, verdict", NO_STUDY),
    "POST /api/studies/{study_id}/cancel": _told("200 ended without a verdict, its runs with it", NO_STUDY, ENDED),
    "POST /api/studies/{study_id}/judge": _told(
        "202 judged again; until then it keeps its verdict", NO_STUDY, "409 not completed, or its runs were deleted"
    ),
    "POST /api/strategies": _told(
        "201 saved",
        FAULTS,
        "409 the name is taken",
        body=_json(only(json_object({"name": NAME, "request": ref("RunRequest")}))),
    ),
    "PUT /api/strategies/{preset_id}": _told(
        "200 saved",
        FAULTS,
        NO_PRESET,
        body=_json(only(json_object({"request": ref("RunRequest")}))),
    ),
    "DELETE /api/strategies/{preset_id}": _told("204 deleted", NO_PRESET),
    "PUT /api/prices/{ticker}/{timeframe}": _told(
        "200 PriceReport: a dry run, or nothing was new",
        "201 PriceReport: loaded",
        "400 every fault by line",
        "413 too large",
        asked=[
            DRY_RUN | {"description": "report on the file, store nothing"},
            _query("adjust", TRUTH, "multiply whole bars by Adj Close / Close; true by default"),
            _query("timezone", TEXT, "of times without an offset, such as America/New_York"),
            _query("source", _words(255), "where the file is from; kept with the version"),
            _query("note", _words(255), "kept with the version"),
        ],
        body=dict.fromkeys(("text/csv", "application/gzip"), {"type": "string", "format": "binary"}),
    ),
    "GET /api/prices": _told("200 PriceSeries: the current version of every series"),
    "GET /api/prices/{ticker}/{timeframe}": _told("200 PriceVersions: the versions, latest first", NO_SERIES),
    "GET /api/prices/{ticker}/{timeframe}/{data_hash}.csv": _told("200 text/csv: the bars", NO_VERSION),
    "DELETE /api/prices/{ticker}/{timeframe}/{data_hash}": _told(
        "204 deleted", NO_VERSION, "409 it is the current one, or runs refer to it"
    ),
    "GET /ready": {
        "responses": answers("200 runs are accepted") | {"503": {"description": "the database is away"}},
    },
}
