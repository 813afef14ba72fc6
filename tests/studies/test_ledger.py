"""The ledger counts every different rule once, keeps a fair sample of their positions, and forgets nothing."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select
from sqlalchemy.engine import Engine

from adapters.plan_tables import LEDGER, TRIAL, ledger_trials
from adapters.studies import ledger
from adapters.studies import trials as trials_module
from adapters.studies.ledger import (
    COUNTED,
    list_ledger,
    record_trials,
    tries_on,
)
from adapters.studies.trials import SAMPLED, UNKNOWN, Steps, Trials
from contracts.run_request import RunRequest

REQUEST = RunRequest(
    ticker="AAPL", rule_type="RSI", start_date=date(2020, 1, 1), end_date=date(2020, 12, 31)
)
DAY = 86_400
DAYS = np.arange(date(2019, 7, 1).toordinal(), date(2021, 7, 1).toordinal())
TIMES = (DAYS - date(1970, 1, 1).toordinal()) * DAY
SERIES = ("AAPL", "1d")


def trials_of(
    numbers: Any, times: Any = TIMES, request: RunRequest = REQUEST, seed: int = 0
) -> Trials:
    """A Job that tried rules of these numbers, each with its own random positions."""
    trials = Trials(request, times)
    for number in numbers:
        sides = (
            np.random.default_rng([number, seed]).integers(-1, 2, 20).repeat(-(-len(times) // 20))
        )
        trials.add("RSI", {"period": number}, sides[: len(times)] * 100.0)
    return trials


def record(
    engine: Engine, trials: Trials, actor: str | None = None, study: str | None = None
) -> None:
    with engine.begin() as connection:
        record_trials(connection, trials, actor, study)


def counts(engine: Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        (series,) = list_ledger(connection, 10, ticker="AAPL")
    return series


def test_a_rule_counts_once_whoever_repeats_it(engine: Engine) -> None:
    record(engine, trials_of(range(3)), "ann")
    record(engine, trials_of(range(1, 5)), "bob")
    record(
        engine, trials_of([0], request=replace(REQUEST, initial_capital=5.0, fee_rate=0.0)), "bob"
    )
    record(engine, trials_of([0], request=replace(REQUEST, stop_loss_pct=5.0)))

    series = counts(engine)

    assert (series["tried"], series["distinct"], series["years"]) == (9, 6, [2019, 2021])
    assert {each["actor"]: (each["tried"], each["distinct"]) for each in series["by"]} == {
        "ann": (3, 3),
        "bob": (5, 5),
    }


def test_many_are_counted_within_a_few_percent(engine: Engine) -> None:
    errors = list[float]()
    for size in (COUNTED - 1, 3 * COUNTED, 20 * COUNTED):
        request = replace(REQUEST, ticker="AAPL", stop_loss_pct=1 + size / 1e6)
        trials = Trials(request, TIMES[:2])
        for number in range(size):
            trials.add("RSI", {"period": number}, np.zeros(2))
        lowest = np.unique(np.array(trials.hashes, "<u8"))[:COUNTED]
        errors.append(abs(ledger._distinct(lowest) / size - 1))

    assert errors[0] == 0.0
    assert max(errors) < 0.05  # three standard errors


def test_positions_are_the_same_after_storing_and_joining() -> None:
    rng = random.Random(3)
    for _ in range(200):
        size = rng.randrange(2, 60)
        sides = [np.array([rng.choice([-1, 0, 1]) for _ in range(size)]) for _ in range(2)]
        first, second = sorted(rng.sample(range(size), 2))
        whole, part = Steps.of(TIMES[:size], sides[0]), slice(first, second + 1)
        later = Steps.of(TIMES[part], sides[1][part])

        joined = later.over(whole)

        expected = sides[0].copy()
        expected[part] = sides[1][part]
        assert np.array_equal(whole.at(TIMES[:size]), sides[0])
        assert np.array_equal(joined.at(TIMES[:size]), expected)
        assert joined.at(TIMES[[size]]) == later.at(TIMES[[second + 1]]) == UNKNOWN


def test_the_sample_of_each_year_is_that_of_all_its_rules(engine: Engine) -> None:
    """Whatever the order and size of Jobs: a flood of trials elsewhere cannot push out those of a year."""
    early, late = TIMES[TIMES[200] > TIMES], TIMES[TIMES[400] < TIMES]
    for start in range(0, 600, 150):
        record(engine, trials_of(range(start, start + 150), early))
    record(engine, trials_of(range(1000, 1010), late))
    record(engine, trials_of(range(2000, 2400)))

    with engine.connect() as connection:
        rows = connection.execute(select(ledger_trials)).mappings().all()
    by_year = {
        2019: [*range(600), *range(2000, 2400)],
        2021: [*range(1000, 1010), *range(2000, 2400)],
    }
    for year, numbers in by_year.items():
        lowest = sorted(trials_of(numbers).hashes)[:SAMPLED]
        stored = {row["hash"] for row in rows if row["first_year"] <= year <= row["last_year"]}
        assert set(lowest) <= stored


def test_trials_stand_for_all_that_read_the_same_bars(engine: Engine) -> None:
    early, late = TIMES[:300], TIMES[300:]
    record(engine, trials_of(range(2000), early))
    record(engine, trials_of(range(5000, 5040), late))
    closes = 100 + np.arange(len(TIMES)) % 7

    with engine.connect() as connection:
        whole = tries_on(connection, SERIES, [(TIMES, closes)])
        of_late = tries_on(connection, SERIES, [(late[100:], closes[400:])])

    assert whole.count == pytest.approx(2040, rel=0.2)
    assert of_late.count == 40
    (trial,) = (trials_of([5000], late),)
    sides = next(iter(trial.sample().values())).at(late[100:])[:-1]
    moves = closes[401:] / closes[400:-1] - 1
    expected = (sides - sides.mean()) * moves
    assert any(np.allclose(each, expected) for each in of_late.excess)


def test_training_of_one_study_is_known_by_it_until_others_try_the_same(engine: Engine) -> None:
    record(engine, trials_of(range(10)), study="one")
    record(engine, trials_of(range(4, 10), TIMES[:100]), study="one")
    record(engine, trials_of(range(3)), study="two")
    record(engine, trials_of([9]))

    with engine.connect() as connection:
        parts = [(TIMES, 100.0 + np.arange(len(TIMES)))]
        mine = tries_on(connection, SERIES, parts, "one").count
        everybody = tries_on(connection, SERIES, parts).count
        stored = connection.scalar(select(func.count(TRIAL.hash)))

    assert (mine, everybody, stored) == (4, 10, 10)


def test_a_rule_is_known_on_all_bars_that_its_trials_read(engine: Engine) -> None:
    closes = np.exp(np.random.default_rng(2).normal(0, 0.01, len(TIMES)).cumsum())
    record(engine, trials_of([7], TIMES[:300]))
    record(engine, trials_of([7], TIMES[300:]))

    with engine.connect() as connection:
        parts = [slice(0, 300), slice(300, None)]
        both = [tries_on(connection, SERIES, [(TIMES[each], closes[each])]) for each in parts]

    assert [each.count for each in both] == [1, 1]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("adapters.studies.trials.BLOCKS", 100)
    yield


@pytest.mark.usefixtures("few")
def test_long_series_are_compared_in_blocks(engine: Engine) -> None:
    record(engine, trials_of(range(3)))
    closes = np.exp(np.random.default_rng(1).normal(0, 0.01, len(TIMES)).cumsum())

    with engine.connect() as connection:
        tries = tries_on(connection, SERIES, [(TIMES, closes)])

    assert {len(each) for each in tries.excess} == {92}


def test_jobs_that_skip_what_cannot_join_leave_the_same_rows(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes and sample are read only where a rule may be among them: as if all were read in every Job."""
    monkeypatch.setattr(ledger, "COUNTED", 32)
    for module in (ledger, trials_module):
        monkeypatch.setattr(module, "SAMPLED", 10)
    rng, tried = random.Random(1), dict[int, set[int]]()
    years_of_bars = TIMES.astype("M8[s]").astype("M8[Y]").astype(int) + 1970
    highest = max(range(400), key=lambda number: trials_of([number]).hashes[0])
    jobs = [[rng.randrange(400) for _ in range(rng.choice([1, 1, 3]))] for _ in range(150)]
    for numbers in [*jobs, [highest]]:
        # nobody has read the year of the last one before
        years = (
            [2019] if numbers == [highest] else rng.choice([[2020]] * 5 + [[2021], [2020, 2021]])
        )
        trials = trials_of(numbers, TIMES[np.isin(years_of_bars, years)])
        for number in trials.hashes:
            tried.setdefault(number, set()).update(years)
        record(engine, trials, rng.choice(["ann", None]))

    with engine.connect() as connection:
        stored = {row.hash for row in connection.execute(select(TRIAL.hash))}
        hashes = connection.execute(select(LEDGER.hashes).filter_by(actor="")).scalar_one()
    by_year = {
        year: sorted(number for number, covered in tried.items() if year in covered)
        for year in (2019, 2020, 2021)
    }
    assert np.frombuffer(hashes, "<u8").tolist() == sorted(tried)[:32]
    assert counts(engine)["distinct"] == ledger._distinct(np.array(sorted(tried)[:32], "<u8"))
    for year, numbers in by_year.items():
        assert {*numbers[:10]} <= stored, year
