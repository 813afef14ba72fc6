"""The numbers that a run's page shows behind a chart are those that the Job's picture is drawn from."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from matplotlib.axes import Axes

from adapters.charts import render
from adapters.runs.series import RunBars
from consumer.kinds import draw_charts
from tests.web.conftest import RunMaker


def columns(client: FlaskClient, run_id: str, name: str) -> dict[str, list[str]]:
    rows = csv.DictReader(io.StringIO(client.get(f"/result/{run_id}/{name}.csv").text))
    read = list(rows)
    return {name: [row[name] for row in read] for name in rows.fieldnames or ()}


def numbers(values: list[str]) -> list[float]:
    return [float(value) for value in values]


def lines(axes: Axes) -> dict[str, Any]:
    return {
        str(each.get_label()): np.asarray(each.get_ydata(), dtype=float) for each in axes.lines
    }


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[RunBars]:
    """Bars that each chart of the following runs is drawn from."""
    seen: list[RunBars] = []
    monkeypatch.setattr(
        draw_charts, "render_charts", lambda data: seen.append(data) or {"equity_curve": b"png"}
    )
    return seen


def test_lines_of_the_pictures_are_the_numbers_of_the_page(
    browser_client: FlaskClient, make_run: RunMaker, drawn: list[RunBars]
) -> None:
    run_id = make_run(charts=True, benchmark="IBM")
    (data,) = drawn
    equity, drawdown, growth = (
        lines(draw(data).axes[0])
        for draw in (render.equity_curve, render.drawdown_curve, render.cumulative_return)
    )

    page = columns(browser_client, run_id, "bars")
    assert equity["strategy"] == pytest.approx(numbers(page["equity"]), abs=0.01)
    assert equity["buy and hold"] == pytest.approx(numbers(page["buy and hold"]), abs=0.01)
    assert equity["IBM buy and hold"] == pytest.approx(
        numbers(page["IBM buy and hold"]), abs=0.01
    )
    below = numbers(page["drawdown %"])
    assert -drawdown["below the highest equity so far"] == pytest.approx(np.abs(below), abs=1e-4)
    for title, column in (("strategy", "equity"), ("buy and hold", "buy and hold")):
        assert growth[title] * 100_000 == pytest.approx(numbers(page[column]), abs=0.01)


def test_marks_of_the_pictures_are_the_orders_and_trades_of_the_page(
    browser_client: FlaskClient, make_run: RunMaker, drawn: list[RunBars]
) -> None:
    run_id = make_run(charts=True)
    (data,) = drawn

    page = columns(browser_client, run_id, "trades")
    sides = {"entry": ("buy", "sell"), "exit": ("sell", "buy")}
    listed = sorted(
        (sides[end][side == "SELL"], float(price))
        for end in sides
        for side, price, is_open in zip(
            page["side"], page[f"{end}_price"], page["is_open"], strict=True
        )
        if end == "entry" or is_open == "False"
    )
    marks = lines(render.portfolio_orders(data).axes[0])
    assert (
        sorted((side, float(price)) for side in ("buy", "sell") for price in marks[side])
        == listed
    )
    drawn_points = lines(render.trade_pnl(data).axes[0])
    points = np.concatenate(
        [drawn_points[label] for label in ("won", "lost", "still open") if label in drawn_points]
    )
    assert sorted(points) == pytest.approx(sorted(numbers(page["pnl_pct"])))
    bars = columns(browser_client, run_id, "bars")
    for name, drawn_from in data.bars.columns.items():
        assert drawn_from == pytest.approx(numbers(bars[name.lower()]))
