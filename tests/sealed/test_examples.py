"""Examples of strategies that the form offers: each runs as it is and trades."""

import pytest

from rules.python.examples import EXAMPLES
from tests.sealed.code import random_prices, run


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.title)
def test_an_example_buys_and_sells(example) -> None:
    signals = run(example.code, random_prices(bars=1500, seed=3))

    assert {-1, 1} <= {*signals.tolist()}
