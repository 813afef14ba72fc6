"""What loading a rule costs: each run is a process of its own and pays for its imports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement):
    """The modules that `statement` loads in a fresh interpreter, site packages left out of its path's start-up."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.split())


def test_the_catalog_loads_the_standard_library_only():
    modules = loaded_by("import rules.catalog")

    tops = {module.split(".")[0] for module in modules}
    assert tops - set(sys.stdlib_module_names) == {"rules"}
    assert {module for module in modules if module.startswith("rules")} == {
        "rules",
        "rules.catalog",
        "rules.parameters",
        "rules.specs",
    }


def test_building_a_rule_loads_its_family_and_numpy_but_no_other_package():
    modules = loaded_by("from rules.registry import build_rule; build_rule('RSI')")

    tops = {module.split(".")[0] for module in modules}
    assert tops - set(sys.stdlib_module_names) == {"rules", "numpy"}
    assert modules.isdisjoint(f"rules.{family}" for family in ("trend", "volatility", "volume", "papers", "composite"))


def test_a_composite_loads_the_families_of_its_members_only():
    modules = loaded_by("from rules.registry import build_rule; build_rule('COMPOSITE')")

    assert "rules.oscillators" in modules
    assert modules.isdisjoint({"rules.trend", "rules.volatility", "rules.volume", "rules.papers", "pandas"})
