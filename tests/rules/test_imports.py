"""Cost of loading a rule: each run is a process and pays for its imports."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def loaded_by(statement):
    """The modules that `statement` loads in a fresh interpreter, site packages left out of its path's start-up."""
    code = f"import sys; before = set(sys.modules)\n{statement}\nprint(*sorted(set(sys.modules) - before))"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


def test_the_catalog_and_a_built_rule_load_the_standard_library_only():
    modules = loaded_by("from rules.registry import build_rule; build_rule('COMPOSITE')")

    assert {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) == {
        "rules"
    }


def test_a_rule_of_the_catalog_loads_nothing_of_the_language_of_formulas():
    modules = loaded_by("from rules.registry import build_rule; build_rule('RSI', {'period': 9})")

    assert {module for module in modules if "formula" in module} == {
        "rules.formula",
        "rules.formula.limits",
        "rules.formula.rule",
    }


def test_the_language_of_formulas_loads_the_standard_library_only():
    modules = loaded_by("import rules.language")

    assert {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) == {
        "rules"
    }


def test_signals_load_numpy_but_no_other_package():
    modules = loaded_by(
        "from rules.registry import build_rule; build_rule('RSI').generate_signals({'Close': [1.0]})"
    )

    assert {module.split(".")[0] for module in modules} - set(sys.stdlib_module_names) == {
        "rules",
        "numpy",
    }
