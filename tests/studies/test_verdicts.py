"""Verdicts: recomputed from the runs' own results by code of its own, and what noise and bad input come to."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy
from flask.testing import FlaskClient
from sqlalchemy.engine import Engine

from tests.services.studies import BASE, GRID, complete, judge_here, run_training_part

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

Get = Callable[[str], dict[str, Any]]


@pytest.fixture
def run(client: FlaskClient) -> Get:
    """A run by its id, as everybody reads it."""
    return lambda run_id: dict(client.get(f"/api/runs/{run_id}").json)


def returns_of(run: dict[str, Any]) -> "pd.Series[float]":
    equity = pd.Series({point["date"]: point["equity"] for point in run["equity_curve"]})
    return equity.pct_change().fillna(equity.iloc[0] / run["request"]["initial_capital"] - 1)


def deflated(returns: "pd.Series[float]", others: list[float], trials: int) -> float:
    """Bailey & López de Prado (2014), equation 2, with pandas and scipy."""
    ratio = returns.mean() / returns.std()
    error = math.sqrt(
        (1 - returns.skew() * ratio + (returns.kurt() + 2) / 4 * ratio**2) / (len(returns) - 1)
    )
    return float(scipy.stats.norm.cdf((ratio - best_by_luck(others, trials)) / error))


def best_by_luck(others: list[float], trials: int) -> float:
    """The ratio that is expected of the best of so many trials without skill."""
    if trials == 1:
        return 0.0
    quantiles = scipy.stats.norm.ppf([1 - 1 / trials, 1 - 1 / trials / math.e])
    return float(np.std(others, ddof=1) * (quantiles @ [1 - np.euler_gamma, np.euler_gamma]))


def skill_of(timed: "pd.Series[float]", others: list[float], trials: int) -> float:
    """Student's t of excess returns, whose skewness counts against them alone."""
    ratio, count = timed.mean() / timed.std(), len(timed)
    error = math.sqrt((1 + max(-timed.skew() * ratio, 0.0)) / count)
    return float(scipy.stats.t.cdf((ratio - best_by_luck(others, trials)) / error, count - 1))


def best_of_all(skill: float, timings: "list[pd.DataFrame]") -> float:
    """Probability that no Gaussian with the correlations of all trials is as large."""
    sides = [np.sign(each["exposure"]).to_numpy() for each in timings]
    rows = [(side - side.mean()) * timings[0]["move"].to_numpy() for side in sides]
    units = np.array([row / np.linalg.norm(row) for row in rows])
    normal = scipy.stats.multivariate_normal(cov=units @ units.T, allow_singular=True)
    return float(normal.cdf(np.full(len(rows), scipy.stats.norm.ppf(skill))))


def timing_of(run: dict[str, Any]) -> "pd.DataFrame":
    """Of each bar after the first: return, exposure at the close before, and the asset's move."""
    equity = pd.Series({point["date"]: point["equity"] for point in run["equity_curve"]})
    closes = pd.Series({candle["date"]: candle["close"] for candle in run["price_candles"]})
    shares = pd.Series(0.0, equity.index)
    for trade in run["trades"]:
        size = trade["size"] if trade["side"] == "BUY" else -trade["size"]
        shares[trade["entry_timestamp"][:10] :] += size
        if not trade["is_open"]:
            shares[trade["exit_timestamp"][:10] :] -= size
    path = pd.concat([pd.Series([run["request"]["initial_capital"]]), equity.iloc[1:]])
    columns = {
        "own": path.pct_change().iloc[1:].to_numpy(),
        "exposure": (shares * closes / equity).to_numpy()[:-1],
        "move": closes.pct_change().iloc[1:].to_numpy(),
    }
    return pd.DataFrame(columns, index=equity.index[1:])


def excess(timing: "pd.DataFrame") -> "pd.Series[float]":
    """Returns above the mean exposure of all bars but the tenth behind each."""
    behind, places = len(timing) // 10, np.arange(len(timing))
    usual = [
        timing["exposure"].to_numpy()[(places <= bar) | (places > bar + behind)].mean()
        for bar in range(len(timing))
    ]
    return timing["own"] - np.array(usual) * timing["move"]


def excess_ahead(timing: "pd.DataFrame") -> "pd.Series[float]":
    """The same, or above the mean exposure up to each bar, whichever has the lower Sharpe ratio."""
    past = timing["own"] - timing["exposure"].expanding().mean() * timing["move"]
    return min(excess(timing), past, key=lambda each: each.mean() / each.std())


def overfitted(returns: pd.DataFrame, blocks: int = 16) -> float:
    length = len(returns) // blocks
    parts = np.split(returns.to_numpy()[len(returns) - length * blocks :], blocks)
    below = 0
    halves = list(combinations(range(blocks), blocks // 2))
    for half in halves:
        rest = [number for number in range(blocks) if number not in half]
        inside, outside = (
            np.vstack([parts[number] for number in chosen]) for chosen in (half, rest)
        )
        with np.errstate(invalid="ignore"):
            best, ratios = (
                np.nan_to_num(each.mean(axis=0) / each.std(axis=0, ddof=1))
                for each in (inside, outside)
            )
        below += scipy.stats.rankdata(ratios)[best.argmax()] / (len(ratios) + 1) <= 0.5
    return below / len(halves)


def buy_and_hold(*runs: dict[str, Any]) -> float:
    """Return from the first close to the last, in percent."""
    return (
        runs[-1]["price_candles"][-1]["close"] / runs[0]["price_candles"][0]["close"] - 1
    ) * 100


def test_a_selection_recomputed_from_its_runs_is_the_same(
    client: FlaskClient, engine: Engine, run: Get
) -> None:
    study = complete(client, engine, kind="selection")
    verdict = study["verdict"]

    runs = {run_id: run(run_id) for run_id in run_training_part(client, engine, study, 0)}
    returns = {run_id: returns_of(each) for run_id, each in runs.items()}
    ratios = {run_id: each.mean() / each.std() for run_id, each in returns.items()}
    best = max(ratios, key=lambda run_id: ratios[run_id])

    fold = verdict["folds"][0]
    assert len(returns) == fold["evidence"]["trials"] == verdict["trials"] == len(GRID)
    assert fold["chosen"][0]["params"] == runs[best]["request"]["params"]
    assert fold["evidence"]["sharpe_ratio"] == pytest.approx(
        ratios[best] * math.sqrt(252), rel=1e-5
    )
    expected = deflated(returns[best], list(ratios.values()), len(GRID))
    assert fold["evidence"]["deflated"] == pytest.approx(expected, rel=1e-4)
    assert fold["overfitting"]["probability"] == overfitted(pd.DataFrame(returns))
    timed = {run_id: excess(timing_of(each)) for run_id, each in runs.items()}
    skill = best_of_all(skill_of(timed[best], [], 1), [*map(timing_of, runs.values())])
    assert fold["timing"]["trials"] == len(GRID)
    assert fold["timing"]["deflated"] == pytest.approx(skill, abs=0.02)
    assert fold["timing"]["yearly_pct"] == pytest.approx(timed[best].mean() * 252 * 100, rel=1e-3)
    assert study["outcome"] == (
        "fails" if timed[best].mean() <= 0 else "holds" if skill >= 0.95 else "luck"
    )
    buy_hold_pct = buy_and_hold(runs[best])
    assert verdict["beside"]["buy_hold_pct"] == pytest.approx(buy_hold_pct, rel=1e-6)
    assert f"buy-and-hold {buy_hold_pct:,.1f}% (before costs)" in verdict["beside"]["sentence"]


def test_a_walk_forward_recomputed_from_its_runs_is_the_same(
    client: FlaskClient, engine: Engine, run: Get
) -> None:
    study = complete(client, engine)
    verdict = study["verdict"]

    stitched, parts, growth = [], [], {"train": [0.0, 0.0], "test": [0.0, 0.0]}
    for number, fold in enumerate(verdict["folds"]):
        runs = [run(run_id) for run_id in run_training_part(client, engine, study, number)]
        best = max(runs, key=lambda each: each["metrics"]["sharpe_ratio"])
        chosen = fold["chosen"][0]
        assert chosen["params"] == best["request"]["params"]
        tested = run(chosen["test_run"])
        assert tested["request"]["params"] == best["request"]["params"]
        assert (tested["request"]["start_date"], tested["request"]["end_date"]) == tuple(
            fold["test"]
        )
        stitched.append(returns_of(tested))
        parts.append(tested)
        for part, each in (("train", best), ("test", tested)):
            days = [date.fromisoformat(each["equity_curve"][at]["date"]) for at in (0, -1)]
            growth[part][0] += math.log(each["metrics"]["final_equity"] / 100_000)
            growth[part][1] += ((days[1] - days[0]).days + 1) / 365.25
    path = pd.concat(stitched)

    ahead = verdict["out_of_sample"]
    assert ahead["bars"] == len(path)
    assert ahead["amounts"]["total_return_pct"] == pytest.approx(
        ((1 + path).prod() - 1) * 100, rel=1e-6
    )
    equity = (1 + path).cumprod()
    assert ahead["amounts"]["max_drawdown_pct"] == pytest.approx(
        (1 - equity / equity.cummax().clip(1)).max() * 100
    )
    assert ahead["evidence"]["sharpe_ratio"] == pytest.approx(
        path.mean() / path.std() * math.sqrt(252), rel=1e-6
    )
    assert ahead["evidence"]["probabilistic"] == pytest.approx(deflated(path, [], 1), rel=1e-6)
    timed = excess_ahead(pd.concat([timing_of(each) for each in parts]))
    assert ahead["timing"]["probabilistic"] == pytest.approx(skill_of(timed, [], 1), rel=1e-4)
    assert ahead["timing"]["yearly_pct"] == pytest.approx(timed.mean() * 252 * 100, rel=1e-4)
    assert verdict["beside"]["buy_hold_pct"] == pytest.approx(buy_and_hold(*parts), rel=1e-6)
    assert study["outcome"] == (
        "fails" if timed.mean() <= 0 else "holds" if skill_of(timed, [], 1) >= 0.95 else "luck"
    )
    rates = {part: gained / years for part, (gained, years) in growth.items()}
    assert ahead["efficiency"] == pytest.approx(rates["test"] / rates["train"], rel=1e-5)
    first, last = (each["values"] for each in verdict["parameters"])
    assert list(zip(first, last, strict=True)) == [
        tuple(fold["chosen"][0]["params"].values()) for fold in verdict["folds"]
    ]


def noise(seed: int, days: int = 2600) -> str:
    """A random walk without drift, as a CSV."""
    rng = np.random.default_rng(seed)
    # the mean of a day's return is 0
    closes = 100 * np.exp(np.cumsum(rng.normal(-0.00005, 0.01, days)))
    lines = ["Date,Open,High,Low,Close,Volume"]
    day = date(2000, 1, 3)
    for before, close in zip([100.0, *closes[:-1]], closes, strict=True):
        lines.append(
            f"{day},{before:.4f},{max(before, close):.4f},{min(before, close):.4f},{close:.4f},1000"
        )
        day += timedelta(days=3 if day.weekday() == 4 else 1)
    return "\n".join(lines)


@pytest.mark.parametrize("kind", ["selection", "walk_forward"])
def test_noise_is_called_noise(client: FlaskClient, engine: Engine, kind: str) -> None:
    loaded = client.put("/api/prices/NOISE/1d", data=noise(11), content_type="text/csv")
    assert loaded.status_code == 201, loaded.text
    base = BASE | {"ticker": "NOISE", "start_date": "2001-01-01", "end_date": "2009-12-31"}
    grid = [
        {"fast": fast, "slow": slow} for fast in (3, 5, 8, 13, 21) for slow in (34, 55, 89, 144)
    ]

    study = complete(client, engine, kind=kind, base=base, combinations=grid)

    assert study["outcome"] in ("luck", "fails")
    assert "a constant position" in study["sentence"]


def test_a_grid_of_one_is_judged_without_deflation(client: FlaskClient, engine: Engine) -> None:
    study = complete(client, engine, kind="selection", combinations=GRID[:1])

    fold, notes = study["verdict"]["folds"][0], study["verdict"]["notes"]
    assert fold["evidence"]["deflated"] == fold["evidence"]["probabilistic"]
    assert fold["overfitting"] is None
    assert notes["folds.0.overfitting"] == "fewer than two combinations with returns that vary"


def test_folds_without_trades_and_constant_returns_have_reasons(
    client: FlaskClient, engine: Engine
) -> None:
    still = [{"period": 14, "oversold": oversold, "overbought": 90} for oversold in (1, 2)]
    base = BASE | {"rule_type": "RSI"}

    study = complete(client, engine, kind="selection", base=base, combinations=still)

    verdict = study["verdict"]
    assert study["outcome"] == "none"
    assert (
        study["sentence"]
        == "No verdict: no combination traded, has the metric and keeps the constraints."
    )
    assert (verdict["bootstrap"], verdict["shuffled_trades"], verdict["equity"]) == (
        None,
        None,
        None,
    )
    assert (
        verdict["notes"]["folds.0.evidence"]
        == verdict["notes"]["folds.0.timing"]
        == "nothing was chosen"
    )


def test_test_parts_on_which_nothing_moves_leave_no_number(
    client: FlaskClient, engine: Engine
) -> None:
    head, *moving = noise(3, 800).splitlines()
    days = [date(2003, 2, 3) + timedelta(days=number) for number in range(500)]
    still = [f"{day},100,100,100,100,1000" for day in days if day.weekday() < 5]
    loaded = client.put(
        "/api/prices/STILL/1d", data="\n".join([head, *moving, *still]), content_type="text/csv"
    )
    assert loaded.status_code == 201, loaded.text
    base = BASE | {"ticker": "STILL", "start_date": "2000-01-03", "end_date": "2004-05-31"}

    study = complete(client, engine, base=base, train_days=1140, test_days=200)

    verdict = study["verdict"]
    assert study["outcome"] == "none"
    assert study["sentence"] == "No verdict: the position never changed size."
    assert [fold["chosen"][0]["test"]["num_trades"] for fold in verdict["folds"]] == [0, 0]
    assert (
        verdict["out_of_sample"]["evidence"]
        is verdict["bootstrap"]
        is verdict["shuffled_trades"]
        is None
    )
    assert verdict["notes"]["bootstrap"] == "equity did not vary"


@pytest.mark.parametrize(("share", "is_short"), [(0.03, True), (0.4, False)])
def test_a_verdict_says_when_its_test_part_is_short(
    client: FlaskClient, engine: Engine, share: float, is_short: bool
) -> None:
    study = complete(client, engine, kind="holdout", holdout_share=share)

    bars = study["verdict"]["out_of_sample"]["bars"]
    assert (bars < 150) == is_short
    assert (f"The test is short: {bars} bars" in study["sentence"]) == is_short


def test_a_short_test_part_has_no_yearly_growth(client: FlaskClient, engine: Engine) -> None:
    study = complete(client, engine, kind="holdout", holdout_share=0.03)

    verdict = study["verdict"]
    assert verdict["bootstrap"]["cagr"] is verdict["out_of_sample"]["amounts"] is None
    assert verdict["notes"]["bootstrap.cagr"] == "too short for a yearly rate"
    assert "None" not in client.get(f"/studies/{study['study_id']}").text


def test_a_constraint_that_nothing_keeps_leaves_no_verdict(
    client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, constraints=["num_trades > 1000 and cagr > 0"])

    assert study["outcome"] == "none"
    assert study["counts"]["completed"] == study["runs"]["training"]


def test_a_holdout_says_what_was_chosen_before_it(client: FlaskClient, engine: Engine) -> None:
    study = complete(client, engine, kind="holdout", chosen=3, holdout_share=0.4)

    chosen = study["verdict"]["folds"][0]["chosen"]
    ratios = [each["train"]["sharpe_ratio"] for each in chosen]
    assert len(chosen) == 3
    assert ratios == sorted(ratios, reverse=True)
    assert all(each["test"]["num_trades"] is not None for each in chosen)
    assert "→" in study["sentence"]


def test_the_same_study_again_is_bit_for_bit_the_same(
    client: FlaskClient, engine: Engine
) -> None:
    def stripped(study: dict[str, Any]) -> dict[str, Any]:
        verdict = judge_here(engine, study["study_id"])
        for fold in verdict["folds"]:
            for each in fold["chosen"]:
                del each["test_run"]
        return dict(verdict)

    studies = [complete(client, engine, name=name, seed=7) for name in ("one", "two")]

    first, again = map(stripped, studies)  # each is a trial of the other

    assert first == again
    assert first["bootstrap"]["seed"] == 7


def test_intervals_are_of_the_ratio_above_the_risk_free_rate(
    client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, kind="selection", base=BASE | {"risk_free_rate": 0.9})

    evidence, boot = study["verdict"]["folds"][0]["evidence"], study["verdict"]["bootstrap"]
    assert boot["sharpe_ratio"][0] < evidence["sharpe_ratio"] < boot["sharpe_ratio"][1]
    assert evidence["sharpe_ratio"] < 0  # which it is above the rate alone


def test_the_benchmark_is_named_with_buying_and_holding(
    client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, kind="holdout", base=BASE | {"benchmark": "IBM"})

    comparison = study["verdict"]["beside"]
    assert comparison["benchmark_pct"] != comparison["buy_hold_pct"]
    benchmark = f"benchmark IBM {comparison['benchmark_pct']:,.1f}%".replace("-", "−")
    assert benchmark in comparison["sentence"]


def test_a_benchmark_without_prices_at_one_end_is_not_compared(
    client: FlaskClient, engine: Engine
) -> None:
    base = BASE | {"ticker": "XOM", "benchmark": "^GSPC", "end_date": "2020-12-31"}

    verdict = complete(client, engine, kind="selection", base=base)["verdict"]

    assert verdict["beside"]["benchmark_pct"] is None
    assert verdict["beside"]["buy_hold_pct"] is not None
    assert "to 2018-12-31, and the comparison is from" in verdict["notes"]["beside.benchmark_pct"]
    assert "^GSPC" not in verdict["beside"]["sentence"]
