"""A portfolio's own calendar: bars in its year, and the bars on which anything is held."""

import json
import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from adapters.prices.bars import PriceBars
from adapters.prices.packing import PackedPrices, pack_bars, unpack_bars
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.setup import Setup
from contracts.portfolio_request import LegRequest, PortfolioRequest, Sharing
from contracts.run_request import RunRequest
from tests.services.prices import DATA, packed_file

DAY_S = 86_400
START, END = "2004-01-01", "2024-01-01"
RUN = RunRequest(
    ticker="AAA",
    rule_type="rsi",
    params={},
    start_date=date(2004, 1, 1),
    end_date=date(2024, 1, 1),
    fractional_shares=True,
    charts=False,
)


def prices_of(times: np.ndarray, ticker: str, seed: int) -> PackedPrices:
    close = (
        10_000 * np.exp(np.random.default_rng(seed).normal(0, 0.01, len(times)).cumsum())
    ).astype(np.int64)
    bars = PriceBars("1d", times, (close, close, close, close), np.full(len(times), 1000), 2, 0)
    return PackedPrices(ticker, "1d", f"{seed}", 2, 0, [part for _, part in pack_bars(bars)])


def days(first: str, last: str, weekends: bool = False) -> np.ndarray:
    """Midnights from the first day on, those before the last."""
    every = np.arange(np.datetime64(first), np.datetime64(last))
    chosen = every if weekends else every[np.is_busday(every)]
    return chosen.astype("M8[s]").astype(np.int64)


def traded(
    calendars: list[np.ndarray], signals: list[int], sides: str = "longonly", **fields: object
) -> PortfolioTrading:
    """Legs on these calendars; each buys or sells on every bar by its signal."""
    request = replace(RUN, direction=sides, **fields)  # type: ignore[arg-type]
    runs = []
    for number, (times, signal) in enumerate(zip(calendars, signals, strict=True)):
        leg_request = replace(request, ticker=f"T{number}")
        setup = Setup.of(leg_request, prices_of(times, leg_request.ticker, number))
        runs.append(LegRun(setup, np.full(len(setup.prices.traded), signal, dtype=np.int8)))
    terms = {
        name: value
        for name, value in request.to_json().items()
        if name not in ("ticker", "rule_type", "params")
    }
    legs = tuple(LegRequest(ticker=f"T{n}", rule_type="rsi", params={}) for n in range(len(runs)))
    return PortfolioTrading(PortfolioRequest(legs=legs, sharing=Sharing(), terms=terms), runs)


def metrics_of(portfolio: PortfolioTrading) -> dict[str, float]:
    values: dict[str, float] = json.loads(portfolio.columns()["metrics_json"])["values"]
    return values


def random_calendar(rng: np.random.Generator) -> np.ndarray:
    """Some days of these twenty years, with or without weekends, less its own holidays."""
    every = days(START, END, weekends=rng.random() < 0.4)
    first = rng.integers(0, len(every) - 700)
    part = every[first : first + rng.integers(600, len(every))]
    return part[rng.random(len(part)) > rng.choice([0.0, 0.02, 0.04])]


def test_a_year_has_the_bars_of_the_joined_calendar() -> None:
    mixed = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        calendars = [random_calendar(rng) for _ in range(rng.integers(1, 5))]

        portfolio = traded(calendars, [1] * len(calendars))

        joined = sorted({time for times in calendars for time in times.tolist()})
        counted = (len(joined) - 1) / ((joined[-1] - joined[0]) / DAY_S) * 365.25
        values = metrics_of(portfolio)
        if all(len(times) < len(joined) for times in calendars):
            mixed += 1
            assert values["bars_per_year"] == round(counted), seed
        else:  # one leg has every bar: the year of its prices
            assert abs(values["bars_per_year"] - counted) < 20, seed
            assert values["bars_per_year"] in (252, 260, 365), seed
        equity = portfolio.result.equity_curve
        returns = np.diff(np.append(RUN.initial_capital, equity)) / np.append(
            RUN.initial_capital, equity[:-1]
        )
        sharpe = returns.mean() / returns.std(ddof=1) * math.sqrt(values["bars_per_year"])
        assert values["sharpe_ratio"] == pytest.approx(sharpe), seed
        assert values["volatility"] == pytest.approx(
            returns.std(ddof=1) * math.sqrt(values["bars_per_year"]) * 100
        ), seed
    assert mixed > 100


def test_a_short_leg_of_every_day_does_not_make_a_year_of_365_bars() -> None:
    calendars = [days(START, END), days("2010-01-01", "2011-02-23", weekends=True)]

    joined = metrics_of(traded(calendars, [1, 1]))["bars_per_year"]

    assert joined == round((len(calendars[0]) + 418 - len(days("2010-01-01", "2011-02-23"))) / 20)


def test_a_calendar_that_one_leg_has_whole_is_annualised_as_that_leg() -> None:
    every_day = days("2005-01-01", "2008-01-01", weekends=True)

    assert (
        metrics_of(traded([days("2006-01-01", "2007-06-01"), every_day], [1, 1]))["bars_per_year"]
        == 365
    )


def test_bars_per_year_of_the_request_count_whatever_the_calendar() -> None:
    calendars = [days(START, END), days("2010-01-01", "2011-02-23", weekends=True)]

    assert metrics_of(traded(calendars, [1, 1], bars_per_year=300))["bars_per_year"] == 300


@pytest.mark.parametrize("seed", range(40))
def test_a_bar_with_any_open_position_counts_as_exposed(seed: int) -> None:
    """Two opposite legs of one ticker, and others, against what is counted from the trades."""
    rng = np.random.default_rng(seed)
    times = days("2010-01-01", "2011-01-01")
    portfolio = traded(
        [times, times], [1, -1], "longshort", position_size=float(rng.integers(1, 40_000))
    )
    same = portfolio._runs[0].setup
    signals = rng.choice([-1, 0, 1], len(times), p=[0.1, 0.8, 0.1]).astype(np.int8)
    opposite = [LegRun(same, signals), LegRun(same, -signals)]

    portfolio = PortfolioTrading(portfolio._request, opposite)

    values, bars = metrics_of(portfolio), len(times)
    long, short = np.zeros(bars), np.zeros(bars)
    for trade in portfolio.trades:
        until = bars if trade["is_open"] else trade["exit_bar"]
        side = long if trade["side"] == "BUY" else short
        side[trade["entry_bar"] : until] += trade["size"]
    close, equity = same.prices.traded.columns["Close"], portfolio.result.equity_curve
    gross, net = ((long + short) * close / equity)[:-1], ((long - short) * close / equity)[:-1]
    assert len(portfolio.trades) > 10
    assert values["exposure_pct"] == pytest.approx(((long + short) > 0).mean() * 100)
    assert values["average_gross_exposure_pct"] == pytest.approx(gross.mean() * 100)
    assert values["average_exposure_pct"] == pytest.approx(net.mean() * 100, abs=1e-9)
    assert values["exposure_adjusted_return"] == pytest.approx(
        values["cagr"] / ((long + short) > 0).mean()
    )


def test_the_example_of_the_documents_has_262_bars_in_its_year() -> None:
    shipped = unpack_bars(packed_file(DATA, "AAPL")).times
    coin = days("2010-01-01", "2011-02-23", weekends=True)

    assert (len(shipped), len(coin)) == (3270, 418)
    portfolio = traded([shipped, coin], [1, 1], start_date=date(1999, 1, 1))

    assert metrics_of(portfolio)["bars_per_year"] == 262
