"""A sweep stands for the same runs, and the same batch, for good; every fault is told by its field."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.plans.expansion import Expansion, expand
from contracts.sweep import SweepSpec
from rules.catalog import RULES
from tests.sweep.sweep_files import TEXTS

HELD = json.loads((Path(__file__).parent / "expansions.json").read_text(encoding="utf-8"))
PARAMS = {
    name: {param.name: param.default for param in rule.params} for name, rule in RULES.items()
}


def expansion_of(text: str, name: str) -> Expansion:
    """The runs of a sweep file, as the platform makes them of its JSON."""
    values = json.loads(json.dumps({"name": name} | yaml.safe_load(text), default=str))
    values.pop("study", None)
    return expand(SweepSpec(**values), PARAMS, 20_000)


def summary(found: Expansion) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(found.requests, sort_keys=True).encode()).hexdigest()
    ends = {"first": found.requests[0], "last": found.requests[-1]}
    shape = {"batch_id": found.batch_id, "runs": len(found.requests), "sha256": digest, **ends}
    if found.ranking is None:
        return shape | {"ranking": {}}
    kept = " and ".join(each.text for each in found.ranking.constraints)
    constraint = {"constraint": kept} if kept else {}
    return shape | {
        "ranking": {"metric": found.ranking.metric, "goal": found.ranking.goal, **constraint}
    }


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_stands_for_the_runs_that_it_has_always_stood_for(name: str) -> None:
    assert summary(expansion_of(TEXTS[name], name)) == HELD[name]
