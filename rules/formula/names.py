"""The words of the language, and the names that a text leaves to be given a value."""

import ast
from collections.abc import Iterable

from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.text import parse

WORDS = frozenset({*SERIES, *FUNCTIONS, "and", "or", "not"})


def word(name: str) -> str:
    """The series or function that a name is in capitals, CLOSE or Sma; any other name as it is."""
    return name.lower() if name.lower() in {*SERIES, *FUNCTIONS} else name


def free_names(*texts: str) -> list[str]:
    """The names that are to be inputs, as they are met: neither known here nor given a value by a line.

    FormulaError for a text that cannot be read.
    """
    return [name for name in open_names(*texts) if word(name) not in WORDS]


def open_names(*texts: str) -> list[str]:
    """The names that may be inputs: those of `free_names`, and words in capitals, for which a value may be given."""
    names = [name for text in texts for name in _names_in(text)]
    given = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    return list(dict.fromkeys(name.id for name in names if name.id not in given | WORDS))


def _names_in(text: str) -> list[ast.Name]:
    """All but those of the functions that it calls."""
    nodes = [node for line in parse(text) for node in ast.walk(line)]
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return [node for node in nodes if isinstance(node, ast.Name) and node not in called]


def near(name: str, known: Iterable[str]) -> str:
    """The nearest of the known names as a question; nothing where none is near."""
    from difflib import get_close_matches  # for a fault only: a Job pays for its imports

    near = get_close_matches(name.lower(), list(known), 1)
    return f"; did you mean `{near[0]}`?" if near else ""
