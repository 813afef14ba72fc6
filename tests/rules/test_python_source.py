"""A strategy's source: each fault has its place, inputs and imports are read, and nothing is ever executed."""

import random
import sys
import warnings

import pytest

from rules.catalog import check_params, checked_rule, complete_params
from rules.python.rule import EXAMPLE
from rules.python.source import MAX_BYTES, SourceError, read_source
from rules.registry import build_rule
from tests.rules.loops import naming

MODULES = ("numpy", "pandas", "math", "rules.indicators")
FINE = "def on_bar(bars, fast=20, slow=50.0):\n    return 0\n"

FAULTS = {
    # source, line, column, part of the message
    "": (1, 1, "define `def on_bar(bars)`"),
    "x = 1\n": (1, 1, "define `def on_bar(bars)`"),
    "if True:\n    def on_bar(bars): pass\n": (1, 1, "define `def on_bar(bars)`"),
    "class S:\n    def on_bar(self, bars): pass\n": (1, 1, "define `def on_bar(bars)`"),
    "def on_bar(bars)\n    return 1\n": (1, 17, "expected ':'"),
    "def on_bar(bars):\n    return (1\n": (2, 12, "'(' was never closed"),
    "def on_bar(bars):\n\treturn 1\n        return 2\n": (3, 1, "inconsistent use of tabs"),
    "def on_bar(bars):\n    pass\n\nreturn 1\n": (4, 1, "'return' outside function"),
    "def on_bar(bars):\n    pass\ndef signals(bars):\n    pass\n": (3, 1, "line 1 defines `on_bar`"),
    "def on_bar(bars):\n    pass\n\ndef on_bar(bars):\n    pass\n": (4, 1, "second function"),
    "\nasync def on_bar(bars): pass\n": (2, 1, "without async"),
    "def on_bar(): pass\n": (1, 1, "must be `bars`"),
    "def on_bar(data, n=1): pass\n": (1, 12, "must be `bars`"),
    "def on_bar(*bars): pass\n": (1, 1, "must be `bars`"),
    "def on_bar(bars=None): pass\n": (1, 17, "`bars` has no default"),
    "def on_bar(bars, fast): pass\n": (1, 18, "`fast` needs a number"),
    "def on_bar(bars, *, fast): pass\n": (1, 21, "`fast` needs a number"),
    "def on_bar(bars, n=1, /): pass\n": (1, 18, "move the / up"),
    "def on_bar(bars, *more): pass\n": (1, 19, "one by one"),
    "def on_bar(bars, **more): pass\n": (1, 20, "one by one"),
    "N = 5\ndef on_bar(bars, n=N): pass\n": (2, 20, "must be a number"),
    "def on_bar(bars, n=print('x')): pass\n": (1, 20, "must be a number"),
    "def on_bar(bars, n='x'): pass\n": (1, 20, "must be a number"),
    "def on_bar(bars, n=True): pass\n": (1, 20, "must be a number"),
    "def on_bar(bars, n=2j): pass\n": (1, 20, "must be a number"),
    "def on_bar(bars, n=1e999): pass\n": (1, 20, "between -1e15 and 1e15"),
    "def on_bar(bars, n=10**3): pass\n": (1, 20, "must be a number"),
    f"def on_bar(bars, n={'-' * 500}1): pass\n": (1, 20, "must be"),
    "def on_bar(bars, _n=1): pass\n": (1, 18, "a letter, then"),
    "def on_bar(bars, é=1): pass\n": (1, 18, "a letter, then"),
    f"def on_bar(bars, {'n' * 31}=1): pass\n": (1, 18, "a letter, then"),
    f"def on_bar(bars, {', '.join(f'n{i}=1' for i in range(13))}): pass\n": (1, 92, "more than 12 inputs"),
    "import os\n" + FINE: (1, 1, "import of os: these may be imported: numpy"),
    FINE + "\ndef f():\n    if 1:\n        from socket import socket\n": (6, 9, "import of socket"),
    "é = 'é'; import os\n" + FINE: (1, 10, "import of os"),
    "import numpy, numpyro\n" + FINE: (1, 1, "import of numpyro"),
    "import rules\n" + FINE: (1, 1, "import of rules"),
    "from rules import catalog\n" + FINE: (1, 1, "import of rules.catalog"),
    "from . import numpy\n" + FINE: (1, 1, "no package around"),
    FINE + "x = '\0'\n": (3, 6, "a NUL character"),
    FINE + "x = '\ud800'\n": (3, 6, "half of a surrogate pair"),
    FINE + "#" * MAX_BYTES: (1, 1, "bytes of code are more than 65,536"),
    FINE + "#" + "é" * (MAX_BYTES // 2): (1, 1, "bytes of code are more than 65,536"),
    FINE + "x = " + "-" * 60_000 + "1": (1, 1, "nested too deep"),
    FINE + "x = a" + ".a" * 30_000: (1, 1, "nested too deep"),
    FINE + "x = " + "(" * 300: (3, 205, "too many nested parentheses"),
    FINE + "x = " + "9" * 5_000: (3, 1, "Exceeds the limit"),
}  # fmt: skip


def fault_of(code):
    with pytest.raises(SourceError) as raised:
        read_source(code, MODULES)
    return raised.value


@pytest.mark.parametrize("code", FAULTS, ids=lambda code: repr(code[:40]))
def test_each_fault_has_its_place(code):
    fault = fault_of(code)

    line, column, message = FAULTS[code]
    assert message in fault.message
    assert (fault.line, fault.column) == (line, column)


def test_a_fault_is_quoted_with_a_caret_below_its_place():
    fault = check_params("PYTHON", {"code": "def on_bar(bars, n=N):\n    return 1\n"})

    assert fault == {
        "params.code": "line 1, column 20: the default of `n` must be a number, such as n=20\n"
        "def on_bar(bars, n=N):\n                   ^"
    }


def test_function_inputs_and_imports_are_read():
    source = read_source(
        '"""Docs."""\nfrom __future__ import annotations\nimport numpy as np, math\nfrom pandas.api import types\n'
        "from rules import indicators\nimport rules.indicators\n"
        "def help(x, *args): import numpy.linalg\n"
        "def signals(bars: object, fast: int = 20, slow=-50.5, *, k=0) -> object:\n    return 0\n",
        MODULES,
    )

    assert source.function == "signals"
    assert source.inputs == {"fast": 20, "slow": -50.5, "k": 0}
    assert [*map(type, source.inputs.values())] == [int, float, int]
    assert source.imports == (
        "__future__",
        "numpy",
        "math",
        "pandas.api",
        "rules.indicators",
        "numpy.linalg",
    )


def test_inputs_are_completed_from_the_code_in_its_order_and_kind():
    params = {
        "code": FINE.replace("\n", "\r\n"),
        "inputs": {"slow": 60, "fast": {"value": 5.0, "max": 9}},
    }

    assert check_params("PYTHON", params) == {}
    complete = complete_params("PYTHON", params)
    assert complete == {"code": FINE, "inputs": {"fast": 5, "slow": 60.0}}
    assert repr(complete["inputs"]) == "{'fast': 5, 'slow': 60.0}"
    assert complete_params("PYTHON", complete) == complete
    assert checked_rule("PYTHON", params).label.startswith("PYTHON_5_60~")
    assert complete_params("PYTHON", {"code": FINE})["inputs"] == {"fast": 20, "slow": 50.0}
    assert complete_params("PYTHON", {})["code"] == EXAMPLE


def test_inputs_that_the_code_does_not_declare_or_that_are_no_numbers_are_refused():
    faults = check_params(
        "PYTHON",
        {"code": FINE, "inputs": {"fats": 1, "fast": "x", "slow": {"value": 9, "max": 5}}},
    )
    assert set(faults) == {"params.inputs.fast", "params.inputs.slow"}
    assert "9 is out of range" in faults["params.inputs.slow"]

    unknown = check_params("PYTHON", {"code": FINE, "inputs": {"fats": 1}})
    assert unknown == {"params.inputs.fats": "`on_bar` has no such input; it has: fast, slow"}
    assert "required" in check_params("PYTHON", {"inputs": {}})["params.code"]
    assert "not a text of code" in check_params("PYTHON", {"code": 5})["params.code"]
    assert "parameter" in check_params("PYTHON", {"code": FINE, "buy": "x"})["params.buy"]


def test_labels_differ_with_the_code():
    labels = {
        checked_rule("PYTHON", {"code": code}).label
        for code in (FINE, FINE + "\n", FINE + "# other\n")
    }

    assert len(labels) == 3


def test_without_a_job_the_code_has_no_signals():
    with pytest.raises(ValueError, match="sealed process of a Job"):
        build_rule("PYTHON").generate_signals({"Close": [1.0]})


def test_a_doubtful_escape_warns_nobody():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        read_source("x = '\\d'\ny = 1 is 1\n" + FINE)

    assert caught == []


EXECUTING = """import pathlib
pathlib.Path(MARK).touch()
@pathlib.Path(MARK).touch
def on_bar(bars, n=pathlib.Path(MARK).touch() or 1):
    print(n)
class A(metaclass=pathlib.Path(MARK).touch()):
    pass
"""


def mutated(draw, code):
    """The code with some of its characters or lines deleted, repeated, swapped or replaced."""
    for _ in range(draw.randint(1, 4)):
        first, last = sorted(draw.choices(range(len(code) + 1), k=2))
        last = min(last, first + draw.choice([1, 1, 3, 40]))
        piece = draw.choice(
            ["", code[first:last] * 2, code[last:][:20], *"()[]{}:=,*@#\\'\"\n\t \0é\r\f;", "def ",
             "async ", "lambda ", "import ", "1e999", "\ud800", "yield ", "on_bar", "global n\n"]
        )  # fmt: skip
        code = code[:first] + piece + code[last:]
    return code


def test_any_mutation_is_read_or_refused_at_a_line_of_it_and_never_executed(tmp_path):
    draw = random.Random(7)
    mark = tmp_path / "executed"
    programs = [
        EXAMPLE,
        EXECUTING.replace("MARK", repr(str(mark))),
        FINE,
        *(code for code in FAULTS if len(code) < 2_000),
    ]
    before, outcomes = set(sys.modules), set()

    for _ in range(4_000):
        code = mutated(draw, draw.choice(programs))
        with naming(code=code):
            try:
                outcomes.add(read_source(code, MODULES).function)
            except SourceError as fault:
                outcomes.add("refused")
                assert 1 <= fault.line <= len(code.splitlines()) + 1
                assert fault.column >= 1
                assert fault.with_place(code)

    assert outcomes == {"on_bar", "signals", "refused"}
    assert not mark.exists()
    assert not {name.split(".")[0] for name in set(sys.modules) - before} & {"socket", "numpyro"}
