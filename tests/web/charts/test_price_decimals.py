"""Prices of a currency, whose fifth decimal is money, are told in full."""

import csv
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import RunMaker

START = date(2023, 1, 2)
# up and down within a cent
CLOSES = [1.03456 + (bar % 9 - 4) ** 2 / 10_000 + bar / 50_000 for bar in range(120)]
RUN: dict[str, Any] = {
    "ticker": "EURUSD=X", "params": {"period": 2, "oversold": 20, "overbought": 80}, "start_date": "2023-01-02",
    "end_date": "2023-05-01", "position_size": 50_000, "fee_rate": 0, "fractional_shares": True,
}  # fmt: skip


@pytest.fixture
def run_id(browser_client: FlaskClient, make_run: RunMaker) -> str:
    """A completed run on 120 daily rates of a currency."""
    rows = [
        f"{START + timedelta(days=bar)},{f'{close:.5f},' * 4}0"
        for bar, close in enumerate(CLOSES)
    ]
    text = "\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""])
    answer = browser_client.put("/api/prices/EURUSD=X/1d", data=text, content_type="text/csv")
    assert answer.status_code == 201, answer.text
    return make_run(**RUN)


def test_trades_signals_and_explanations_have_the_closes_that_they_filled_at(
    browser_client: FlaskClient, run_id: str
) -> None:
    result = browser_client.get(f"/api/runs/{run_id}").get_json()
    rows = [*csv.DictReader(io.StringIO(browser_client.get(f"/result/{run_id}/trades.csv").text))]
    days = [candle["date"] for candle in result["price_candles"]]
    closes = dict(zip(days, (candle["close"] for candle in result["price_candles"]), strict=True))

    assert len(result["trades"]) > 5
    for trade, row in zip(result["trades"], rows, strict=True):
        opened, left = (trade[f"{end}_timestamp"][:10] for end in ("entry", "exit"))
        assert (trade["entry_price"], trade["exit_price"]) == (closes[opened], closes[left])
        assert (float(row["entry_price"]), float(row["exit_price"])) == (
            closes[opened],
            closes[left],
        )
        assert trade["pnl_abs"] == pytest.approx(
            (closes[left] - closes[opened]) * trade["size"], abs=0.006
        )
        explanation = browser_client.get(
            f"/api/runs/{run_id}/explanation?bar={days.index(opened)}"
        ).get_json()
        assert explanation["account"][-1].endswith(f" at {closes[opened]}")
    assert all(signal["price"] == closes[signal["date"]] for signal in result["signals"])


def test_pages_show_as_many_decimals_as_the_series_has(
    browser_client: FlaskClient, run_id: str
) -> None:
    (trade, *_) = browser_client.get(f"/api/runs/{run_id}").get_json()["trades"]
    cell = f">{trade['entry_price']:.5f}</td>"

    for path in ("?tab=trades", "/report.html", "/bars"):
        assert cell in browser_client.get(f"/result/{run_id}{path}").text, path
    for path in (f"/api/runs/{run_id}/bars", "/api/prices/EURUSD=X/1d/bars"):
        assert browser_client.get(path).get_json()["price_decimals"] == 5
    assert re.search(r">\d+\.\d\d</td>", browser_client.get(f"/result/{run_id}/bars").text)


def test_a_trailing_stop_has_the_decimals_at_which_it_fills(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(trailing_stop_pct=0.5)

    bars = browser_client.get(f"/api/runs/{run_id}/bars").get_json()

    stopped = [trade for trade in bars["trades"] if trade["exit_reason"] == "trailing_stop"]
    levels = [bars["trailing_stop"][trade["exit_bar"]] for trade in stopped]
    within = [(trade["exit_price"], level) for trade, level in zip(stopped, levels, strict=True)]
    assert any(price == pytest.approx(level, rel=1e-9) for price, level in within)
