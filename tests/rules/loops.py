"""Loops inside a test that name the input they fail on."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def naming(**inputs: object) -> Iterator[None]:
    """Show the inputs of this turn of a loop beside whatever fails in it."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"with {inputs}")
        raise
