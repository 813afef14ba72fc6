"""Meaning of each function of a formula, on bars that can be worked out by hand."""

import tracemalloc

import numpy as np
import pytest

from rules.formula.compiling import series_fault
from rules.formula.evaluation import evaluate, series_of
from rules.formula.examples import EXAMPLES
from rules.formula.functions import FUNCTIONS
from rules.prices import Prices
from rules.registry import build_rule
from tests.rules.formulas import formula
from tests.rules.loops import naming

TRUE, FALSE, UNKNOWN = "T", "F", "."


def bars_of(close, **columns):
    close = np.array(close, dtype=np.float64)
    return {
        "Open": close,
        "High": close + 1,
        "Low": close - 1,
        "Close": close,
        "Volume": close * 0 + 1,
    } | columns


def truth(condition, ohlcv, **inputs):
    """The condition on each bar: T, F, or . where it is unknown."""
    rule = formula(condition, f"not ({condition.splitlines()[-1]})", **inputs)
    prices = ohlcv if isinstance(ohlcv, Prices) else Prices(ohlcv)
    true, false = evaluate(rule.formula, prices)
    return "".join(
        TRUE if t else FALSE if f else UNKNOWN for t, f in zip(true, false, strict=True)
    )


CLOSE = [5, 3, 4, 4, 6, 2, 7]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("close > 4", "TFFFTFT"),
        ("3 < close <= 5", "TFTTFFF"),
        ("3 < CLOSE AND NOT (Close > 5)", "TFTTFFF"),
        ("Close > 3 and NOT Close > 5 OR SMA(CLOSE, 2) == 9", "TFTTFFF"),
        ("OR = 4\nclose > OR", "TFFFTFT"),
        ("CLOSE = 5\nclose == CLOSE", "TFFFFFF"),
        ("close == 4", "FFTTFFF"),
        ("close != 4", "TTFFTTT"),
        ("prev(close) > close", ".TFFFTF"),
        ("prev(close, 0) == close", "TTTTTTT"),
        ("prev(close, 2) > close", "..TFFTF"),
        ("change(close, 2) == 0 - 1", "..TFFFF"),
        ("roc(close, 1) == 0", ".FFTFFF"),
        ("roc(close, 2) == 50", "..FFTFF"),
        ("sum(close, 2) == 8", ".TFTFTF"),
        ("sma(close, 2) == 4", ".TFTFTF"),
        ("wma(close, 2) == 4", ".FFTFFF"),
        ("stdev(close, 2) == 1", ".TFFTFF"),
        ("highest(close, 3) == 6", "..FFTTF"),
        ("lowest(close, 3) == 3", "..TTFFF"),
        ("abs(change(close)) == 2", ".TFFTFF"),
        ("max(close, 5) == 5", "TTTTFTF"),
        ("min(close, open) == close", "TTTTTTT"),
        ("max(2, 3) == 3", "TTTTTTT"),
        ("crosses_above(close, 4)", ".FFFTFT"),
        ("crosses_below(close, 4)", "FTFFFTF"),
        ("crosses_above(prev(close), 4)", "..FFFTF"),
        ("becomes(close > 4)", ".FFFTFT"),
        ("above_for(close >= 4, 2)", ".FFTTFF"),
        ("count(close >= 4, 3) == 2", "..TTFTT"),
        ("bars_since(close == 4) == 1", "..FFTFF"),
        ("bars_since(close < 3) == 0", ".....TF"),
        ("latest(close > 5, close < 4)", ".FFFTFT"),
        ("latest(close > 3, close > 5)", "TTTTFFT"),  # a bar with both turns it
        ("hl2 == close", "TTTTTTT"),
        ("hlc3 == close", "TTTTTTT"),
        ("ohlc4 == close", "TTTTTTT"),
        ("x = close\ny = x + x\ny == 2 * close", "TTTTTTT"),
        ("-close < 0 and +close > 0", "TTTTTTT"),
        ("close > 4 or prev(close) > 4", "TTFFTTT"),  # true or unknown is true
        ("close > 4 and prev(close) > 4", ".FFFFFF"),
        ("1 / (close - 4) > 0", "TF..TFT"),  # a division by zero has no value
        ("not (1 / (close - 4) > 0)", "FT..FTF"),
        ("1 / (close - 4) != 5", "TT..TTT"),
        ("(close - 4) / (close - 4) == 1", "TT..TTT"),
        ("close * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * "
         "1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 * 1e14 > 1", "......."),
    ],
)  # fmt: skip
def test_a_condition_is_true_false_or_unknown_on_each_bar(condition, expected):
    assert truth(condition, bars_of(CLOSE)) == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("above_for(y > 0, 2)", ".F..FF"),
        ("count(y > 0, 2) == 1", ".T..TT"),
        ("bars_since(y > 0) >= 0", "TT.TTT"),
        ("latest(y > 0, y < 0)", "TF.TFT"),
        ("becomes(y > 0)", ".F..FT"),
        ("crosses_above(y, 0)", ".F..FT"),
        ("sma(y, 2) == 0", ".T.TTT"),  # of the last two values, the bar without one left out
        ("prev(y) > 0", ".TF.TF"),
    ],
)
def test_a_bar_without_a_value_makes_its_neighbours_unknown_and_no_more(condition, expected):
    """y is 1, -1, nothing, 1, -1, 1."""
    assert (
        truth(f"y = (close - 5) / abs(close - 5)\n{condition}", bars_of([6, 4, 5, 6, 4, 6]))
        == expected
    )


@pytest.mark.parametrize(
    ("function", "condition"),
    [
        ("becomes(y > 0)", "y > 0"),
        ("crosses_above(y, 0)", "y > 0"),
        ("crosses_below(y, 0)", "y < 0"),
    ],
)
def test_what_begins_on_a_bar_is_true_and_was_not_before_in_three_values(function, condition):
    """y is above 0, below 0 or unknown, at random; true 1, false -1, unknown 0 as Kleene has it."""
    number = {TRUE: 1, UNKNOWN: 0, FALSE: -1}
    for seed in range(60):
        with naming(seed=seed):
            ohlcv = bars_of(np.random.default_rng(seed).choice([4, 5, 6], 40))
            y = "y = (close - 5) / abs(close - 5)\n"
            now = [number[each] for each in truth(y + condition, ohlcv)]

            begun = [number[each] for each in truth(y + function, ohlcv)]

            before = [0, *now[:-1]]
            assert begun == [min(a, -b) for a, b in zip(now, before, strict=True)]


def test_averages_that_are_equal_on_paper_may_differ_in_their_last_digit():
    """The example of docs/rules.md."""
    ohlcv = {
        "Open": [142_000.0, 142_000.0, 142_000.0],
        "High": [142_200.0, 142_100.0, 142_100.0],
        "Low": [141_900.0, 141_900.0, 141_900.0],
        "Close": [142_100.0, 141_900.0, 142_000.0],
    }
    bars = bars_of([1, 1, 1], **{name: np.array(values) for name, values in ohlcv.items()})
    first, second = (
        sum(
            weight * sum(ohlcv[name][bar] for name in names) / len(names)
            for bar, weight in enumerate((1, 2, 3))
        )
        / 6
        for names in (("Open", "High", "Low", "Close"), ("High", "Low", "Close"))
    )

    assert first == pytest.approx(142_000) and second == pytest.approx(142_000)
    assert truth("wma(ohlc4, 3) > wma(hlc3, 3)", bars) == "..T"
    assert truth("wma(ohlc4, 3) > wma(hlc3, 3) + 0.001", bars) == "..F"


def test_the_calendar_is_that_of_the_bars_own_dates():
    # from a Friday
    days = np.arange(np.datetime64("2023-12-29"), np.datetime64("2024-01-05")).astype("M8[s]")
    ohlcv = bars_of(range(1, 8), Time=days)

    assert truth("day_of_week == 5", ohlcv) == "TFFFFFF"
    assert truth("day_of_week == 1", ohlcv) == "FFFTFFF"
    assert truth("month == 12", ohlcv) == "TTTFFFF"
    assert truth("day_of_month == 31", ohlcv) == "FFTFFFF"
    assert truth("month != prev(month)", ohlcv) == ".FFTFFF"


def test_a_data_frame_has_its_calendar_in_its_index():
    pandas = pytest.importorskip("pandas")
    index = pandas.date_range("2024-01-01", periods=8, tz="America/New_York")
    frame = pandas.DataFrame(bars_of(range(1, 9)), index=index)

    assert truth("day_of_week == 1", frame) == "TFFFFFFT"


def test_bars_without_dates_are_refused_where_a_formula_asks_for_them():
    with pytest.raises(ValueError, match="data has no column Time"):
        formula("month == 1").generate_signals(bars_of(CLOSE))


def test_both_conditions_on_one_bar_are_no_signal():
    signals = formula("close > 4", "close > 5").generate_signals(bars_of(CLOSE))

    assert signals.tolist() == [1, 0, 0, 0, 0, 0, 0]


def test_a_rule_that_never_and_one_that_always_fires_are_accepted():
    assert formula("1 > 2", "close < 0").generate_signals(bars_of(CLOSE)).tolist() == [0] * 7
    assert formula("2 > 1", "close < 0").generate_signals(bars_of(CLOSE)).tolist() == [1] * 7


def test_every_function_has_an_example_that_holds_on_some_bars_and_not_on_others(real_ohlcv):
    ohlcv = real_ohlcv("AAPL")
    days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2020-01-01"))[
        : ohlcv["Close"].size
    ]

    dated = ohlcv | {"Time": days.astype("M8[s]")}
    prices = Prices(dated, others={"^GSPC": Prices(dated)})

    for function in FUNCTIONS.values():
        with naming(function=function.name):
            assert f"{function.name}(" in function.example
            assert {TRUE, FALSE} <= set(truth(function.example, prices))


def test_every_worked_example_buys_and_sells_on_shipped_prices(real_ohlcv):
    assert len(EXAMPLES) >= 12

    for example in EXAMPLES:
        for ticker in ("AAPL", "IBM"):
            ohlcv = real_ohlcv(ticker)
            days = np.arange(np.datetime64("2000-01-01"), np.datetime64("2030-01-01"))
            ohlcv |= {"Time": days[np.is_busday(days)][: ohlcv["Close"].size].astype("M8[s]")}
            with naming(example=example.title, ticker=ticker):
                signals = build_rule("FORMULA", example.params).generate_signals(ohlcv)
                assert {1, -1} <= set(signals.tolist())


def test_equal_parts_are_computed_once_in_both_texts():
    shared = formula(
        "crosses_above(ema(close, n), sma(close, 5)) and ema(close, 9) > 1",
        "ema(close, 3 * 3) < 1",
        n=9,
    )

    assert [node.op for node in shared.formula.nodes].count("ema") == 1


def test_arrays_are_freed_after_their_last_use(random_ohlcv):
    bars = 100_000
    prices = Prices(random_ohlcv(bars, seed=41))
    rule = formula(
        "x = close\n"
        + "\n".join(f"x{n} = {'x' if n == 0 else f'x{n - 1}'} * 1.01 + open" for n in range(30))
        + "\nx29 > 1"
    )
    evaluate(rule.formula, prices)  # columns are read once

    tracemalloc.start()
    evaluate(rule.formula, prices)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 6 * 8 * bars  # of the 62 arrays


def test_one_text_is_a_number_or_a_condition_with_inputs():
    close = np.array([3.0, 4, 5, 4, 6, 2, 2, 9])
    prices = Prices(bars_of(close))
    inputs = (("n", 3.0),)

    number = series_of("roc(close, n)", prices, inputs=inputs)
    condition = series_of("roc(close, n) > 0", prices, "condition", inputs)

    np.testing.assert_allclose(number[3:], 100 * (close[3:] / close[:-3] - 1))
    assert condition.tolist() == [0, 0, 0, *np.where(number[3:] > 0, 1, -1).tolist()]
    assert series_fault("roc(close, n)", "condition", inputs).message.startswith(
        "`roc(close, n)`"
    )
    assert series_fault("roc(close, n)").unknown == "n"
