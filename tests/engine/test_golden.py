"""Any change of a number on the shipped prices is seen."""

import json

import pytest

from tests.golden.remake import FOLDER, TICKERS, golden


def close(value):
    if isinstance(value, float):
        return pytest.approx(value, rel=1e-9, abs=1e-9)
    return [close(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("ticker", TICKERS)
def test_results_on_shipped_prices_are_the_golden_ones(ticker):
    kept = json.loads((FOLDER / f"{ticker}.json").read_text())

    now = golden(ticker)

    assert now.keys() == kept.keys()
    for run, values in kept.items():
        assert now[run] == {name: close(value) for name, value in values.items()}, run
