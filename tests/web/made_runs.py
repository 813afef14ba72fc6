"""Runs in any state, created with the platform's own functions."""

from typing import Any

from flask import Flask

from adapters.queue.messages import Attempt
from adapters.runs.states import claim, fail, finish
from consumer.job.task import evaluator_of
from consumer.kinds.backtest import backtest
from consumer.kinds.draw_charts import draw_charts
from contracts.status import ErrorType
from tests.services.prices import run_prices
from web.app import Platform

REQUEST = {
    "ticker": "AAPL",
    "rule_type": "RSI",
    "params": {"period": 14, "oversold": 30, "overbought": 70},
    "start_date": "2005-01-03",
    "end_date": "2009-12-31",
    "charts": False,
}


def make(
    app: Flask, state: str, fields: dict[str, Any], error_type: ErrorType = ErrorType.ENGINE_ERROR
) -> str:
    """The run_id of a run that is pending, running, completed, or failed because of `error_type`."""
    answer = app.test_client().post("/run_backtest", json=REQUEST | fields)
    assert answer.status_code == 202, answer.get_data(as_text=True)
    run_id: str = answer.get_json()["run_id"]
    platform: Platform = app.extensions["platform"]
    if state == "pending":
        return run_id
    with platform.engine.begin() as connection:
        lease = claim(connection, Attempt(run_id, 1), "token", 60.0, "test")
    if state == "running":
        return run_id
    with platform.engine.begin() as connection:
        if state == "failed":
            fail(connection, lease, error_type, "division by <zero>")
        else:
            with evaluator_of(lease, platform.settings) as evaluator:
                outcome = backtest(
                    lease.request,
                    run_prices(connection, lease.request),
                    keeps_lines=lease.keeps_lines,
                    evaluator=evaluator,
                )
            finish(connection, lease, outcome.columns, outcome.lines, outcome.failed_metrics)
    if lease.request.charts and state == "completed":
        draw_charts(platform.engine, run_id)
    return run_id
