"""Loops inside a test that name the input they fail on."""

from collections.abc import Iterator
from contextlib import contextmanager

from rules.catalog import RULES

# rules that need no sealed process
EVALUATED = [name for name in RULES if name != "PYTHON"]
# of them, those with conditions of their own
SINGLE = [name for name in EVALUATED if name not in ("COMPOSITE", "FORMULA")]


@contextmanager
def naming(**inputs: object) -> Iterator[None]:
    """Show the inputs of this iteration with whatever fails in it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"with {inputs}")
        raise
