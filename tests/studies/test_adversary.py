"""An adversary who peeks is held by the ledger, and an edge is still found."""

from pathlib import Path

import pytest

from tests.studies.adversary import PROCESSES, World, database, shares

WALKS = [name for name, process in PROCESSES.items() if not process.edge]
MOST = 0.12  # 5%, and what chance adds to the highest of three shares of 100


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", WALKS)
def test_the_best_of_a_thousand_seldom_holds_without_skill(name: str) -> None:
    alone, among_all = shares(PROCESSES[name], 100, 1000)

    assert alone > 0.5
    assert among_all <= MOST


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_large_edge_is_found_among_a_thousand() -> None:
    assert shares(PROCESSES["edge 3"], 20, 1000)[1] > 0.5


def test_what_holds_alone_does_not_among_all_that_was_tried(tmp_path: Path) -> None:
    outcomes = set()
    for seed in range(6):
        engine = database(tmp_path / f"{seed}.db")
        world = World(PROCESSES["drift 0"], seed, engine)
        outcomes.add(world.outcomes(*world.search(300)))
        engine.dispose()

    assert ("holds", "luck") in outcomes
    assert ("luck", "holds") not in outcomes
