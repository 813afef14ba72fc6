"""Runs on bars within a day: orders are drawn at the bar that they filled on, and times say the hour."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from adapters.database import connect_database
from adapters.prices.loading import load_folder
from tests.web.conftest import RunMaker

START = datetime(2024, 1, 2, 14)
# up and down every sixteen hours
CLOSES = [100 - abs(bar % 16 - 8) + bar / 10 for bar in range(60)]
HOURLY = {
    "ticker": "WAVE",
    "timeframe": "1h",
    "params": {"period": 2, "oversold": 20, "overbought": 80},
}
DATES = {"start_date": "2024-01-02", "end_date": "2024-01-31"}


@pytest.fixture
def platform_settings(platform_settings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """A platform that also has sixty hours of a wave."""
    folder = tmp_path / "prices"
    folder.mkdir()
    lines = ["Date,Open,High,Low,Close,Volume"]
    for bar, close in enumerate(CLOSES):
        opened = CLOSES[bar - 1] if bar else close
        high, low = max(opened, close) + 0.25, min(opened, close) - 0.25
        start = START + timedelta(hours=bar)
        lines.append(f"{start.isoformat()}Z,{opened:.2f},{high:.2f},{low:.2f},{close:.2f},1000")
    (folder / "WAVE_1h.csv").write_text("\n".join(lines) + "\n")
    load_folder(connect_database(platform_settings["DATABASE_URL"]), folder)
    return platform_settings


@pytest.mark.parametrize(("fill", "hours"), [("close", 1), ("next_open", 0)])
def test_an_order_stands_at_the_bar_that_it_filled_on(
    browser_client: FlaskClient, make_run: RunMaker, fill: str, hours: int
) -> None:
    run_id = make_run(**HOURLY, **DATES, fill=fill)

    bars = browser_client.get(f"/api/runs/{run_id}/bars").get_json()

    assert len(bars["trades"]) >= 3
    for trade in bars["trades"]:
        for end in ("entry", "exit") if not trade["is_open"] else ("entry",):
            filled = datetime.fromisoformat(trade[f"{end}_timestamp"]) - timedelta(hours=hours)
            assert bars["time"][trade[f"{end}_bar"]] == filled.timestamp()


def test_the_trades_say_the_hour(browser_client: FlaskClient, make_run: RunMaker) -> None:
    run_id = make_run(**HOURLY, **DATES)
    trade = browser_client.get(f"/api/runs/{run_id}").get_json()["trades"][0]

    page = browser_client.get(f"/result/{run_id}?tab=trades").get_data(as_text=True)

    assert f">{trade['entry_timestamp'][:16].replace('T', ' ')}</td>" in page
    assert f">{trade['holding_period']:.2f}</td>" in page


def test_equity_is_dated_by_the_close_at_which_trades_are(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(**HOURLY, **DATES)

    result = browser_client.get(f"/api/runs/{run_id}").get_json()

    first = next(point for point in result["portfolio_curve"] if point["position"])
    assert first["date"] == result["trades"][0]["entry_timestamp"]
    assert first["date"] in [signal["date"] for signal in result["signals"]]
    assert result["equity_curve"][0]["date"] == f"{(START + timedelta(hours=1)).isoformat()}Z"
    assert result["price_candles"][0]["date"] == f"{START.isoformat()}Z"


def day_of(number: int) -> dict[str, str]:
    """Both ends of one day of the wave's prices."""
    day = str((START + timedelta(days=number)).date())
    return {"start_date": day, "end_date": day}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("direction", ["longonly", "longshort"])
def test_one_day_is_a_run_on_its_bars(
    browser_client: FlaskClient, make_run: RunMaker, number: int, direction: str
) -> None:
    run_id = make_run(**HOURLY, **day_of(number), direction=direction)

    result = browser_client.get(f"/api/runs/{run_id}").get_json()

    assert result["status"] == "completed", result["error_message"]
    assert result["equity_curve"][0]["date"].startswith(day_of(number)["start_date"])
    assert len(result["equity_curve"]) == (10 if number == 0 else 24)
    for address in ("", "?tab=trades", "?tab=numbers", "/report.html"):
        assert browser_client.get(f"/result/{run_id}{address}").status_code == 200, address


HOURLY_RULE = {"rule_type": "RSI", "timeframe": "1h"}
OVERSOLD = {"oversold": [20, 25], "period": [2, 3]}


def one_day_of(day: dict[str, str]) -> dict[str, dict[str, object]]:
    """Answers for one day, by path."""
    base = HOURLY_RULE | day | {"ticker": "WAVE"}
    legs = [{**HOURLY, "rule_type": "RSI", "params": {"period": period}} for period in (2, 3)]
    for leg in legs:
        del leg["timeframe"]
    return {
        "/run_backtest": base,
        "/api/batches": {"base": base, "parameters": OVERSOLD},
        "/api/screens": {"base": base, "parameters": OVERSOLD},
        "/api/studies": {
            "kind": "selection",
            "base": base,
            "combinations": [{"period": period} for period in (2, 3)],
        },
        "/api/portfolios": {"legs": legs, "timeframe": "1h", **day},
    }


def test_everything_takes_one_day_of_bars_within_days(client: FlaskClient) -> None:
    for path, body in one_day_of(day_of(1)).items():
        answer = client.post(path, json=body)
        assert answer.status_code == 202 or "only 24 bars" in answer.text, (path, answer.text)


@pytest.mark.parametrize(
    ("timeframe", "fault"), [("1h", "on or after the day of"), ("1d", "after the start")]
)
def test_an_end_before_the_start_is_refused_everywhere(
    client: FlaskClient, timeframe: str, fault: str
) -> None:
    day = day_of(1) if timeframe == "1d" else day_of(1) | {"end_date": "2024-01-02"}
    ticker = "AAPL" if timeframe == "1d" else "WAVE"
    for path, body in one_day_of(day).items():
        text = json.dumps(body).replace('"1h"', f'"{timeframe}"').replace('"WAVE"', f'"{ticker}"')
        answer = client.post(path, json=json.loads(text))
        assert (answer.status_code, fault in answer.text) == (400, True), (path, answer.text)
