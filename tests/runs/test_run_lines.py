"""Lines and truths of a run: what the Job packs is what the web tier reads."""

from datetime import date

import numpy as np
import pytest

from adapters.prices.packing import unpacked_columns
from adapters.runs.lines import BARS_PER_PART, RunLines, packed_lines, stored_lines
from adapters.runs.stored_series import unpacked_json
from adapters.settings import PROJECT_ROOT
from consumer.backtest import backtest
from contracts.run_request import RunRequest
from rules.catalog import RULES
from tests.services.prices import packed_file

LARGEST_LINE = 9 * 1024  # bytes, of 3,270 bars
WHOLE = {"ticker": "AAPL", "start_date": date(2000, 3, 1), "end_date": date(2013, 3, 1)}


def read_back(head, values, truths):
    first, *parts = packed_lines(head, values, truths)
    columns = zip(*map(unpacked_columns, parts), strict=True)
    return RunLines(unpacked_json(first), 0, [np.concatenate(each) for each in columns], None)


@pytest.mark.parametrize("largest", [1e-9, 0.02, 1.0, 70.0, 5e3, 4e9, 1e40])
@pytest.mark.parametrize("bars", [1, 2, 300, BARS_PER_PART + 7])
def test_values_come_back_with_six_digits_of_the_largest_and_none_where_there_are_none(
    largest, bars
):
    values = np.random.default_rng(bars).uniform(-largest, largest, bars)
    values[-1] = largest
    values[: bars // 3] = np.nan
    values[bars // 2 : bars // 2 + bars // 50] = np.nan

    found = read_back(
        {"lines": [{"name": "x"}]}, [values], [np.ones(bars, dtype=np.int8)]
    ).values(0, np.arange(bars))

    assert (np.isnan(found) == np.isnan(values)).all()
    np.testing.assert_allclose(found, values, atol=largest * 1e-5)


def test_truths_come_back_with_what_is_unknown():
    truth = np.resize(np.array([1, 0, -1, -1], dtype=np.int8), BARS_PER_PART + 9)
    kept = read_back({"lines": [{"name": "close", "column": "close"}]}, [], [truth])

    words = {1: True, 0: None, -1: False}
    bars = (0, 1, 2, BARS_PER_PART - 1, BARS_PER_PART, BARS_PER_PART + 8)
    assert [kept.truth(0, bar) for bar in bars] == [words[int(truth[bar])] for bar in bars]


@pytest.mark.parametrize("rule_type", RULES)
def test_a_line_of_a_run_of_thirteen_years_takes_at_most_9_kb(rule_type):
    outcome = backtest(
        RunRequest(rule_type=rule_type, **WHOLE),
        packed_file(PROJECT_ROOT / "data", "AAPL"),
    )

    count = len(stored_lines(unpacked_json(outcome.lines[0])["lines"]))
    assert 500 < sum(map(len, outcome.lines)) <= count * LARGEST_LINE


def test_a_run_of_a_batch_keeps_no_lines():
    bulk = RunRequest(rule_type="RSI", batch_id="sweep", **WHOLE)

    assert backtest(bulk, packed_file(PROJECT_ROOT / "data", "AAPL")).lines == []
