"""Requests made at random from the OpenAPI document are answered as it says: neither side knows more than the other."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, Phase, assume, given, settings

from tests.services.redis_server import RedisServer
from tests.services.web_app import run_values, sweep_values, web_app

EXAMPLES = 3  # of each kind and operation, so that all of them take a minute at most
# rules that no schema expresses: the ticker exists, it has prices between the dates, one batch a bulk call, the
# fast average is faster than the slow one, and no tag has a comma in it
SENSIBLE = {
    "ticker": "AAPL",
    "timeframe": "1d",
    "start_date": "2004-01-01",
    "end_date": "2005-01-01",
}
SENSIBLE |= {"batch_id": None, "data_hash": None, "benchmark": None}
SENSIBLE_IF_GIVEN = {
    "fast": 2,
    "slow": 300,
    "tags": ["trend"],
    "add": ["trend"],
    "remove": ["trend"],
}
SENSIBLE_WORDS = {"batch_id": "c", "constraint": "sharpe_ratio > 0", "Idempotency-Key": "k"}
# a cursor belongs to an order
OF_RUNS = {
    "sort": "created",
    "after": "2",
    "before": "2",
    "name": "RSI_14",
    "label": "l",
    "batch": "b",
}
# bodies that a schema does not describe well enough: a CSV file, a plan whose windows must fit into the prices, legs
# that must differ and overlap, and a sweep, whose base and parameters are checked as those of its runs
UNDESCRIBED = {"PUT /api/prices/{ticker}/{timeframe}"}
UNDESCRIBED |= {f"POST /api/{plans}" for plans in ("studies", "batches", "screens", "portfolios")}
UNDESCRIBED |= {"POST /api/portfolios/batch", "POST /api/portfolios/study"}


@pytest.fixture
def described_app(sqlite_url: str, redis_server: RedisServer) -> Iterator[Flask]:
    """A platform that answers whoever asks, with a few runs."""
    with web_app(
        {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_server.url, "OPEN_ACCESS": "true"}
    ) as app:
        client = app.test_client()
        client.post("/run_backtest", json=run_values())
        client.post("/api/runs/bulk?batch_id=b", json=sweep_values(3))
        yield app


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_random_requests_are_answered_as_the_document_says(described_app: Flask) -> None:
    # here, since every test process collects this file and the import takes a second
    import schemathesis
    from schemathesis import GenerationMode

    faults: dict[str, str] = {}
    for each in schemathesis.openapi.from_wsgi(
        "/api/openapi.json", described_app
    ).get_all_operations():
        for mode in GenerationMode:
            is_sensible = mode is GenerationMode.POSITIVE
            if is_sensible or each.ok().body or each.ok().query:
                _ask(each.ok(), each.ok().as_strategy(generation_mode=mode), is_sensible, faults)

    assert not faults, "\n\n".join(f"{kind}: {fault}" for kind, fault in faults.items())


def _ask(operation: Any, cases: Any, is_sensible: bool, faults: dict[str, str]) -> None:
    """Ask for one operation in many ways, and keep one fault of each kind."""
    from schemathesis import Case
    from schemathesis.checks import not_a_server_error
    from schemathesis.core.failures import FailureGroup

    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=cases)
    def ask(case: Case) -> None:
        # the same as no value
        assume(all(value not in ({}, [], "") for value in (case.query or {}).values()))
        if is_sensible:
            _make_sensible(case)
        checks = [not_a_server_error] if operation.label in UNDESCRIBED else None
        try:
            answer = case.call(headers={"Accept-Encoding": "identity"})
            case.validate_response(answer, checks=checks)
        except FailureGroup as group:
            for fault in group.exceptions:
                kind = f"{operation.label} {'sensible' if is_sensible else 'any'} {type(fault).__name__}"
                faults.setdefault(
                    kind, f"{fault} {case.query} {case.body!r}: {answer.text[:500]}"
                )

    ask()


def _make_sensible(case: Any) -> None:
    case.body = _sensible(case.body)
    sensible = SENSIBLE_WORDS | (OF_RUNS if case.operation.label == "GET /api/runs" else {})
    for sent in (case.query, case.headers):
        for name in sensible.keys() & (sent or {}).keys():
            sent[name] = sensible[name]


def _sensible(value: Any) -> Any:
    if isinstance(value, list):
        return [_sensible(each) for each in value]
    if isinstance(value, dict):
        sensible = SENSIBLE if "ticker" in value else {}
        replaced = {name: word for name, word in SENSIBLE_IF_GIVEN.items() if name in value}
        return {name: _sensible(each) for name, each in value.items()} | sensible | replaced
    if isinstance(value, float) and value.is_integer():
        # JSON Schema does not tell 14.0 from 14; the platform does, as the document says
        return int(value)
    if isinstance(value, str):
        return "".join(filter(str.isprintable, value)).strip() or "x"
    return value
