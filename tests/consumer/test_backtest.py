"""From a request to the columns of its row: small, reproducible, and readable without numpy."""

import json
import math
import re
from dataclasses import asdict, fields, replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from adapters.metrics import table
from adapters.metrics.curves import (
    AccountRates,
    cash_curve,
    portfolio_points,
    shares_held,
    trade_rows,
)
from adapters.prices.bars import bar_dates
from adapters.prices.packing import unpack_bars
from adapters.runs.series import decode_equity, decode_signals, decode_trades, run_series
from adapters.settings import PROJECT_ROOT
from consumer.kinds.backtest import backtest
from consumer.kinds.setup import Setup
from contracts.errors import NoPricesInRange
from contracts.run_request import RunRequest, about
from engine.engine import BacktestEngine
from engine.metrics import measure
from rules.optimizer import ParameterOptimizer
from rules.prices import Prices
from rules.registry import build_rule
from rules.technical import RsiRule
from tests.rules.loops import EVALUATED
from tests.rules.test_rules import random_params
from tests.services.prices import packed_file, read_prices

DATA = PROJECT_ROOT / "data"
WHOLE = RunRequest(
    ticker="AAPL",
    rule_type="RSI",
    start_date=date(2000, 3, 1),
    end_date=date(2013, 3, 1),
    charts=False,
)
STORED = ("metrics_json", "equity_curve_json", "trades_json", "signals_json")
# 250 bars were not enough for it
LONG_MEMORY = {"MA_CROSS": {"fast": 50, "slow": 200, "kind": "ema"}}
OTHER_TERMS: dict[str, Any] = {
    "initial_capital": 50_000.0,
    "fee_rate": 0.002,
    "slippage_bps": 5.0,
    "position_size": 20.0,
    "size_type": "percent",
    "direction": "shortonly",
    "fill": "next_open",
    "stop_loss_pct": 2.0,
    "take_profit_pct": 2.0,
    "trailing_stop_pct": 2.0,
    "exit_after_bars": 3,
    "flat_at": "00:00",
    "atr_stop_multiple": 1.0,
    "atr_stop_period": 30,
    "liquidate_below_pct": 99.9,
    "fractional_shares": True,
    "risk_free_rate": 0.02,
    "borrow_rate": 0.02,
    "cash_rate": 0.02,
}
LARGEST_RUN = 40 * 1024  # bytes of a 3,270-bar run without charts


def columns_of(request: RunRequest) -> dict[str, Any]:
    return backtest(request, packed_file(DATA, request.ticker)).columns


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_a_run_of_thirteen_years_takes_at_most_40_kb(rule_type: str) -> None:
    columns = columns_of(replace(WHOLE, rule_type=rule_type))

    assert sum(len(columns[name]) for name in STORED) <= LARGEST_RUN


def test_the_same_request_gives_the_same_hash() -> None:
    assert columns_of(WHOLE)["result_hash"] == columns_of(WHOLE)["result_hash"]


def test_the_job_acts_upon_every_field_of_orders_and_stops() -> None:
    request = replace(
        WHOLE,
        initial_capital=1_000.0,
        position_size=90.0,
        atr_stop_multiple=5.0,
        direction="longshort",
    )
    columns = columns_of(request)

    unused = [
        name
        for name, value in OTHER_TERMS.items()
        if same(columns, columns_of(replace(request, **{name: value})))
    ]

    of_prices = {"benchmark", "benchmark_hash"}  # come with the prices that the Job loads
    terms = {
        each.name for each in fields(RunRequest) if about(each).section in ("orders", "stops")
    }
    assert terms - of_prices == OTHER_TERMS.keys()
    assert unused == []


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("result_hash", "metrics_json"))


def test_a_derived_metric_is_no_part_of_the_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = columns_of(WHOLE)["result_hash"]

    monkeypatch.setattr(table, "METRICS", [each for each in table.METRICS if each.name != "sqn"])

    assert columns_of(WHOLE)["result_hash"] == before


@pytest.mark.parametrize(
    "rates", [AccountRates(), AccountRates(borrow_rate=0.03, cash_rate=0.04)]
)
def test_equity_read_back_is_cash_plus_position_at_each_bar(rates: AccountRates) -> None:
    columns = columns_of(
        replace(WHOLE, rule_type="MA_CROSS", direction="longshort", **asdict(rates))
    )

    bars, equity = decode_equity(columns["equity_curve_json"])
    trades, _, _ = decode_trades(columns["trades_json"])
    points = portfolio_points(
        bar_dates(bars, "1d"),
        equity,
        cash_curve(bars, equity, trades, WHOLE.initial_capital, rates),
    )
    closed_at = {trade["exit_bar"] for trade in trades} - {trade["entry_bar"] for trade in trades}
    flat = [points[bar] for bar in closed_at if bar < len(bars) - 1]

    assert len(bars) == 3270
    assert all(
        abs(point["cash"] + point["position"] - point["total"]) < 0.011 for point in points
    )
    assert all(abs(point["position"]) < 0.02 for point in flat)


@pytest.mark.parametrize(
    "rates", [AccountRates(), AccountRates(borrow_rate=0.03, cash_rate=0.04)]
)
def test_a_flat_account_read_back_has_cash_alone(rates: AccountRates) -> None:
    flat = 0
    for seed, rule_type in enumerate(["MA_CROSS", "RSI", "MACD", "BOLLINGER", "BREAKOUT"] * 4):
        draw = Random(seed)
        request = replace(
            WHOLE,
            rule_type=rule_type,
            params=random_params(rule_type, seed, spread=60),
            initial_capital=draw.choice([1_003.17, 100_000.0, 7_777_777.77]),
            position_size=draw.choice([10.0, 90.0]),
            size_type="percent",
            direction=draw.choice(["longonly", "longshort"]),  # type: ignore[arg-type]
            exit_after_bars=draw.choice([None, 7]),
            fractional_shares=draw.random() < 0.5,
            **asdict(rates),
        )
        columns = columns_of(request)

        run = run_series(columns | {"request_json": json.dumps(request.to_json())})
        points = portfolio_points(run.dates, run.equity, run.cash)

        for bar in np.flatnonzero(shares_held(run.trades, len(points)) == 0).tolist():
            assert points[bar]["position"] == 0.0, (seed, bar)
            assert points[bar]["cash"] == points[bar]["total"], (seed, bar)
            flat += 1
    assert flat > 1_000


def test_trades_read_back_carry_the_contracts_times() -> None:
    columns = columns_of(WHOLE)

    bars, _ = decode_equity(columns["equity_curve_json"])
    trades, _, _ = decode_trades(columns["trades_json"])
    first = trade_rows(trades, bars, "1d")[0]
    invested = trades[0]["entry_price"] * first["size"]

    assert first["trade_no"] == 0
    assert first["side"] == "BUY"
    assert first["entry_timestamp"].endswith("T21:00:00Z")
    assert first["pnl_pct"] == pytest.approx(first["pnl_abs"] / invested * 100, abs=1e-3)


def test_a_fill_at_the_next_open_is_dated_by_the_open() -> None:
    columns = columns_of(replace(WHOLE, fill="next_open"))

    bars, _ = decode_equity(columns["equity_curve_json"])
    trades, _, _ = decode_trades(columns["trades_json"])

    assert trade_rows(trades, bars, "1d")[0]["entry_timestamp"].endswith("T14:30:00Z")


def test_bars_before_the_start_warm_up_and_are_not_reported() -> None:
    columns = columns_of(replace(WHOLE, start_date=date(2005, 1, 3)))

    bars, _ = decode_equity(columns["equity_curve_json"])
    signals = decode_signals(columns["signals_json"])

    assert bar_dates(bars, "1d")[0] == "2005-01-03"
    assert all(0 <= bar < len(bars) for bar, _, _ in signals)


def test_warm_up_gives_a_signal_on_the_very_first_bar() -> None:
    whole = columns_of(WHOLE)
    bars, _ = decode_equity(whole["equity_curve_json"])
    bar, signal, _ = decode_signals(whole["signals_json"])[10]

    late = columns_of(replace(WHOLE, start_date=date.fromisoformat(bar_dates(bars, "1d")[bar])))

    assert decode_signals(late["signals_json"])[0][:2] == (0, signal)


def test_dates_beyond_the_prices_are_clipped_with_a_note() -> None:
    columns = columns_of(replace(WHOLE, end_date=date(2020, 1, 1)))

    _, _, (clipped,) = decode_trades(columns["trades_json"])
    assert "clipped to 2000-03-01 to 2013-03-01" in clipped


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_the_signals_of_a_run_are_those_of_the_whole_history_cut_at_its_dates(
    rule_type: str,
) -> None:
    params = LONG_MEMORY.get(rule_type, {})
    history = read_prices(DATA, "AAPL", "1d", WHOLE.start_date, WHOLE.end_date)
    dates, signals = (
        history.bars.dates(),
        build_rule(rule_type, params).generate_signals(history.bars.columns),
    )
    chance = Random(rule_type)

    for _ in range(12):
        first, last = sorted(chance.sample(range(len(dates)), 2))
        start, end = date.fromisoformat(dates[first]), date.fromisoformat(dates[last])
        columns = columns_of(
            replace(WHOLE, rule_type=rule_type, params=params, start_date=start, end_date=end)
        )
        signalled = {bar: signal for bar, signal, _ in decode_signals(columns["signals_json"])}

        expected = {
            bar: int(signal) for bar, signal in enumerate(signals[first : last + 1]) if signal
        }
        assert signalled == expected, (start, end)


def test_a_history_that_is_shorter_than_the_rule_needs_is_reported() -> None:
    columns = columns_of(replace(WHOLE, rule_type="VALUE", start_date=date(2002, 1, 2)))

    _, _, (note,) = decode_trades(columns["trades_json"])
    bars, _ = decode_equity(columns["equity_curve_json"])
    assert note == (
        "VALUE needs 819 bars of history with these params, but the prices have only 460 before the "
        f"run: no signal on the first 359 of {len(bars):,} bars"
    )
    assert decode_signals(columns["signals_json"])[0][0] >= 359


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_the_note_on_a_short_history_is_never_contradicted_by_a_signal(rule_type: str) -> None:
    noted, starts = 0, (date(2000, 3, 1), date(2000, 3, 30), date(2000, 9, 1))

    for seed, start in product(range(8), starts):
        params = random_params(rule_type, seed, spread=60)
        request = replace(
            WHOLE, rule_type=rule_type, params=params, start_date=start, end_date=date(2003, 1, 2)
        )
        columns = columns_of(request)
        signalled = [bar for bar, _, _ in decode_signals(columns["signals_json"])]
        for note in decode_trades(columns["trades_json"])[2]:
            if match := re.search(
                r"(no signal|part of it is unknown) on the first ([0-9,]+) of", note
            ):
                early = any(bar < int(match[2].replace(",", "")) for bar in signalled)
                assert early == (match[1] != "no signal"), (params, start, note)
                noted += 1

    assert noted >= 8


def test_a_short_run_of_such_a_rule_is_silent_throughout_and_says_so() -> None:
    member = {"rule_type": "RSI"}, {"rule_type": "VALUE"}
    short = replace(WHOLE, start_date=date(2000, 3, 8), end_date=date(2000, 12, 29))

    _, _, (note,) = decode_trades(
        columns_of(replace(short, rule_type="COMPOSITE", params={"rules": [*member]}))[
            "trades_json"
        ]
    )

    assert note.startswith("VALUE needs 819 bars")
    assert note.endswith("no signal on the first 207 of 207 bars")


def test_enough_history_needs_no_note() -> None:
    columns = columns_of(replace(WHOLE, rule_type="VALUE", start_date=date(2008, 1, 2)))

    assert decode_trades(columns["trades_json"])[2] == []


def test_idle_cash_that_earns_nothing_is_reported_where_a_risk_free_rate_is_subtracted() -> None:
    small = replace(WHOLE, start_date=date(2002, 1, 2), position_size=100.0, risk_free_rate=0.04)
    bare, earning = columns_of(small), columns_of(replace(small, cash_rate=0.04))

    _, _, (note,) = decode_trades(bare["trades_json"])
    assert note.startswith(
        "Idle cash earned nothing (cash_rate is 0), but the Sharpe and Sortino ratios only count returns"
    )
    assert decode_trades(earning["trades_json"])[2] == []
    assert bare["sharpe_ratio"] < -10
    assert abs(earning["sharpe_ratio"]) < 1


@pytest.fixture
def closes_only(tmp_path: Path) -> Path:
    """A folder with 500 days of BTC-USD, weekends included, of which there are closes only."""
    days = [date(2020, 1, 1) + timedelta(days=number) for number in range(500)]
    prices = [100 + 20 * math.sin(number / 9) for number in range(500)]
    rows = [
        f"{day},{price},{price},{price},{price},1"
        for day, price in zip(days, prices, strict=True)
    ]
    (tmp_path / "BTC-USD.csv").write_text(
        "\n".join(["Date,Open,High,Low,Close,Volume", *rows, ""])
    )
    return tmp_path


def test_on_closes_only_a_stop_fills_at_a_close_and_the_run_says_so(closes_only: Path) -> None:
    packed = packed_file(closes_only, "BTC-USD")
    dates = {"start_date": date(2020, 1, 1), "end_date": date(2021, 5, 14)}
    request = replace(WHOLE, ticker="BTC-USD", stop_loss_pct=2.0, **dates)

    trades, _, notes = decode_trades(backtest(request, packed).columns["trades_json"])

    closes = unpack_bars(packed).columns["Close"]
    stopped = [trade for trade in trades if trade["exit_reason"] == "stop_loss"]
    assert stopped
    assert all(trade["exit_price"] == closes[trade["exit_bar"]] for trade in stopped)
    assert notes[0].startswith("The prices have closes only: ")
    assert "a stop or target is seen at a close alone" in notes[0]


def test_a_market_that_never_closes_has_a_year_of_365_bars(closes_only: Path) -> None:
    request = replace(
        WHOLE, ticker="BTC-USD", start_date=date(2020, 11, 2), end_date=date(2021, 5, 14)
    )

    columns = backtest(request, packed_file(closes_only, request.ticker)).columns

    _, equity = decode_equity(columns["equity_curve_json"])
    path = np.array([request.initial_capital, *equity])
    assert json.loads(columns["metrics_json"])["values"]["bars_per_year"] == 365
    assert columns["sharpe_ratio"] == pytest.approx(
        measure(path, 365.0, 0).sharpe_ratio, rel=1e-4
    )


def test_who_knows_the_year_of_a_series_better_says_so_in_the_request() -> None:
    counted, stated = columns_of(WHOLE), columns_of(replace(WHOLE, bars_per_year=4 * 252))

    values = json.loads(stated["metrics_json"])["values"]
    assert values["bars_per_year"] == 4 * 252
    assert stated["sharpe_ratio"] == pytest.approx(2 * counted["sharpe_ratio"])
    # by the calendar
    assert values["cagr"] == json.loads(counted["metrics_json"])["values"]["cagr"]


def test_the_count_recorded_with_the_prices_is_what_a_run_takes() -> None:
    recorded = replace(packed_file(DATA, WHOLE.ticker), bars_per_year=260)

    columns = backtest(WHOLE, recorded).columns

    assert json.loads(columns["metrics_json"])["values"]["bars_per_year"] == 260


def test_a_run_says_which_version_of_the_analysis_made_it() -> None:
    assert columns_of(WHOLE)["analysis_version"] == table.ANALYSIS_VERSION


class KnowsPrices(RsiRule):
    """Makes the prices that it is filled at."""

    def signals(self, prices: Any) -> Any:
        prices["Close"][:] = np.linspace(1, 100, prices["Close"].size)
        return np.resize([1, 0], prices["Close"].size).astype(np.int8)


class SaysFloats(RsiRule):
    """Signals of a wrong form."""

    def signals(self, prices: Any) -> Any:
        return super().signals(prices).astype(float)


@pytest.mark.parametrize("caller", ["job", "grid", "notebook"])
def test_whoever_runs_a_rule_learns_how_its_signals_become_right(caller: str) -> None:
    prices = read_prices(DATA, "AAPL", "1d", WHOLE.start_date, WHOLE.end_date)
    callers = {
        "job": lambda: Setup(WHOLE, prices).result_of(SaysFloats()),
        "grid": lambda: ParameterOptimizer(SaysFloats, prices.bars.columns).search(
            {"period": [14]}
        ),
        "notebook": lambda: BacktestEngine().run(
            prices.bars.columns, SaysFloats().generate_signals
        ),
    }

    with pytest.raises(
        ValueError, match=r"RSI: the signals are float64; .*signals.astype\(np.int8\)"
    ):
        callers[caller]()


@pytest.mark.parametrize("caller", ["job", "grid", "notebook"])
def test_a_rule_cannot_write_into_the_prices_that_it_is_filled_at(caller: str) -> None:
    prices = read_prices(DATA, "AAPL", "1d", WHOLE.start_date, WHOLE.end_date)
    close = prices.bars.columns["Close"].copy()
    callers = {
        "job": lambda: Setup(WHOLE, prices).result_of(KnowsPrices()),
        "grid": lambda: ParameterOptimizer(KnowsPrices, prices.bars.columns).search(
            {"period": [14]}
        ),
        "notebook": lambda: BacktestEngine().run(
            prices.bars.columns, lambda data: KnowsPrices().signals(Prices(data))
        ),
    }

    with pytest.raises(ValueError, match="read-only"):
        callers[caller]()

    assert (prices.bars.columns["Close"] == close).all()


WITH_EXITS = {
    "time_exit": {"exit_after_bars": 3},
    "atr_stop": {"atr_stop_multiple": 2.0, "atr_stop_period": 10},
    "liquidation": {"liquidate_below_pct": 99.0, "position_size": 100_000.0},
}


@pytest.mark.parametrize("reason", WITH_EXITS)
def test_a_request_chooses_its_exits(reason: str) -> None:
    columns = columns_of(replace(WHOLE, direction="longshort", **WITH_EXITS[reason]))

    trades, _, _ = decode_trades(columns["trades_json"])
    assert reason in {trade["exit_reason"] for trade in trades}


def test_a_request_for_shorts_alone_buys_nothing() -> None:
    columns = columns_of(replace(WHOLE, direction="shortonly"))

    trades, _, _ = decode_trades(columns["trades_json"])
    assert {trade["side"] for trade in trades} == {"SELL"}


def test_a_liquidated_account_says_when_and_trades_no_more() -> None:
    columns = columns_of(replace(WHOLE, rule_type="MACD", **WITH_EXITS["liquidation"]))

    trades, _, notes = decode_trades(columns["trades_json"])
    bars, equity = decode_equity(columns["equity_curve_json"])
    passed = next(bar for bar, money in enumerate(equity) if money <= 99_000)
    assert notes[-1].startswith(
        f"Liquidated on {bar_dates(bars, '1d')[passed]}, with equity at or below 99% of the initial capital"
    )
    assert max(trade["entry_bar"] for trade in trades) <= passed
    assert len(set(equity[passed:])) == 1


def test_an_account_that_is_not_liquidated_says_that_it_could_be() -> None:
    ruined = replace(
        WHOLE, rule_type="VALUE", direction="shortonly", position_size=100_000.0, fill="next_open"
    )

    _, _, notes = decode_trades(columns_of(ruined)["trades_json"])

    assert "or a liquidation level" in notes[-1]


def test_metrics_without_a_value_say_why() -> None:
    quiet = replace(
        WHOLE, params={"oversold": 1.0, "overbought": 99.0}, start_date=date(2012, 1, 3)
    )

    stored = json.loads(columns_of(quiet)["metrics_json"])

    assert stored["values"]["num_trades"] == 0
    assert stored["values"]["win_rate"] is None
    assert stored["notes"]["win_rate"] == "no closed trades"


def test_no_prices_in_range_is_refused() -> None:
    with pytest.raises(NoPricesInRange, match="2000-03-01 to 2013-03-01"):
        columns_of(replace(WHOLE, start_date=date(2014, 1, 1), end_date=date(2015, 1, 1)))
