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


def summary(expansion: Expansion) -> dict[str, Any]:
    digest = hashlib.sha256(json.dumps(expansion.requests, sort_keys=True).encode()).hexdigest()
    ends = {"first": expansion.requests[0], "last": expansion.requests[-1]}
    shape = {
        "batch_id": expansion.batch_id,
        "runs": len(expansion.requests),
        "sha256": digest,
        **ends,
    }
    if expansion.ranking is None:
        return shape | {"ranking": {}}
    kept = " and ".join(each.text for each in expansion.ranking.constraints)
    constraint = {"constraint": kept} if kept else {}
    return shape | {
        "ranking": {
            "metric": expansion.ranking.metric,
            "goal": expansion.ranking.goal,
            **constraint,
        }
    }


@pytest.mark.parametrize("name", TEXTS)
def test_a_file_stands_for_the_runs_that_it_has_always_stood_for(name: str) -> None:
    assert summary(expansion_of(TEXTS[name], name)) == HELD[name]
