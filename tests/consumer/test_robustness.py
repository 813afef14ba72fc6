"""Robustness of a run: each variation equals a run with that variation, and the parts add up to the run."""

import json
import math
import random
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from adapters.studies.resampling import QUANTILES, automatic_block
from adapters.studies.trials import Tries
from consumer.kinds.robustness import BEST_TRADES, Robustness
from consumer.kinds.setup import Setup
from consumer.kinds.varied import VariedRun
from contracts.run_request import RunRequest
from contracts.values import Json
from tests.services.prices import DATA, packed_file

BASE = RunRequest(
    ticker="AAPL",
    rule_type="MA_CROSS",
    params={"fast": 20, "slow": 50},
    start_date=date(2004, 1, 1),
    end_date=date(2012, 12, 31),
    position_size=100,
    size_type="percent",
    stop_loss_pct=10.0,
)
FORMULA = {
    "buy": "close > sma(close, n)",
    "sell": "close < sma(close, n)",
    "inputs": {"n": 50},
}


def robustness_of(request: RunRequest) -> Json:
    setup = Setup.of(request, packed_file(DATA, request.ticker))
    return Robustness(VariedRun(setup, setup.trials()), Tries()).to_json()


def return_of(request: RunRequest) -> float:
    setup = Setup.of(request, packed_file(DATA, request.ticker))
    return setup.result_of(setup.rule()).metrics.total_return_pct


def random_requests(count: int, seed: int) -> list[RunRequest]:
    rng = random.Random(seed)
    return [
        replace(
            BASE,
            ticker=rng.choice(["AAPL", "KO", "^GSPC"]),
            rule_type=rule_type,
            params=params,
            start_date=date(rng.randint(2001, 2007), rng.randint(1, 12), 1),
            fill=rng.choice(["close", "next_open"]),
            direction=rng.choice(["longonly", "longshort"]),
            stop_loss_pct=rng.choice([None, 8.0]),
            position_size=rng.choice([25, 60, 95]),
            slippage_bps=rng.choice([0.0, 5.0]),
        )
        for rule_type, params in [
            ("MA_CROSS", {"fast": rng.randint(5, 30), "slow": rng.randint(40, 90)}),
            ("RSI", {"period": rng.randint(5, 20)}),
            ("FORMULA", FORMULA),
        ]
        for _ in range(count)
    ]


def test_neighbours_of_rule_and_stops_count_as_the_runs_that_they_equal() -> None:
    setup = Setup.of(BASE, packed_file(DATA, BASE.ticker))
    trials = setup.trials()

    strips = Robustness(VariedRun(setup, trials), Tries()).to_json()["neighbours"]["numbers"]

    expected = set[int]()
    for strip in strips:
        field, _, name = strip["name"].partition(".")
        for value in (each["value"] for each in strip["points"] if not each["is_run"]):
            changed = {"params": {**BASE.params, name: value}} if name else {field: value}
            of_run = replace(setup, request=replace(BASE, **Json(changed)))
            alone, rule = of_run.trials(), of_run.rule()
            alone.add(rule.spec.name, rule.params, np.zeros(len(alone.times)))
            expected.update(alone.hashes)
    assert {strip["name"] for strip in strips} > {"stop_loss_pct"}
    assert {*trials.hashes} == expected


def test_a_neighbour_equals_a_run_with_its_value() -> None:
    for request in random_requests(2, seed=1):
        strips = robustness_of(request)["neighbours"]["numbers"]

        assert strips, request
        for strip in strips:
            field, _, name = strip["name"].partition(".")
            for point in strip["points"]:
                if field != "params":
                    varied = replace(request, **{field: point["value"]})
                elif request.rule_type == "FORMULA":
                    varied = replace(request, params={**FORMULA, "inputs": {"n": point["value"]}})
                else:
                    varied = replace(request, params={**request.params, name: point["value"]})
                assert point["return_pct"] == return_of(varied), (request, strip["name"], point)


def test_the_numbers_of_members_and_inputs_with_bounds_are_varied() -> None:
    members = [
        {"rule_type": "RSI", "params": {"period": 10}},
        {"rule_type": "MA_CROSS", "params": {"fast": 10, "kind": "ema"}},
    ]
    vote = replace(BASE, rule_type="COMPOSITE", params={"mode": "any", "rules": members})
    bounded = {**FORMULA, "inputs": {"n": {"value": 50, "min": 10, "max": 52}}}

    names = {each["name"] for each in robustness_of(vote)["neighbours"]["numbers"]}
    strips = robustness_of(replace(BASE, rule_type="FORMULA", params=bounded))["neighbours"]

    assert {"params.rules.0.params.period", "params.rules.1.params.slow"} <= names
    assert len(names) == 6, names
    values = [each["value"] for each in strips["numbers"][0]["points"]]
    assert values == [40, 45, 49, 50, 51, 55, 60]


def test_costs_and_delays_equal_runs_with_them() -> None:
    for request in random_requests(2, seed=2):
        varied = robustness_of(request)

        for each in varied["costs"]["multiples"]:
            charged = replace(
                request,
                fee_rate=request.fee_rate * each["times"],
                slippage_bps=request.slippage_bps * each["times"],
            )
            assert each["return_pct"] == return_of(charged), (request, each)
        delays = {each["fill"]: each["return_pct"] for each in varied["delays"]}
        if request.fill == "close":
            assert delays["at the next open"] == return_of(replace(request, fill="next_open"))
        else:
            assert "at the next open" not in delays


def test_a_delayed_fill_equals_a_rule_that_speaks_later() -> None:
    late = {
        "buy": "prev(close) > prev(sma(close, n))",
        "sell": "prev(close) < prev(sma(close, n))",
        "inputs": {"n": 50},
    }
    request = replace(BASE, rule_type="FORMULA", params=FORMULA)

    delays = {each["fill"]: each["return_pct"] for each in robustness_of(request)["delays"]}

    assert delays["1 bar later"] == return_of(replace(request, params=late))
    assert delays["2 bars later"] != delays["1 bar later"] != return_of(request)


def test_the_largest_fee_is_where_the_answer_changes() -> None:
    costs = robustness_of(BASE)["costs"]

    for name, holds in (
        ("earns_until", lambda each: each["run"]["return_pct"] > 0),
        ("ahead_until", lambda each: each["run"]["ahead"]),
    ):
        assert holds(robustness_of(replace(BASE, fee_rate=costs[name])))
        assert not holds(robustness_of(replace(BASE, fee_rate=costs[name] + 1e-6)))


def test_periods_multiply_to_the_whole_return() -> None:
    for request in random_requests(2, seed=3):
        varied = robustness_of(request)
        whole = 1 + varied["run"]["return_pct"] / 100

        for parts in (varied["years"], *varied["thirds"].values()):
            product = math.prod(1 + each["return_pct"] / 100 for each in parts)
            assert product == pytest.approx(whole, rel=1e-9), request


def test_a_later_start_equals_a_run_from_that_bar() -> None:
    setup = Setup.of(BASE, packed_file(DATA, BASE.ticker))
    days = setup.prices.traded.timestamps.astype("M8[D]").astype(object)

    starts = robustness_of(BASE)["starts"]

    assert [each["bars"] for each in starts] == list(range(1, 21))
    for each in starts[::6]:
        later = replace(BASE, start_date=days[each["bars"]])
        assert each["return_pct"] == return_of(later)


def test_without_its_best_trades_the_rest_is_left() -> None:
    setup = Setup.of(BASE, packed_file(DATA, BASE.ticker))
    result = setup.result_of(setup.rule())
    path = np.concatenate(([BASE.initial_capital], result.equity_curve))
    gains = sorted(path[each.exit_bar + 1] / path[each.entry_bar] for each in result.trades)

    for each in robustness_of(BASE)["without_best"]:
        rest = path[-1] / path[0] / math.prod(gains[-each["trades"] :])
        assert each["return_pct"] == pytest.approx((rest - 1) * 100)
        assert each["trades"] in BEST_TRADES


def test_luck_is_the_same_every_time_and_ordered() -> None:
    first, second = robustness_of(BASE), robustness_of(BASE)

    assert first == second
    luck = first["luck"]
    for row in [luck["cagr"], luck["sharpe_ratio"], luck["max_drawdown_pct"], *luck["fan"]]:
        assert row == sorted(row) and len(row) == len(QUANTILES)
    assert luck["equity"][-1] == pytest.approx(1000 * (100 + first["run"]["return_pct"]))
    assert luck["cagr"][0] < luck["cagr"][2] < luck["cagr"][4]


@pytest.mark.parametrize("memory", [0.2, 0.5, 0.8])
def test_the_block_of_an_autoregressive_process_is_the_one_of_theory(memory: float) -> None:
    """b = (2 rho / (1 - rho^2))^(2/3) n^(1/3) for an AR(1), from its autocovariances in closed form."""
    rng, bars = np.random.default_rng(7), 50_000
    noise, process = rng.normal(size=bars), np.empty(bars)
    process[0] = 0.0
    for bar in range(1, bars):
        process[bar] = memory * process[bar - 1] + noise[bar]

    theory = (2 * memory / (1 - memory**2)) ** (2 / 3) * bars ** (1 / 3)

    assert automatic_block(process) == pytest.approx(theory, rel=0.25)
    assert automatic_block(noise) < 0.2 * bars ** (1 / 3) + 1


@pytest.mark.parametrize(
    ("changes", "sentence", "missing"),
    [
        ({"params": {**FORMULA, "buy": "close < 0 * n"}}, "no trade", {"costs", "delays"}),
        ({"params": {"buy": "close > 0", "sell": "close < 0"}}, "ahead|behind|never", {"neighbours"}),
        (
            {"params": {**FORMULA, "buy": FORMULA["sell"], "sell": FORMULA["buy"]}, "direction": "shortonly"},
            "ahead|behind|lost",
            set(),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_varied_is_left_out_with_a_reason(
    changes: Json, sentence: str, missing: set[str]
) -> None:
    varied = robustness_of(replace(BASE, rule_type="FORMULA", stop_loss_pct=None, **changes))

    assert any(word in varied["sentence"] for word in sentence.split("|")), varied["sentence"]
    assert missing <= varied["notes"].keys()
    assert all(varied[name] is None for name in varied["notes"])
    json.dumps(varied, allow_nan=False)
