"""Strategies in Python give the signals that their code says, and errors name its lines and bars."""

import math
import os
from functools import partial
from hashlib import sha256
from types import SimpleNamespace

import numpy as np
import pytest

from consumer.sealed.evaluation import EvaluationRun
from consumer.sealed.interpreter import Fork
from consumer.sealed.protocol import record_type
from contracts.errors import (
    BadParams,
    CodeError,
    CodeOutOfMemory,
    LookAhead,
    NotDeterministic,
    SealUnavailable,
)
from rules.prices import OHLCV, TIME, Prices
from rules.python.rule import PythonRule
from rules.registry import build_rule
from tests.sealed.code import BARS, evaluator, random_prices, rule, run

CROSS = """
def on_bar(bars, fast=5, slow=20):
    n = len(bars)
    if n <= slow:
        return 0
    def gap(end):
        return bars.close[end - fast:end].mean() - bars.close[end - slow:end].mean()
    before, now = gap(n - 1), gap(n)
    return 1 if before <= 0 < now else -1 if before >= 0 > now else None
"""
CROSS_AT_ONCE = """
import pandas as pd

def signals(bars, fast=5, slow=20):
    close = bars.frame["close"]
    gap = close.rolling(fast).mean() - close.rolling(slow).mean()
    before = gap.shift(1)
    up, down = (before <= 0) & (gap > 0), (before >= 0) & (gap < 0)
    return up.astype(int) - down.astype(int), {"gap": gap}
"""


@pytest.mark.parametrize("code", [CROSS, CROSS_AT_ONCE], ids=["on_bar", "signals"])
def test_a_cross_has_the_signals_of_the_built_in_rule(code: str) -> None:
    prices = random_prices()
    expected = build_rule("MA_CROSS", {"fast": 7, "slow": 30}).generate_signals(prices)

    signals = run(code, prices, fast=7, slow=30)

    assert np.array_equal(signals, expected)
    assert (signals != 0).sum() > 3


def test_on_bar_reads_arrays_of_all_bars_so_far() -> None:
    prices = random_prices()
    code = """
import numpy as np
seen = []
def on_bar(bars):
    seen.append(bars.close[-1])
    same = np.array_equal(bars.close, seen) and len(bars) == len(seen) == bars.time.size
    frame = bars.frame
    same = same and list(frame.columns) == ["open", "high", "low", "close", "volume"]
    same = same and frame["volume"].iloc[-1] == bars.volume[-1] and frame.index[-1] == bars.time[-1]
    return 1 if same and bars.low[-1] < bars.open[-1] < bars.high[-1] else -1
"""

    assert run(code, prices).tolist() == [1] * BARS


@pytest.mark.parametrize(
    "code",
    [
        "def on_bar(bars):\n    score = bars.score[-1]\n    same = bars.frame['score'].iloc[-1]\n"
        "    return 1 if score > 0.5 and same == score else -1 if score <= 0.5 else 0\n",
        "import numpy as np\ndef signals(bars):\n    score = bars.frame['score'].to_numpy()\n"
        "    np.testing.assert_array_equal(score, bars.score)\n"
        "    return np.where(score > 0.5, 1, np.where(score <= 0.5, -1, 0))\n",
    ],
    ids=["on_bar", "signals"],
)
def test_further_columns_are_arrays_with_nan_where_they_are_blank(code: str) -> None:
    rng, plain = np.random.default_rng(3), random_prices()
    score = np.where(rng.random(BARS) < 0.2, np.nan, rng.random(BARS))
    prices = Prices(
        {name: plain[name] for name in (*OHLCV, TIME)} | {"names": -score, "score": score}
    )

    signals = run(code, prices)

    assert signals.tolist() == np.where(score > 0.5, 1, np.where(score <= 0.5, -1, 0)).tolist()


def test_a_name_that_is_no_column_is_named_with_those_there_are() -> None:
    prices = random_prices()

    with pytest.raises(
        CodeError, match="attribute 'scroe'; the columns are open, high, .* and time"
    ):
        run("def on_bar(bars):\n    return int(bars.scroe[-1] > 0)\n", prices)


def test_bars_beyond_the_first_block_keep_the_earlier_ones() -> None:
    code = "total = 0.0\ndef on_bar(bars):\n    global total\n    total += bars.close[-1]\n"
    code += "    return 1 if abs(bars.close.sum() / total - 1) < 1e-9 else -1\n"

    assert run(code, random_prices(9_000)).min() == 1


def test_signals_are_compared_on_every_bar_where_there_is_time() -> None:
    with evaluator(CROSS_AT_ONCE) as started:
        signals = rule(CROSS_AT_ONCE, started).generate_signals(random_prices())
        receipt = started.receipt(100)

    traded = int((signals[100:] != 0).sum())
    assert receipt["checked"] == {
        "signals": traded, "of_signals": traded, "changes": traded, "of_changes": traded,
        "zeros": 200 - traded, "of_zeros": 200 - traded,
    }  # fmt: skip
    assert receipt["mode"] == "checked"
    assert receipt["versions"].keys() == {"python", "numpy", "pandas"}


@pytest.fixture
def time_for_600_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that ticks when it is read, which is once a bar: 400 ticks of start, and 1.8 times as many for checks."""
    ticks = iter(range(10**6))
    clock = SimpleNamespace(perf_counter=lambda: float(next(ticks)))
    monkeypatch.setattr("consumer.sealed.evaluation.time", clock)
    monkeypatch.setattr("consumer.sealed.interpreter.Interpreter.start_s", 400.0)
    monkeypatch.setattr("consumer.sealed.interpreter.Interpreter.left_s", lambda self: math.inf)


@pytest.mark.usefixtures("time_for_600_bars")
def test_all_signals_are_requested_even_if_there_is_no_time_for_all_bars() -> None:
    code = "def signals(bars):\n    return [i % 50 == 7 for i in range(len(bars))]\n"
    with evaluator(code, 1.8) as started:
        rule(code, started).generate_signals(random_prices(3000))
        checked = started.receipt(0)["checked"]

    assert checked["signals"] == checked["of_signals"] == checked["of_changes"] == 60
    assert 100 < checked["zeros"] < 700 < checked["of_zeros"] == 2940


def test_bars_before_the_first_traded_one_are_not_asked_for() -> None:
    code = "def signals(bars):\n    return [1] * len(bars)\n"
    with evaluator(code) as started:
        made = PythonRule({"code": code})
        made.evaluator = partial(started, first_bar=200)
        made.generate_signals(random_prices())

        assert started.latest is not None
        assert np.flatnonzero(started.latest.checked).tolist() == [*range(200, BARS)]


@pytest.mark.usefixtures("time_for_600_bars")
def test_changes_of_a_signal_are_requested_before_its_repetitions() -> None:
    code = "def signals(bars):\n    return [1 if i // 20 % 3 else -1 for i in range(len(bars))]\n"
    with evaluator(code, 1.8) as started:
        rule(code, started).generate_signals(random_prices(3000))
        checked, evaluation = started.receipt(0)["checked"], started.latest

    assert checked["changes"] == checked["of_changes"] == 100
    assert 400 < checked["signals"] < 800 < checked["of_signals"] == 3000
    assert evaluation is not None
    halves = np.split(evaluation.checked, 2)  # they are asked for over the whole series
    assert 0.6 < halves[0].sum() / halves[1].sum() < 1.6


@pytest.mark.parametrize("signals", [3, 40, 400])
def test_bars_without_a_signal_are_requested_between_those_with_one(signals: int) -> None:
    code = "def signals(bars):\n    return [0] * len(bars)\n"
    expected = np.zeros(3000, np.int8)
    expected[:: 3000 // signals] = 1
    with evaluator(code) as started:
        run = EvaluationRun(started.start(code), [{}], random_prices(3000), 0, 1.0)
        order = run._telling_bars(expected, [0])

    has_signal = expected[order] != 0
    assert has_signal.sum() == (expected != 0).sum() - 1  # one was asked for before
    for count in (8, len(order) // 2, len(order)):  # a round asks for the first ones
        assert 0.15 < 1 - has_signal[:count].mean() < 0.9
    assert len({*order.tolist()}) == len(order)


@pytest.mark.usefixtures("time_for_600_bars")
def test_a_check_leaves_half_of_the_time_that_the_run_has_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("consumer.sealed.interpreter.Interpreter.left_s", lambda self: 40.0)
    code = "def signals(bars):\n    return [1] * len(bars)\n"
    with evaluator(code, 1.8) as started:
        rule(code, started).generate_signals(random_prices(3000))

        assert started.receipt(0)["checked"]["signals"] < 230


def test_printed_text_and_plotted_lines_belong_to_their_bars() -> None:
    code = """
print("loaded")
def on_bar(bars):
    if len(bars) % 100 == 1:
        print("bar", len(bars))
    plot("close", bars.close[-1])
    plot("sign", -1 if len(bars) % 2 else None)
    return 0
"""
    prices = random_prices()
    with evaluator(code) as started:
        rule(code, started).generate_signals(prices)
        receipt = started.receipt(50)
        lines = started.lines(50, prices["Low"][50:], prices["High"][50:])

    assert receipt["sealed"] is True
    assert receipt["printed"] == [
        (None, "loaded\n"), (None, "bar 1\n"), (50, "bar 101\n"), (150, "bar 201\n"),
    ]  # fmt: skip
    assert lines is not None
    assert [(each["name"], each["pane"]) for each in lines.head["lines"]] == [
        ("close", "price"),
        ("sign", "below"),
    ]
    assert np.array_equal(lines.values[0], prices["Close"][50:])
    assert np.isnan(lines.values[1]).sum() == 125


def test_printed_text_ends_at_64_kb() -> None:
    code = "def on_bar(bars):\n    print('x' * 1000)\n"
    with evaluator(code) as started:
        rule(code, started).generate_signals(random_prices())
        receipt = started.receipt(0)

    assert sum(len(text) for _, text in receipt["printed"]) == 64 * 1024
    assert receipt["printed_cut"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def on_bar(bars):\n    x = [1]\n    return x[len(bars)]\n",
         "line 3: IndexError: list index out of range, bar 0 (2002-11-09)\n    return x[len(bars)]"),
        ("def f(x):\n    return 1 / x\ndef on_bar(bars):\n    return f(len(bars) - 5) and 0\n",
         "line 2: ZeroDivisionError: division by zero, bar 4 (2002-11-13)\n    return 1 / x\n"
         "line 4, in on_bar: return f(len(bars) - 5) and 0\nline 2, in f: return 1 / x"),
        ("x = {}['y']\ndef on_bar(bars):\n    return 0\n", "line 1: KeyError: 'y'\n    x = {}['y']"),
        ("def on_bar(bars):\n    return 2\n",
         "on_bar returned 2 (int); accepted: 1 (buy), -1 (sell), 0 or None, bar 0 (2002-11-09)"),
        ("def signals(bars):\n    return [0] * 3\n",
         "signals returned an array of shape (3,); expected (300,): one per bar"),
        ("import pandas\ndef signals(bars):\n    return bars.frame.close.diff() * float('nan')\n",
         "signals[0] is np.float64(nan) (float64); accepted: 1 (buy), -1 (sell) or 0"),
        ("import datetime\ndef on_bar(bars):\n    open('x')\n",
         "line 3: PermissionError: [Errno 1] Operation not permitted: 'x', bar 0 (2002-11-09)\n    open('x')"),
        ("def on_bar(bars):\n    raise SystemExit(3)\n",
         "line 2: SystemExit: 3, bar 0 (2002-11-09)\n    raise SystemExit(3)"),
    ],
)  # fmt: skip
def test_an_error_names_line_bar_and_source(code: str, message: str) -> None:
    with pytest.raises(CodeError) as raised:
        run(code)

    assert str(raised.value) == message


@pytest.mark.parametrize("value", ["True", "np.int64(1)", "1.0", "np.bool_(True)"])
def test_numbers_that_equal_a_signal_are_signals(value: str) -> None:
    assert (
        run(f"import numpy as np\ndef on_bar(bars):\n    return {value}\n").tolist() == [1] * BARS
    )


@pytest.mark.parametrize(
    "value", ["0.5", "math.nan", "2**63", "'1'", "[1]", "np.array([1])", "math.inf", "-2"]
)
def test_other_answers_are_errors(value: str) -> None:
    with pytest.raises(CodeError, match="on_bar returned .*bar 0"):
        run(f"import math\nimport numpy as np\ndef on_bar(bars):\n    return {value}\n")


@pytest.mark.parametrize(
    "expression",
    [
        "np.sign(np.diff(bars.close, append=bars.close[-1]))",  # the next bar
        "(bars.close > bars.close.mean()).astype(int)",  # the mean of all bars
        "bars.frame.close.rolling(5, center=True).mean().gt(bars.frame.close).astype(int)",
        "np.where(np.arange(len(bars)) == bars.close.argmin(), 1, 0)",  # one bar only
    ],
)
def test_a_look_ahead_is_refused_with_its_first_bar(expression: str) -> None:
    code = f"import numpy as np\nimport pandas\ndef signals(bars):\n    return {expression}\n"

    with pytest.raises(
        LookAhead, match=r"bar \d+ \(\d{4}-\d\d-\d\d\): signals gave -?1|0 with all bars"
    ):
        run(code)


@pytest.mark.parametrize(
    "code",
    [
        "import random\ndef on_bar(bars):\n    return random.SystemRandom().choice([0, 1])\n",
        "import numpy as np\ndef on_bar(bars):\n    return np.random.default_rng().integers(0, 2)\n",
        "import time\ndef on_bar(bars):\n    return time.perf_counter_ns() // 1000 % 2\n",
        "kept = []\ndef on_bar(bars):\n    kept.append(object())\n    return id(kept[-1]) // 16 % 251 % 2\n",
        "import numpy as np\ndef signals(bars):\n    return np.random.default_rng().integers(0, 2, len(bars))\n",
    ],
)
def test_signals_that_differ_in_a_second_run_are_refused(code: str) -> None:
    with pytest.raises(NotDeterministic, match=r"bar \d+ \(2"):
        run(code)


# true in the second run only, which nobody should be able to tell
AGAIN = """
os, sys = __import__("os"), __import__("sys")
def is_again():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("self"), "_is_quiet"):
        frame = frame.f_back
    return frame.f_locals["self"]._is_quiet
def on_bar(bars):
    if len(bars) == 6 and is_again():
        {}
    return 1
"""


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("return 0", r"^bar 5 \(2002-11-14\): the code gave 1, and 0 when it ran again$"),
        ("1 / 0", r"^bar 5 \(2002-11-14\): the code failed when it ran again$"),
        ("os._exit(3)", r"^the code failed when it ran again: .* exit code 3$"),
        ("os.write(1, bytes([2] * 50_000))", r"^bar 5 .* gave 1, and -1 when it ran again$"),
    ],
)
def test_a_second_run_that_differs_is_refused_with_its_bar(statement: str, message: str) -> None:
    with pytest.raises(NotDeterministic, match=message):
        run(AGAIN.format(statement), random_prices(3000))


def test_the_second_run_never_has_a_bar_that_the_first_one_has_not_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered, sent, ahead = 0, 0, list[int]()
    send = Fork.send

    def read(descriptor: int, size: int) -> bytes:
        nonlocal answered
        answered += 1
        return os.read(descriptor, size)

    def send_later(fork: Fork, data: bytes | memoryview) -> None:
        nonlocal sent
        if isinstance(data, memoryview):  # bars
            sent += len(data) // record_type(()).itemsize
            ahead.append(sent - answered)
        send(fork, data)

    patched = SimpleNamespace(**{**vars(os), "read": read})
    monkeypatch.setattr("consumer.sealed.evaluation.os", patched)
    monkeypatch.setattr(Fork, "send", send_later)

    run("def on_bar(bars):\n    return 1\n", random_prices(3000))

    assert (sent, max(ahead), len(ahead)) == (3000, 0, 3)


@pytest.mark.parametrize(
    "draw", ["random.randint(0, 1)", "np.random.randint(0, 2)", "hash(str(len(bars))) % 2"]
)
def test_random_numbers_and_hashes_are_the_same_in_every_process(draw: str) -> None:
    code = f"import random\nimport numpy as np\ndef on_bar(bars):\n    return {draw}\n"

    first, second = run(code), run(code)

    assert np.array_equal(first, second)
    assert 0 < first.mean() < 1


def test_memory_of_the_code_is_limited() -> None:
    code = "kept = []\ndef on_bar(bars):\n    kept.append(bytearray(2**26))\n"
    out_of_memory = pytest.raises(CodeOutOfMemory, match=r"line 3: MemoryError, bar [1-4] ")
    with evaluator(code, run_memory_mb=512) as started, out_of_memory:
        rule(code, started).generate_signals(random_prices())


def test_combinations_that_share_their_way_have_the_signals_that_each_has_alone() -> None:
    prices, grid = random_prices(), [(fast, slow) for fast in (3, 5, 8) for slow in (10, 20, 40)]
    alone = [run(CROSS, prices, fast=fast, slow=slow) for fast, slow in grid]
    with evaluator(CROSS) as started:
        rules = [rule(CROSS, started, fast=fast, slow=slow) for fast, slow in grid]
        started.expect(rules)
        together = [each.generate_signals(prices) for each in rules]

    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_rules_with_other_code_run_that_code() -> None:
    prices, codes = random_prices(), (CROSS, "def on_bar(bars, fast=3, slow=10):\n    return 1\n")
    with evaluator(CROSS) as started:
        rules = [rule(code, started, fast=3, slow=slow) for slow in (10, 20) for code in codes]
        started.expect(rules)
        signals = [each.generate_signals(prices) for each in rules]
        receipt = started.receipt(0)

    for each, together in zip(rules, signals, strict=True):
        alone = run(each.params["code"], prices, **each.inputs())
        assert np.array_equal(together, alone)
    assert receipt["code_sha256"] == sha256(codes[1].encode()).hexdigest()


def test_only_the_combination_that_fails_has_no_signals() -> None:
    code = "def on_bar(bars, n=1):\n    return 1 // (n - len(bars)) and 0\n"
    with evaluator(code) as started:
        rules = [rule(code, started, n=n) for n in (1000, 50, 2000)]
        started.expect(rules)
        assert not rules[0].generate_signals(random_prices()).any()
        with pytest.raises(CodeError, match=r"line 2: ZeroDivisionError.*bar 49 "):
            rules[1].generate_signals(random_prices())
        assert not rules[2].generate_signals(random_prices()).any()


def test_a_combination_that_ends_the_process_leaves_the_others_their_signals() -> None:
    code = "def on_bar(bars, n=1):\n    if n == 2:\n        __import__('os')._exit(3)\n    return n - 2\n"
    with evaluator(code) as started:
        rules = [rule(code, started, n=n) for n in (1, 2, 3)]
        started.expect(rules)
        prices = random_prices()
        assert set(rules[0].generate_signals(prices)) == {-1}
        with pytest.raises(CodeError, match="ended its process with exit code 3, bar 0"):
            rules[1].generate_signals(prices)
        assert set(rules[2].generate_signals(prices)) == {1}


def test_modules_are_loaded_as_far_as_the_code_names_them() -> None:
    code = """
import numpy as np
from zoneinfo import ZoneInfo
from datetime import datetime
import rules.indicators as ind
zone = ZoneInfo("America/New_York")
def on_bar(bars):
    assert np.fft.fft(bars.close).size == len(bars)
    assert np.linalg.norm(np.eye(2)) > 1
    assert datetime(2020, 7, 1, tzinfo=zone).utcoffset().total_seconds() == -14400
    assert bars.frame.tz_localize("UTC").tz_convert("America/New_York").size
    return 1 if len(bars) > 14 and ind.rsi(bars.close, 14)[-1] > 0 else 0
"""

    assert run(code, random_prices(40)).sum() == 40 - 14


def test_a_prefix_on_which_signals_fails_counts_as_no_signal() -> None:
    code = "import numpy as np\ndef signals(bars):\n    out = np.zeros(len(bars))\n"
    code += "    out[30:] = bars.close[30:] > bars.close[29]\n    return out\n"

    assert run(code)[:30].sum() == 0


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"python_rules": "off"}, BadParams), ({"python_modules": ("math",)}, BadParams)],
)
def test_settings_refuse_code(settings: dict[str, object], error: type[Exception]) -> None:
    with (
        pytest.raises(error),
        evaluator("import numpy\ndef on_bar(bars):\n    return 0\n", **settings),
    ):
        pass


def test_trusted_code_runs_without_the_seal_and_says_so() -> None:
    code = "import numpy\ndef on_bar(bars):\n    return len(__import__('os').listdir('/')) > 0\n"
    with evaluator(code, python_rules="trusted") as started:
        signals = rule(code, started).generate_signals(random_prices())

        assert signals.all()
        assert started.receipt(0)["sealed"] is False


@pytest.mark.parametrize("is_private", [True, False])
def test_a_machine_that_cannot_seal_runs_code_for_one_person_only(
    is_private: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "consumer.sealed.interpreter.Interpreter._loaded",
        lambda self: {"can_seal": False, "versions": {}},
    )
    code = "def on_bar(bars):\n    return 1\n"
    with evaluator(code, web_host="127.0.0.1" if is_private else "0.0.0.0") as started:
        started.start(code)._answer()
        if is_private:
            assert rule(code, started).generate_signals(random_prices()).all()
            assert started.receipt(0)["sealed"] is False
        else:
            with pytest.raises(SealUnavailable, match="cannot seal"):
                rule(code, started).generate_signals(random_prices())


def test_numbers_of_bars_are_exact() -> None:
    prices = random_prices()
    code = "def on_bar(bars):\n    for each in (bars.open, bars.high, bars.low, bars.close, bars.volume):\n"
    code += "        print(each[-1].hex())\n    return 0\n"
    with evaluator(code) as started:
        rule(code, started).generate_signals(prices)
        text = "".join(text for _, text in started.receipt(0)["printed"])

    values = [float.fromhex(each) for each in text.split()]
    columns = [prices[name] for name in ("Open", "High", "Low", "Close", "Volume")]
    assert values == np.column_stack(columns).ravel().tolist()[: len(values)]
    assert math.isclose(len(values), 5 * BARS, rel_tol=0.1)
