"""The bars of a run and of a series in windows, as charts are drawn from them."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.web.conftest import RunMaker
from web.documents.run_answers import RunBarsAnswer

UNKNOWN = "00000000-0000-4000-8000-000000000000"


def answer(client: FlaskClient, path: str) -> dict[str, Any]:
    got = client.get(path)
    assert got.status_code == 200, got.text
    body: dict[str, Any] = got.get_json()
    return body


def column(rows: list[dict[str, Any]], name: str) -> list[Any]:
    return [row[name] for row in rows]


def test_bars_are_those_of_the_result_with_its_account(
    browser_client: FlaskClient, run_id: str
) -> None:
    result = answer(browser_client, f"/api/runs/{run_id}")

    bars = answer(browser_client, f"/api/runs/{run_id}/bars")

    for name in ("open", "high", "low", "close", "volume"):
        assert bars[name] == column(result["price_candles"], name)
    assert set(bars) == RunBarsAnswer.__required_keys__
    assert bars["equity"] == column(result["equity_curve"], "equity")
    assert bars["drawdown_pct"] == column(result["drawdown_curve"], "drawdown_pct")
    cash = column(result["portfolio_curve"], "cash")
    worth = [
        shares * close for shares, close in zip(bars["position"], bars["close"], strict=True)
    ]
    assert [a + b for a, b in zip(cash, worth, strict=True)] == pytest.approx(
        bars["equity"], abs=0.02
    )
    assert min(bars["position"]) < 0 < max(bars["position"])
    shares = (bars["holding"][-1] / result["request"]["initial_capital"] - 1) * 100
    assert shares == pytest.approx(result["metrics"]["buy_hold_return_pct"], abs=1e-4)
    assert (bars["total"], bars["first"], bars["bars_per_point"]) == (len(bars["time"]), 0, 1)


def test_bars_are_joined_truly(browser_client: FlaskClient, run_id: str) -> None:
    single = answer(browser_client, f"/api/runs/{run_id}/bars")

    joined = answer(browser_client, f"/api/runs/{run_id}/bars?from=10&to=110&max=30")

    assert (joined["first"], joined["bars_per_point"], len(joined["time"])) == (10, 4, 25)
    for point, start in enumerate(range(10, 110, 4)):
        part = {
            name: single[name][start : start + 4]
            for name in joined
            if isinstance(single[name], list)
        }
        assert joined["time"][point] == part["time"][0]
        assert joined["open"][point] == part["open"][0]
        assert joined["high"][point] == max(part["high"])
        assert joined["low"][point] == min(part["low"])
        assert joined["close"][point] == part["close"][-1]
        assert joined["volume"][point] == pytest.approx(sum(part["volume"]))
        assert joined["drawdown_pct"][point] == max(part["drawdown_pct"])
        for name in ("equity", "holding", "position", "rolling_sharpe"):
            assert joined[name][point] == part[name][-1]


def test_the_benchmark_begins_with_the_run_s_money(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(
        ticker="MSFT", benchmark="GOOG", start_date="2004-01-02", initial_capital=5000
    )
    candles = answer(browser_client, "/api/prices/GOOG/1d/bars?max=20000")
    closes = dict(zip(candles["time"], candles["close"], strict=True))

    bars = answer(browser_client, f"/api/runs/{run_id}/bars?max=20000")
    joined = answer(browser_client, f"/api/runs/{run_id}/bars?max=100")

    priced = [
        (closes[time], money)
        for time, money in zip(bars["time"], bars["benchmark_equity"], strict=True)
        if money
    ]
    assert bars["benchmark"] == "GOOG"
    assert bars["time"][-len(priced)] == candles["time"][0]  # nothing before its first bar
    assert [money for _, money in priced] == pytest.approx(
        [5000 * close / priced[0][0] for close, _ in priced], abs=1e-4
    )
    assert joined["benchmark_equity"][0] is None
    assert joined["benchmark_equity"][-1] == bars["benchmark_equity"][-1]


def test_trades_of_a_window_are_those_open_in_it(
    browser_client: FlaskClient, run_id: str
) -> None:
    trades = answer(browser_client, f"/api/runs/{run_id}")["trades"]
    everything = answer(browser_client, f"/api/runs/{run_id}/bars")["trades"]
    middle = everything[len(everything) // 2]

    [one_trade] = answer(
        browser_client,
        f"/api/runs/{run_id}/bars?from={middle['entry_bar'] + 1}&to={middle['entry_bar'] + 2}",
    )["trades"]

    assert one_trade == middle
    assert [{name: trade[name] for name in trades[0]} for trade in everything] == trades


def test_the_trailing_stop_is_where_the_engine_left(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="MACD", params={}, direction="longshort", trailing_stop_pct=6)

    bars = answer(browser_client, f"/api/runs/{run_id}/bars")

    levels, stopped = bars["trailing_stop"], 0
    for trade in bars["trades"]:
        side, first, last = (
            1 if trade["side"] == "BUY" else -1,
            trade["entry_bar"] + 1,
            trade["exit_bar"],
        )
        worst = bars["low" if side > 0 else "high"]
        # else it had left before
        assert all(side * worst[bar] > side * levels[bar] for bar in range(first, last))
        if trade["exit_reason"] == "trailing_stop":
            stopped += 1
            opened = side * min(side * bars["open"][last], side * levels[last])
            assert trade["exit_price"] == pytest.approx(opened, rel=1e-9)
    assert stopped > 10
    assert None in levels


def test_a_run_without_trailing_stop_has_no_level_of_it(
    browser_client: FlaskClient, run_id: str
) -> None:
    assert "trailing_stop" not in answer(browser_client, f"/api/runs/{run_id}/bars?max=2")


def test_the_rolling_sharpe_ratio_begins_after_half_a_year(
    browser_client: FlaskClient, run_id: str
) -> None:
    ratios = answer(browser_client, f"/api/runs/{run_id}/bars")["rolling_sharpe"]

    assert ratios[:125] == [None] * 125
    assert None not in ratios[125:]


@pytest.mark.parametrize("query", ["from=x", "from=-1", "from=20&to=20", "to=999999", "max=0"])
def test_a_window_that_is_invalid_is_refused(
    browser_client: FlaskClient, run_id: str, query: str
) -> None:
    assert browser_client.get(f"/api/runs/{run_id}/bars?{query}").status_code == 400


def test_a_run_without_result_has_no_bars(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    waiting = make_run("pending")

    assert browser_client.get(f"/api/runs/{waiting}/bars").status_code == 409
    assert browser_client.get(f"/api/runs/{UNKNOWN}/bars").status_code == 404


def test_bars_of_a_series_are_joined_in_the_same_way(browser_client: FlaskClient) -> None:
    single = answer(browser_client, "/api/prices/AAPL/1d/bars?from=100&to=120")

    joined = answer(browser_client, "/api/prices/AAPL/1d/bars?from=100&to=120&max=2")

    assert single["bars_per_point"] == 1 and joined["bars_per_point"] == 10
    assert joined["high"] == [max(single["high"][:10]), max(single["high"][10:])]
    assert joined["close"] == [single["close"][9], single["close"][19]]


def test_curves_of_several_runs_are_in_percent_of_their_own_capital(
    browser_client: FlaskClient, make_run: RunMaker, run_id: str
) -> None:
    other = make_run(initial_capital=5000, benchmark="IBM")
    results = [answer(browser_client, f"/api/runs/{each}") for each in (run_id, other)]

    document = answer(
        browser_client,
        f"/api/curves?run={run_id}&run={other}&run={make_run(benchmark='IBM')}&max=100",
    )

    [benchmark], curves = document["benchmarks"], document["curves"][:2]
    alone = answer(browser_client, f"/api/runs/{other}/bars?max=100")["benchmark_equity"]
    assert (benchmark["name"], benchmark["time"]) == ("IBM", curves[1]["time"])
    assert benchmark["growth_pct"] == pytest.approx([money / 50 for money in alone], abs=1e-4)
    assert column(curves, "run_id") == [run_id, other]
    for curve, result in zip(curves, results, strict=True):
        assert len(curve["time"]) == len(curve["growth_pct"]) == len(curve["drawdown_pct"]) <= 100
        assert curve["growth_pct"][-1] == pytest.approx(
            100 + result["metrics"]["total_return_pct"], abs=0.01
        )
        assert max(curve["drawdown_pct"]) == pytest.approx(
            result["metrics"]["max_drawdown_pct"], abs=1e-3
        )


@pytest.mark.parametrize("query", ["", "run=x", "max=0", "&".join(f"run={n}" for n in range(11))])
def test_invalid_curves_are_refused(browser_client: FlaskClient, query: str) -> None:
    assert browser_client.get(f"/api/curves?{query}").status_code == 400
