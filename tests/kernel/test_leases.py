"""One of several equal processes leads, and the row that says which tells for how long somebody has."""

import pytest
from sqlalchemy import update
from sqlalchemy.engine import Engine

from adapters.database import database_now
from adapters.plan_tables import leases
from adapters.queue.history import give_up_lead, take_lead
from tests.services.runs import Submitter

LEAD_S, GAP_S = 10, 20


@pytest.fixture
def engine(submitter: Submitter) -> Engine:
    return submitter.engine


def taken(engine: Engine, holder: str) -> float | None:
    return take_lead(engine, holder, LEAD_S, GAP_S, None)


def made_older(engine: Engine, since_s: float, until_s: float) -> None:
    with engine.begin() as connection:
        connection.execute(
            update(leases).values(since=database_now(-since_s), until=database_now(-until_s))
        )


def test_one_leads_and_the_other_does_not(engine: Engine) -> None:
    assert [taken(engine, "first"), taken(engine, "second")] == [0.0, None]
    assert taken(engine, "first") is not None


def test_a_lead_that_was_given_up_is_taken_over_and_goes_on(engine: Engine) -> None:
    taken(engine, "first")
    made_older(engine, since_s=100, until_s=-LEAD_S)

    give_up_lead(engine, "first")

    assert taken(engine, "second") == pytest.approx(100, abs=15)
    assert taken(engine, "first") is None


@pytest.mark.parametrize("holder", ["first", "second"])
@pytest.mark.parametrize(("silent_s", "led_s"), [(GAP_S - 15, 100), (GAP_S + 1, 0)])
def test_a_gap_begins_a_new_count(
    engine: Engine, holder: str, silent_s: float, led_s: float
) -> None:
    taken(engine, "first")
    made_older(engine, since_s=100, until_s=silent_s)

    assert taken(engine, holder) == pytest.approx(led_s, abs=15)


@pytest.mark.parametrize("holder", ["first", "second"])
def test_a_clock_that_was_set_back_keeps_nobody_from_leading(engine: Engine, holder: str) -> None:
    taken(engine, "first")
    made_older(engine, since_s=-3500, until_s=-3600 - LEAD_S)

    assert taken(engine, holder) == pytest.approx(0, abs=15)


def test_a_statement_that_began_before_the_holders_does_not_take_the_lead(engine: Engine) -> None:
    taken(engine, "first")
    made_older(engine, since_s=100, until_s=-LEAD_S - 1)

    assert taken(engine, "second") is None


def test_a_row_of_an_older_version_counts_from_now(engine: Engine) -> None:
    taken(engine, "first")
    with engine.begin() as connection:
        connection.execute(update(leases).values(since=None))

    assert taken(engine, "first") == pytest.approx(0, abs=15)


def test_nothing_is_given_up_for_somebody_else(engine: Engine) -> None:
    taken(engine, "first")

    give_up_lead(engine, "second")

    assert taken(engine, "second") is None
