"""The numbers that a run's page shows behind a chart are those that the Job's picture is drawn from."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from matplotlib.axes import Axes

from adapters.charts import render
from adapters.charts.data import ChartData
from consumer import draw_charts
from tests.web.conftest import RunMaker


def columns(client: FlaskClient, run_id: str, chart: str) -> dict[str, list[str]]:
    rows = csv.DictReader(io.StringIO(client.get(f"/result/{run_id}/tables/{chart}.csv").text))
    read = list(rows)
    return {name: [row[name] for row in read] for name in rows.fieldnames or ()}


def numbers(values: list[str]) -> list[float]:
    return [float(value) for value in values]


def lines(axes: Axes) -> dict[str, Any]:
    return {str(each.get_label()): np.asarray(each.get_ydata(), dtype=float) for each in axes.lines}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[ChartData]:
    """What each picture of the runs to come is drawn from."""
    seen: list[ChartData] = []
    monkeypatch.setattr(draw_charts, "render_charts", lambda data: seen.append(data) or {"equity_curve": b"png"})
    return seen


def test_lines_of_the_pictures_are_the_numbers_of_the_page(
    browser_client: FlaskClient, make_run: RunMaker, drawn: list[ChartData]
) -> None:
    run_id = make_run(charts=True, benchmark="IBM")
    (data,) = drawn
    equity, drawdown, growth = (
        lines(draw(data).axes[0]) for draw in (render.equity_curve, render.drawdown_curve, render.cumulative_return)
    )

    page = columns(browser_client, run_id, "equity_curve")
    assert equity["strategy"] == pytest.approx(numbers(page["equity"]), abs=0.01)
    assert equity["buy and hold"] == pytest.approx(numbers(page["buy and hold"]), abs=0.01)
    assert equity["IBM held"] == pytest.approx(numbers(page["IBM held"]), abs=0.01)
    below = numbers(columns(browser_client, run_id, "drawdown_curve")["drawdown %"])
    assert -drawdown["below the highest equity so far"] == pytest.approx(np.abs(below), abs=1e-4)
    page = columns(browser_client, run_id, "cumulative_return")
    assert (growth["strategy"] - 1) * 100 == pytest.approx(numbers(page["strategy %"]), abs=1e-4)
    held = [100_000 * (1 + change / 100) for change in numbers(page["IBM held %"])]
    assert equity["IBM held"] == pytest.approx(held, abs=0.01)
    assert (growth["buy and hold"] - 1) * 100 == pytest.approx(numbers(page["buy and hold %"]), abs=1e-4)


def test_marks_of_the_pictures_are_the_orders_and_trades_of_the_page(
    browser_client: FlaskClient, make_run: RunMaker, drawn: list[ChartData]
) -> None:
    run_id = make_run(charts=True)
    (data,) = drawn

    page = columns(browser_client, run_id, "portfolio_orders")
    listed = sorted(zip(page["side"], numbers(page["price"]), strict=True))
    marks = lines(render.portfolio_orders(data).axes[0])
    assert sorted((side, float(price)) for side in ("buy", "sell") for price in marks[side]) == listed
    shown = lines(render.trade_pnl(data).axes[0])
    points = np.concatenate([shown[label] for label in ("won", "lost", "still open") if label in shown])
    assert sorted(points) == pytest.approx(sorted(numbers(columns(browser_client, run_id, "trade_pnl")["return %"])))
    bars = columns(browser_client, run_id, "candlestick")
    for name in ("open", "high", "low", "close", "volume"):
        assert getattr(data, name) == pytest.approx(numbers(bars[name]))
