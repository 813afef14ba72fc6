"""Lines and truths of a run: what the Job packs is what the web tier reads."""

from datetime import date

import numpy as np
import pytest

from adapters.columns import unpack
from adapters.prices.bars import PriceBars
from adapters.runs.explanations import (
    BARS_PER_PART,
    RunLines,
    condition_summaries,
    lines_on,
    packed_lines,
)
from adapters.runs.series import unpacked_json
from adapters.settings import PROJECT_ROOT
from consumer.kinds.backtest import backtest
from contracts.run_request import RunRequest
from tests.rules.loops import EVALUATED
from tests.services.prices import packed_file

LARGEST_LINE = 9 * 1024  # bytes, of 3,270 bars
WHOLE = {"ticker": "AAPL", "start_date": date(2000, 3, 1), "end_date": date(2013, 3, 1)}


def read_back(line, values, truth):
    always = {"op": "constant", "truth": 0, "of": []}
    head = {"lines": [line], "buy": always, "sell": always}
    first, *parts = packed_lines(RunLines(head, [values], [truth]))
    bars = np.arange(len(truth))
    traded = PriceBars("1d", bars, (bars,) * 4, bars, 0, 0)
    return lines_on(bars, unpacked_json(first), unpack(*parts), traded)


@pytest.mark.parametrize("largest", [1e-9, 0.02, 1.0, 70.0, 5e3, 4e9, 1e40])
@pytest.mark.parametrize("bars", [1, 2, 300, BARS_PER_PART + 7])
def test_values_come_back_with_six_digits_of_the_largest_and_none_where_there_are_none(
    largest, bars
):
    values = np.random.default_rng(bars).uniform(-largest, largest, bars)
    values[-1] = largest
    values[: bars // 3] = np.nan
    values[bars // 2 : bars // 2 + bars // 50] = np.nan

    (restored,) = read_back({"name": "x"}, values, np.ones(bars, dtype=np.int8)).values

    assert (np.isnan(restored) == np.isnan(values)).all()
    np.testing.assert_allclose(restored, values, atol=largest * 1e-5)


def test_truths_come_back_with_what_is_unknown():
    truth = np.resize(np.array([1, 0, -1, -1], dtype=np.int8), BARS_PER_PART + 9)
    kept = read_back({"name": "close", "column": "close"}, np.zeros(len(truth)), truth)

    np.testing.assert_array_equal(kept.truths, [truth])
    np.testing.assert_array_equal(kept.values, [np.arange(len(truth))])  # of the prices


@pytest.mark.parametrize("rule_type", EVALUATED)
def test_a_line_of_a_run_of_thirteen_years_takes_at_most_9_kb(rule_type):
    outcome = backtest(
        RunRequest(rule_type=rule_type, **WHOLE),
        packed_file(PROJECT_ROOT / "data", "AAPL"),
        keeps_lines=True,
    )

    lines = unpacked_json(outcome.lines[0])["lines"]
    count = sum("column" not in line for line in lines)
    assert 500 < sum(map(len, outcome.lines)) <= count * LARGEST_LINE


def test_a_run_of_a_batch_keeps_no_lines():
    bulk = RunRequest(rule_type="RSI", batch_id="sweep", **WHOLE)

    assert backtest(bulk, packed_file(PROJECT_ROOT / "data", "AAPL")).lines == []


def test_of_a_part_without_a_line_nothing_is_reported_on_how_close_it_came():
    pairs = " and ".join(f"sma(close, {bars}) > sma(open, {bars})" for bars in range(2, 16))
    params = {"buy": pairs, "sell": "close > 1", "inputs": {}}

    head, *_ = backtest(
        RunRequest(rule_type="FORMULA", params=params, **WHOLE),
        packed_file(PROJECT_ROOT / "data", "AAPL"),
        keeps_lines=True,
    ).lines

    summaries = condition_summaries(unpacked_json(head), ["a bar"] * 3270)
    nearest = [part["nearest"] for part in summaries]
    assert nearest[11].startswith("SMA(13) ") and nearest[12:] == [None, None, None]
    assert "(no value)" not in " ".join(nearest[:12])
