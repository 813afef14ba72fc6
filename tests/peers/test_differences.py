"""The numbers of docs/differences.md are those that the tools give."""

import sys

import pytest

from tests.peers.differences import main

# what the tools are warned of by pandas is not ours
pytestmark = [pytest.mark.peers, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]


def test_the_page_has_the_numbers_of_the_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["differences", "--check"])

    assert main() == 0
