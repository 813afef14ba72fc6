"""The check of words accepts what the house style accepts, and names what it does not."""

import pytest

from scripts.check_words import fault_of_subject, faults_of_code, faults_of_text

GOOD = '''
"""Lease of a run: who works on it until when."""
def claim(run_id):
    """Return the lease."""
    claimed = run_id
    return claimed
'''


def test_a_noun_phrase_and_an_imperative_are_accepted() -> None:
    assert [*faults_of_code(GOOD)] == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('"""What a run is."""', 1),
        ('x = 1\ndef f():\n    """Whether it runs."""', 2),
        ("found = 1", 1),
        ("def f(\n    asked,\n): ...", 2),
        ("class Lease:\n    held: bool = False", 2),
        ("def _shown(): ...", 1),
        ("for given in (): ...", 1),
    ],
)
def test_a_riddle_is_named_with_its_line(source: str, line: int) -> None:
    [(number, _)] = faults_of_code(source)

    assert number == line


def test_a_phrase_that_has_a_better_term_is_named_with_its_line() -> None:
    [(line, fault)] = faults_of_text("<dt>Max drawdown</dt>\n<dt>Worst fall</dt>")

    assert line == 2
    assert "'max drawdown'" in fault


@pytest.mark.parametrize("subject", ["Reject blank tickers", "Embed the licence", "Press on"])
def test_an_imperative_is_accepted_as_a_subject(subject: str) -> None:
    assert fault_of_subject(subject) is None


@pytest.mark.parametrize(
    "subject",
    [
        "A ticker of spaces names no series",
        "What a run is",
        "reject it",
        "Fixed it",
        "Fixing it",
        "Name " * 14,
        "",
    ],
)
def test_another_subject_is_refused(subject: str) -> None:
    assert fault_of_subject(subject)
