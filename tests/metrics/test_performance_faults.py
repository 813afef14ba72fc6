"""Metrics of accounts that other metrics would divide by: ruined, constant, one bar; and of a metric that fails."""

import json
from dataclasses import asdict
from datetime import date
from functools import wraps

import numpy as np
import pytest

from adapters.columns import unpack
from adapters.metrics.curves import AccountRates
from adapters.metrics.measured import Measured
from adapters.metrics.returns import rolling_sharpe
from adapters.metrics.table import METRIC_NAMES, METRICS_BY_NAME, performance
from adapters.plans.combinations import Combinations
from consumer.job.task import TimeLimit
from consumer.kinds.backtest import backtest
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.screen import screen
from consumer.kinds.setup import Setup
from contracts.portfolio_request import LegRequest, PortfolioRequest, Sharing
from contracts.run_request import RunRequest
from engine.metrics import measure
from tests.services.prices import DATA, packed_file

RUINED = "equity fell to zero or below"
# of the whole path, so that they mean nothing once equity was 0 or less
OF_THE_PATH = (
    "cagr", "sharpe_ratio", "sortino_ratio", "calmar_ratio", "volatility", "var_95_pct", "cvar_95_pct", "skewness",
    "kurtosis", "tail_ratio", "exposure_adjusted_return", "average_exposure_pct", "timing_return_pct",
    "timing_sharpe_ratio", "alpha", "beta", "correlation", "tracking_error", "information_ratio", "up_capture",
    "down_capture", "turnover", "best_day_pct", "worst_month_pct",
)  # fmt: skip
REQUEST = RunRequest(
    ticker="AAPL",
    rule_type="MA_CROSS",
    start_date=date(2004, 1, 2),
    end_date=date(2006, 12, 29),
    charts=False,
)
ACCOUNTS = {
    "constant": lambda rng, bars: np.full(bars, 1.0),
    "a walk": lambda rng, bars: np.cumprod(1 + rng.normal(0, 0.02, bars)),
    "below zero": lambda rng, bars: rng.normal(0, 1, bars).cumsum(),
    "a mean of zero": lambda rng, bars: np.full(bars, -1 / bars),
    "at zero": lambda rng, bars: np.where(rng.random(bars) < 0.2, 0.0, 1.0),
    "nearly nothing": lambda rng, bars: 10.0 ** rng.uniform(-300, 0, bars),
    "very much": lambda rng, bars: 10.0 ** rng.uniform(0, 290, bars),
    "interest alone": lambda rng, bars: 1.0001 ** np.arange(bars),
    "rounding": lambda rng, bars: 1 + rng.choice([0, 1e-16, 2.3e-16], bars),
}


def prices(rng, bars):
    kinds = (
        np.full(bars, 50.0),
        50 * np.cumprod(1 + rng.normal(0, 0.02, bars)),
        50 * (1 + rng.choice([0, 2.3e-16], bars)),
        10.0 ** rng.uniform(-6, 9, bars),
    )
    return kinds[rng.integers(len(kinds))]


def trades(rng, close):
    """Trades one after the other, whose profits need not fit the equity."""
    trades, bar = [], 0
    while bar < len(close) and rng.random() < 0.7:
        end = int(rng.integers(bar, len(close)))
        trades.append({
            "side": str(rng.choice(["BUY", "SELL"])), "size": 10.0 ** rng.uniform(-8, 8),
            "entry_bar": bar, "exit_bar": end,
            "entry_price": close.item(bar), "exit_price": close.item(end), "entry_fees": 0.0, "exit_fees": 0.0,
            "pnl_abs": float(rng.choice([0.0, 1.0, -1.0, 1e-320, 1e300])), "pnl_pct": float(rng.normal()),
            "exit_reason": "signal", "is_open": end == len(close) - 1, "mae_pct": 0.0, "mfe_pct": 0.0,
        })  # fmt: skip
        bar = end + 1
    return trades


def account(seed, kind):
    rng = np.random.default_rng(seed)
    bars, capital = (
        int(rng.choice([1, 2, 3, 4, 31, 32, 200])),
        float(rng.choice([0.5, 100.0, 1e12])),
    )
    close, benchmark = prices(rng, bars), None
    if rng.random() < 0.5:
        benchmark = np.where(
            rng.random(bars) < rng.choice([0, 0.1, 1]), np.nan, prices(rng, bars)
        )
    path = np.append(capital, capital * ACCOUNTS[kind](rng, bars))
    days = np.datetime64("2024-01-01", "s") + np.append(0, np.arange(bars)) * np.timedelta64(
        1, "D"
    )
    made = trades(rng, close)
    with np.errstate(all="ignore"):
        core = asdict(measure(path, 252.0, len(made)))
    return Measured(
        path=path,
        close=close,
        timestamps=days,
        core=core,
        trades=made,
        periods_per_year=float(rng.choice([1, 252, 98_280])),
        slippage_bps=5.0,
        risk_free_rate=float(rng.choice([0, 0.02])),
        rates=AccountRates(*rng.choice([0, 0.03], 2).tolist()),
        benchmark=benchmark,
    )


@pytest.mark.parametrize("kind", ACCOUNTS)
def test_no_account_makes_a_metric_fail(kind):
    for seed in range(300):
        run = account(seed, kind)

        measured = performance(run)

        assert measured.failed == [], seed
        assert all(
            np.isfinite(value) for value in measured.metrics.values() if value is not None
        ), seed
        if run.is_ruined:
            assert {measured.metrics[name] for name in OF_THE_PATH} == {None}, seed
            assert measured.notes["turnover"] == RUINED


def test_the_rolling_ratio_of_an_account_ends_with_it():
    for seed in range(100):
        rng = np.random.default_rng(seed)
        path = 100 + 20 * rng.normal(0, 1, 120).cumsum()
        path[0] = 100.0

        ratios = rolling_sharpe(path, 10, 252.0, 0.0)

        after = np.flatnonzero(path <= 0)
        last = int(after[0]) if len(after) else len(path)
        assert np.isnan(ratios[max(last - 1, 0) :]).all(), seed
        assert np.isfinite(ratios[9 : last - 1]).all(), seed


def fail(patch, name, error):
    """Let a metric raise."""
    metric = METRICS_BY_NAME[name]

    @wraps(metric.compute)
    def broken(run):
        raise error

    patch.setattr(metric, "compute", broken)


def traded_together(mode):
    packed = packed_file(DATA, "AAPL")
    run = LegRun.of(REQUEST, packed, backtest(REQUEST, packed).columns["signals_json"])
    leg = LegRequest(ticker="AAPL", rule_type="MA_CROSS", params={})
    terms = {"start_date": "2004-01-02", "end_date": "2006-12-29"}
    request = PortfolioRequest(legs=(leg, leg), sharing=Sharing(mode=mode), terms=terms)
    return PortfolioTrading(request, [run, run])


KINDS = {
    "run": lambda: backtest(REQUEST, packed_file(DATA, "AAPL")).columns,
    "shared account": lambda: traded_together("shared").columns(),
    "sleeves": lambda: traded_together("sleeves").columns(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_metric_that_fails_is_null_and_nothing_else_changes(kind, caplog):
    whole = KINDS[kind]()
    errors = (ZeroDivisionError, ValueError, KeyError, RuntimeError, TypeError)
    for number, name in enumerate(METRIC_NAMES):
        caplog.clear()
        with pytest.MonkeyPatch.context() as patch:
            fail(patch, name, errors[number % len(errors)]("x"))
            columns = KINDS[kind]()

        expected = json.loads(whole["metrics_json"])
        expected["values"][name] = None
        expected["notes"][name] = "could not be computed"
        assert json.loads(columns["metrics_json"]) == expected, name
        assert columns["result_hash"] == whole["result_hash"], name
        assert f"metric_failed metric={name}" in caplog.text


def test_a_metric_that_fails_leaves_a_screen_its_other_numbers(monkeypatch, caplog):
    setup = Setup.of(REQUEST, packed_file(DATA, "AAPL"))
    tried = Combinations.of([{"fast": 5, "slow": 20}, {"fast": 10, "slow": 50}])
    whole = unpack(screen(setup, tried, print, setup.trials())[0])

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("consumer.kinds.screen._timing_ratio", broken)
    screened = unpack(screen(setup, tried, print, setup.trials())[0])

    assert np.isnan(screened["timing_sharpe_ratio"]).all()
    assert screened["sharpe_ratio"].tolist() == whole["sharpe_ratio"].tolist()
    assert "metric_failed metric=timing_sharpe_ratio" in caplog.text


@pytest.mark.parametrize("error", [TimeLimit("60 s"), MemoryError()])
def test_what_ends_the_whole_run_is_no_fault_of_the_metric_in_which_it_comes(error, monkeypatch):
    fail(monkeypatch, "volatility", error)

    with pytest.raises(type(error)):
        backtest(REQUEST, packed_file(DATA, "AAPL"))
