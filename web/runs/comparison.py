"""Two to five completed runs side by side: equity, metrics, and what they were asked for differently."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from markupsafe import Markup
from sqlalchemy.engine import RowMapping

from adapters.results.curves import decode_equity
from adapters.results.flat_params import flat_params
from adapters.results.leaderboard import is_ruined
from adapters.results.metrics.entry import Metric
from adapters.results.metrics.table import METRICS
from adapters.store.database import reading
from adapters.store.run_list import runs_by_id
from contracts.errors import InvalidRequest, UnknownRun
from contracts.run_request import LABEL_FIELDS
from contracts.status import RunStatus
from rules.catalog import complete_params
from web.platform import platform
from web.svg_plot import Plot, drawn_twice

blueprint = Blueprint("comparison", __name__)

LEAST, MOST = 2, 5
PLOT_SIZE = (1400, 420)
NOT_COMPARED = LABEL_FIELDS | {"params"}
# What a run says of how it came about; shown where it is not the same in all runs.
RECEIPT = {"data_hash": "prices", "engine_version": "engine", "result_hash": "result"}


@dataclass(frozen=True, slots=True)
class Compared:
    """One run of a comparison, decoded."""

    row: RowMapping
    request: dict[str, Any]
    metrics: dict[str, Any]
    bars: list[str]
    growth: list[float]  # equity in percent of the initial capital


@dataclass(frozen=True, slots=True)
class MetricRow:
    """One metric of all runs, and which of them has the best value; None when none is better."""

    metric: Metric
    values: list[float | int | None]
    best: float | int | None


@blueprint.get("/compare")
def page() -> str:
    """The runs named by ?run=<run_id>&run=<run_id>…"""
    run_ids = _asked_ids(request.args.getlist("run"))
    with reading(platform().engine) as connection:
        rows = runs_by_id(connection, run_ids)
    _check(run_ids, rows)
    compared = [_compared(row) for row in rows]
    return render_template(
        "runs/compare.html",
        runs=compared,
        charts=drawn_twice(partial(growth_chart, compared), PLOT_SIZE),
        metrics=metric_rows(compared),
        differences=differences([each.request for each in compared]),
        receipts=_unequal([{words: each[name] for name, words in RECEIPT.items()} for each in rows]),
        prices_differ=_prices_differ(rows),
    )


def _asked_ids(texts: Sequence[str]) -> list[str]:
    run_ids = list(dict.fromkeys(texts))
    if not LEAST <= len(run_ids) <= MOST:
        raise InvalidRequest({"run": f"{len(run_ids)} runs are named; from {LEAST} to {MOST} can be compared"})
    for text in run_ids:
        try:
            UUID(text)
        except ValueError:
            raise InvalidRequest({"run": f"{text[:60]!r} is not the id of a run"}) from None
    return run_ids


def _check(run_ids: Sequence[str], rows: Sequence[RowMapping]) -> None:
    known = {row["run_id"]: row["status"] for row in rows}
    for run_id in run_ids:
        if run_id not in known:
            raise UnknownRun(f"no run has the id {run_id}")
        if known[run_id] != RunStatus.SUCCEEDED:
            state = RunStatus(known[run_id]).public
            raise InvalidRequest({"run": f"{run_id} is {state}; only completed runs can be compared"})


def _compared(row: RowMapping) -> Compared:
    asked = json.loads(row["request_json"])
    bars, equity = decode_equity(row["equity_curve_json"])
    growth = [value / asked["initial_capital"] * 100 for value in equity]
    return Compared(row, asked, json.loads(row["metrics_json"])["values"], bars, growth)


def growth_chart(compared: Sequence[Compared], size: tuple[int, int]) -> Markup:
    """Equity of all runs, each in percent of its own initial capital, over the dates of all of them."""
    dates = sorted({bar for each in compared for bar in each.bars})
    values = [value for each in compared for value in each.growth]
    plot = Plot(dates, min([*values, 100.0]), max([*values, 100.0]), size, "%")
    plot.level(100)
    for number, each in enumerate(compared, start=1):
        plot.line(_spread(each, dates), f"c{number}")
    ends = ", ".join(f"{each.row['ticker']} {each.row['rule_id']} ended at {each.growth[-1]:.1f}%" for each in compared)
    return plot.svg(f"Equity in percent of the initial capital: {ends}.")


def _spread(each: Compared, dates: Sequence[str]) -> list[float | None]:
    """A run's growth on all dates: its last value while it has none of its own, nothing outside its own dates."""
    own = dict(zip(each.bars, each.growth, strict=True))
    spread: list[float | None] = []
    for day in dates:
        inside = each.bars[0] <= day <= each.bars[-1]
        spread.append(own.get(day, spread[-1] if spread else None) if inside else None)
    return spread


def metric_rows(compared: Sequence[Compared]) -> list[MetricRow]:
    """Each metric that one of the runs has. The best is one that traded and was not ruined."""
    rows = []
    rivals = [each.metrics for each in compared if each.metrics.get("num_trades") and not is_ruined(each.metrics)]
    for metric in METRICS:
        values = [each.metrics.get(metric.name) for each in compared]
        if any(value is not None for value in values):
            rows.append(MetricRow(metric, values, _best(metric, [each.get(metric.name) for each in rivals])))
    return rows


def _best(metric: Metric, values: Sequence[float | int | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    if metric.better is None or len(set(known)) < 2:
        return None
    return max(known) if metric.better == "high" else min(known)


def differences(requests: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Fields and params, defaults included, whose values are not the same in all requests."""
    return _unequal([_flat(asked) for asked in requests])


def _flat(asked: dict[str, Any]) -> dict[str, Any]:
    params = flat_params(complete_params(asked["rule_type"], asked["params"]))
    fields = {name: value for name, value in asked.items() if name not in NOT_COMPARED}
    return fields | {f"params.{name}": value for name, value in params.items()}


def _unequal(runs: Sequence[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """The names whose values are not the same in all runs, with those values."""
    names = dict.fromkeys(name for each in runs for name in each)
    rows = [(name, [each.get(name) for each in runs]) for name in names]
    return [(name, values) for name, values in rows if any(value != values[0] for value in values)]


def _prices_differ(rows: Sequence[RowMapping]) -> list[str]:
    """Tickers whose runs saw different versions of the prices."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        hashes.setdefault((row["ticker"], row["timeframe"]), set()).add(row["data_hash"])
    return [ticker for (ticker, _), seen in hashes.items() if len(seen) > 1]
