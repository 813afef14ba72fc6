"""A portfolio's Job: one leg with the whole account is its run, for every rule and all terms of a run."""

import json
import random
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from adapters.prices.packing import PackedPrices
from adapters.runs.series import decode_equity, decode_trades, unpacked_json
from consumer.kinds.backtest import backtest
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.setup import Setup
from contracts.portfolio_request import LegRequest, PortfolioRequest, Sharing
from contracts.run_request import RunRequest
from tests.rules.loops import EVALUATED
from tests.rules.test_rules import random_params
from tests.services.prices import DATA, packed_content, packed_file

ALIKE = (
    "total_return_pct",
    "sharpe_ratio",
    "max_drawdown_pct",
    "num_trades",
    "volatility",
    "win_rate",
    "exposure_pct",
)


def random_request(seed: int) -> RunRequest:
    """A run of a rule under terms that are drawn from the seed, every field of orders and stops among them."""
    draw = random.Random(seed)
    rule_type = EVALUATED[seed % len(EVALUATED)]
    size_type = draw.choice(["value", "percent"])
    year = draw.randint(2001, 2010)
    return RunRequest(
        ticker=draw.choice(["AAPL", "IBM", "MSFT"]),
        rule_type=rule_type,
        params=random_params(rule_type, seed, spread=60),
        start_date=date(year, draw.randint(1, 12), 1),
        end_date=date(year + 2, draw.randint(1, 12), 28),
        initial_capital=draw.choice([1_000.0, 100_000.0]),
        fee_rate=draw.choice([0.0, 0.001, 0.03]),
        slippage_bps=draw.choice([0.0, 7.0]),
        size_type=size_type,  # type: ignore[arg-type]
        position_size=draw.choice(
            [30.0, 99.0, 100.0] if size_type == "percent" else [500.0, 20_000.0]
        ),
        direction=draw.choice(["longonly", "longshort", "shortonly"]),  # type: ignore[arg-type]
        fill=draw.choice(["close", "next_open"]),  # type: ignore[arg-type]
        stop_loss_pct=draw.choice([None, 3.0]),
        take_profit_pct=draw.choice([None, 5.0]),
        trailing_stop_pct=draw.choice([None, 4.0]),
        exit_after_bars=draw.choice([None, 7]),
        atr_stop_multiple=draw.choice([None, 2.0]),
        liquidate_below_pct=draw.choice([None, None, 0.0, 95.0]),
        fractional_shares=draw.random() < 0.5,
        borrow_rate=draw.choice([0.0, 0.0, 0.05]),
        cash_rate=draw.choice([0.0, 0.0, 0.03]),
        charts=False,
    )


def within_days() -> PackedPrices:
    """A random walk in half hours of 100 sessions of New York."""
    rng, day = np.random.default_rng(5), np.arange(14.5, 21.0, 0.5)
    hours = (np.arange(100)[:, None] * 24 + day).ravel()
    times = np.datetime64("2005-01-03") + (hours * 3600).astype("m8[s]")
    closes = 100 * np.exp(rng.normal(0, 0.01, times.size).cumsum())
    rows = [f"{time}Z,{close:.4f}" for time, close in zip(times, closes, strict=True)]
    packed = packed_content("\n".join(["Date,Close", *rows]).encode(), "WALK", "30m")
    return replace(packed, zone="America/New_York", bars_per_year=3_276)


def alone(request: RunRequest, packed: PackedPrices) -> PortfolioTrading:
    """The portfolio of this one run."""
    run = LegRun.of(request, packed, backtest(request, packed).columns["signals_json"])
    terms = {
        name: value
        for name, value in request.to_json().items()
        if name not in ("ticker", "rule_type", "params")
    }
    leg = LegRequest(ticker=request.ticker, rule_type=request.rule_type, params=request.params)
    return PortfolioTrading(PortfolioRequest(legs=(leg,), sharing=Sharing(), terms=terms), [run])


def assert_same(request: RunRequest, packed: PackedPrices | None = None) -> int:
    packed = packed or packed_file(DATA, request.ticker)
    setup = Setup.of(request, packed)
    run = setup.result_of(setup.rule())

    portfolio = alone(request, packed).result

    assert tuple(each.trade for each in portfolio.trades) == run.trades, request
    assert np.array_equal(portfolio.equity_curve, run.equity_curve), request
    assert np.array_equal(portfolio.cash_curve, run.cash_curve), request
    assert [(each.bar, each.side, each.reason) for each in portfolio.left_out] == list(
        run.rejected_orders
    ), request
    assert portfolio.metrics == run.metrics, request
    return len(run.trades)


def test_one_leg_is_its_run_bit_for_bit_for_every_rule_and_all_terms() -> None:
    assert sum(assert_same(random_request(seed)) for seed in range(260)) > 2_000


def test_one_leg_that_is_flat_at_a_time_of_day_is_its_run_bit_for_bit() -> None:
    packed, trades = within_days(), 0
    for seed in range(60):
        request = replace(
            random_request(seed),
            ticker="WALK",
            timeframe="30m",
            start_date=date(2005, 1, 10),
            end_date=date(2005, 4, 1),
            flat_at=("11:00", "15:30")[seed % 2],
        )

        trades += assert_same(request, packed)

    assert trades > 900


@pytest.mark.slow
def test_two_thousand_legs_are_their_runs_bit_for_bit() -> None:
    assert sum(assert_same(random_request(seed)) for seed in range(1_000, 3_000)) > 15_000


def test_its_row_is_that_of_the_run() -> None:
    for seed in (3, 5, 8):
        request = replace(random_request(seed), liquidate_below_pct=None, direction="longonly")
        packed = packed_file(DATA, request.ticker)
        run = backtest(request, packed).columns

        traded = alone(request, packed)
        row = traded.columns()

        assert row["equity_curve_json"] == run["equity_curve_json"]
        assert row["result_hash"] == run["result_hash"]
        assert row["data_hash"] == run["data_hash"]
        portfolio_metrics, others = (
            json.loads(each["metrics_json"])["values"] for each in (row, run)
        )
        assert {name: portfolio_metrics[name] for name in ALIKE} == pytest.approx(
            {name: others[name] for name in ALIKE}
        )
        assert decode_trades(row["trades_json"])[0] == decode_trades(run["trades_json"])[0]


def test_what_it_found_is_kept_whole() -> None:
    request = replace(random_request(1), direction="longonly", liquidate_below_pct=None)
    traded = alone(request, packed_file(DATA, request.ticker))

    series: dict[str, Any] = unpacked_json(traded.pack())

    equity = decode_equity(traded.columns()["equity_curve_json"])[1]
    assert sum(series["contributions"]) + series["interest"] - series[
        "borrow_fees"
    ] == pytest.approx(equity[-1] - request.initial_capital, abs=0.01)
    assert len(series["held_equally"]) == len(equity)
