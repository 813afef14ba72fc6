"""Permutation studies: the same bars in random order, the whole search in each, and what that says of the real one."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
import scipy.stats
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.engine import Engine

from adapters.database import reading
from adapters.metrics.moments import Array
from adapters.plans.combinations import Combinations
from adapters.plans.ranking import Ranking
from adapters.studies.resampling import permuted
from adapters.studies.sentence import of_permutations
from adapters.tables import runs
from consumer.kinds.screen import bests_of, core_of, permuted_bars
from consumer.kinds.setup import Setup
from contracts.run_request import RunRequest
from tests.consumer.test_backtest import DATA, WHOLE
from tests.consumer.test_screen import ASKED, PAIRS
from tests.services.prices import packed_content, packed_file
from tests.services.studies import BASE, complete
from tests.studies.short_parts import closes_of

AAPL = packed_file(DATA, "AAPL")
RANKED = Ranking("sharpe_ratio", "max")
ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
PERMUTED = {"kind": "permutation", "permutations": 60}


def setup(request: RunRequest = ASKED) -> Setup:
    return Setup.of(request, AAPL)


def test_permuted_bars_keep_ends_returns_and_warm_up() -> None:
    real, first = setup().prices.bars.columns, setup().prices.first_bar
    shuffled = permuted_bars(real, first, np.random.default_rng(1))

    for name in ("Open", "High", "Low", "Close", "Volume"):
        assert (shuffled[name][: first + 1] == real[name][: first + 1]).all()
        assert (shuffled[name] != real[name]).any()
    assert shuffled["Close"][-1] == pytest.approx(real["Close"][-1], rel=1e-9)
    for columns in (real, shuffled):
        columns["gap"] = columns["Open"][first + 1 :] / columns["Close"][first:-1]
        columns["body"] = columns["Close"][first + 1 :] / columns["Open"][first + 1 :]
        columns["reach"] = columns["High"][first + 1 :] / columns["Low"][first + 1 :]
    for name in ("gap", "body", "reach"):
        assert np.sort(shuffled[name]) == pytest.approx(np.sort(real[name]), rel=1e-9), name
    assert sorted(shuffled["Volume"]) == sorted(real["Volume"])
    assert (shuffled["High"] >= np.maximum(shuffled["Open"], shuffled["Close"])).all()
    assert (shuffled["Low"] <= np.minimum(shuffled["Open"], shuffled["Close"])).all()


def test_gaps_and_shapes_are_permuted_apart() -> None:
    real, first = setup().prices.bars.columns, setup().prices.first_bar
    shuffled = permuted_bars(real, first, np.random.default_rng(1))

    def pairs(columns: dict[str, Any]) -> set[tuple[float, float]]:
        gaps = columns["Open"][first + 1 :] / columns["Close"][first:-1]
        bodies = columns["Close"][first + 1 :] / columns["Open"][first + 1 :]
        return {*zip(gaps.round(9).tolist(), bodies.round(9).tolist(), strict=True)}

    assert len(pairs(shuffled) & pairs(real)) < 30


def test_a_permutation_is_the_same_whoever_searches_it() -> None:
    tried = Combinations.of(PAIRS)

    whole = list(bests_of(setup(), tried, RANKED, 7, range(4)))
    parts = [
        *bests_of(setup(), tried, RANKED, 7, range(2)),
        *bests_of(setup(), tried, RANKED, 7, range(2, 4)),
    ]

    assert whole == parts
    assert len({*whole}) == 4
    assert whole != list(bests_of(setup(), tried, RANKED, 8, range(4)))


@pytest.mark.parametrize(
    ("goal", "bests", "above", "p"),
    [("max", [1, 2, 3, -np.inf], 2, 3 / 5), ("min", [1, 2, 3, np.inf], 2, 3 / 5)],
)
def test_the_p_value_counts_the_real_order_as_one_of_all(
    goal: Any, bests: list[float], above: int, p: float
) -> None:
    result = permuted(2.0, np.array(bests, dtype=float), goal, 0)

    assert (result["above"], result["p_value"]) == (above, p)
    assert result["bests"][3] is None


def test_a_search_holds_below_a_p_of_5_percent_and_not_at_it() -> None:
    for permutations in range(19, 3000):
        for above in {permutations // 20 + change for change in (-1, 0, 1)} - {-1}:
            bests = np.repeat([2.0, 0.0], [above, permutations - above])
            result = permuted(1.0, bests, "max", 0)
            is_below = Fraction(1 + above, 1 + permutations) < Fraction(5, 100)

            judged = of_permutations(result, "Sharpe ratio", "")

            assert judged.outcome == ("holds" if is_below else "luck"), (permutations, above)
            assert ("avoiding volatile times" in judged.sentence) == is_below


@ON_SQLITE
def test_a_study_searches_each_order_and_says_what_it_found(
    client: FlaskClient, engine: Engine
) -> None:
    study = complete(client, engine, **PERMUTED)

    verdict = study["verdict"]
    with reading(engine) as connection:
        kinds = list(connection.execute(select(runs.c.kind).order_by(runs.c.id)).scalars())
    result = verdict["permutation"]
    assert kinds == ["training"] + ["permutation"] * 3
    assert (result["permutations"], len(result["bests"]), result["failed"]) == (60, 60, 0)
    observed = verdict["folds"][0]["chosen"][0]["train"]["sharpe_ratio"]
    assert result["observed"] == observed
    assert result["above"] == sum(best >= observed for best in result["bests"])
    assert result["p_value"] == (1 + result["above"]) / 61
    assert study["outcome"] == ("holds" if result["p_value"] < 0.05 else "luck")
    assert f"{result['above']} of 60 searches of shuffled bars" in study["sentence"]
    page = client.get(f"/studies/{study['study_id']}").get_data(as_text=True)
    with reading(engine) as connection:
        jobs = connection.execute(select(runs.c.run_id)).scalars().all()
    for job in jobs:
        assert client.get(f"/result/{job}").location == f"/studies/{study['study_id']}"
        assert client.get(f"/api/screens/{job}").status_code == 404
    assert "Shuffled bars" in page
    assert "Best result of the search: shuffled bars and real bars" in page


@ON_SQLITE
def test_nothing_is_reported_where_nothing_trades(client: FlaskClient, engine: Engine) -> None:
    study = complete(
        client, engine, **PERMUTED, base=BASE | {"size_type": "value", "position_size": 0.01}
    )

    assert study["outcome"] == "none"


@ON_SQLITE
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"metric": "cagr"}, "metric"),
        ({"constraints": ["win_rate > 3"]}, "constraints.0"),
        ({"by_neighbourhood": True}, "by_neighbourhood"),
        ({"permutations": 5}, "permutations"),
        ({"permutations": 10_000, "combinations": [{"fast": f, "slow": 99} for f in range(2, 9)] * 30}, "permutations"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_so_is_refused(
    client: FlaskClient, changes: dict[str, Any], field: str
) -> None:
    answer = client.post(
        "/api/studies", json={"base": BASE, "combinations": PAIRS} | PERMUTED | changes
    )

    assert (answer.status_code, {*answer.json["errors"]}) == (400, {field})


def walk(seed: int, bars: int, edge: float) -> bytes:
    """A random walk as a CSV; with an edge the next move leans to the side of the last one."""
    rng = np.random.default_rng(seed)
    moves = rng.normal(0.0, 0.01, bars)
    for bar in range(1, bars):
        moves[bar] += edge * np.sign(moves[bar - 1]) * 0.01
    return csv_of(100 * np.exp(moves.cumsum()))


def csv_of(closes: Array) -> bytes:
    """Daily bars that have one price each."""
    days = np.datetime64("2000-01-03") + np.arange(len(closes))
    lines = [
        f"{day},{close},{close},{close},{close},1000"
        for day, close in zip(days, closes.round(4), strict=True)
    ]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *lines]).encode()


def p_of(
    content: bytes,
    permutations: int = 99,
    direction: str = "longshort",
    averages: tuple[Sequence[int], Sequence[int]] = ((2, 3, 5), (8, 13)),
) -> float:
    """The p-value of a small search in a price series."""
    packed = packed_content(content, "WALK", "1d")
    dates = {"start_date": WHOLE.start_date, "end_date": WHOLE.end_date}
    terms: dict[str, Any] = {
        "position_size": 99.0,
        "size_type": "percent",
        "direction": direction,
        "fee_rate": 0.0,
    }
    request = RunRequest(ticker="WALK", rule_type="MA_CROSS", charts=False, **dates, **terms)
    of_walk = Setup.of(request, packed)
    tried = Combinations.of([{"fast": fast, "slow": slow} for fast, slow in product(*averages)])
    real = core_of(of_walk, [of_walk.rule(tried.member(number)) for number in range(len(tried))])
    bests = np.array(list(bests_of(of_walk, tried, RANKED, 0, range(permutations))))
    result = permuted(float(np.nanmax(real["sharpe_ratio"])), bests, "max", 0)
    return float(result["p_value"])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_p_is_uniform_on_random_walks_and_small_with_an_edge() -> None:
    p_values = [p_of(walk(seed, 500, 0.0)) for seed in range(200)]
    planted = [p_of(walk(seed, 1500, 0.5)) for seed in range(1000, 1020)]

    assert scipy.stats.kstest(p_values, "uniform").pvalue > 0.01
    assert sum(p < 0.05 for p in planted) >= 18


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_volatility_that_rises_after_falls_is_found_without_any_other_pattern() -> None:
    closes = closes_of("GJR leverage", 1000, 100, 2)
    searches = {"direction": "longonly", "averages": ((5, 10, 20), (30, 60))}

    p_values = [p_of(csv_of(world), **searches) for world in closes.T]

    assert 0.08 < sum(p < 0.05 for p in p_values) / len(p_values) < 0.3
