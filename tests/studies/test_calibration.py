"""A verdict calls skill what is skill: no more often than it says on random walks, and where an edge was planted."""

import pytest

from tests.studies.calibration import KINDS, Cell, World, cells, planted, shares

WORLDS = 200
MOST = 0.09  # 5%, and what chance adds in the highest of 72 shares of 200


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cell", cells(), ids=str)
def test_the_drift_of_a_market_is_not_called_skill(cell: Cell) -> None:
    holding_shares = shares(cell, WORLDS)

    assert {
        kind: holding_shares[kind][0] for kind in KINDS if holding_shares[kind][0] > MOST
    } == {}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("cell", [each for each in planted() if each.edge == 1.5], ids=str)
def test_a_planted_edge_is_found(cell: Cell) -> None:
    holding_shares = shares(cell, 50)

    assert holding_shares["walk_forward"][0] > 0.35
    assert holding_shares["holdout"][0] > 0.3


def test_a_market_that_rises_by_itself_is_not_called_skill() -> None:
    holding_shares = shares(Cell("MA_CROSS", "longonly", 0.20), 12)

    assert holding_shares["walk_forward"][1] > 0.5  # what a Sharpe ratio above 0 would say
    assert holding_shares["walk_forward"][0] <= 0.25


def test_a_test_part_is_held_to_the_exposure_that_proves_less() -> None:
    which = set()
    for seed in range(4):
        world = World(Cell("MA_CROSS", "longshort", 0.0), seed)
        verdict = world.verdict("holdout")
        timing = world.load(verdict["folds"][0]["chosen"][0]["test_run"]).timing
        both = [timing.excess(), timing.excess_over_past()]
        ratios = [float(each.mean() / each.std(ddof=1)) * 252**0.5 for each in both]

        assert verdict["out_of_sample"]["timing"]["sharpe_ratio"] == pytest.approx(min(ratios))
        which.add(ratios.index(min(ratios)))
    assert which == {0, 1}
