"""Cheats against the seal, one test each: none gets out, sees a later bar, or takes the Job with it."""

import platform
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from adapters.settings import Settings
from consumer.job.task import TimeLimit
from consumer.sealed.evaluator import Evaluator
from contracts.errors import PlatformError
from rules.arrays import Signals
from rules.python.rule import PythonRule
from rules.python.source import read_source
from tests.sealed.cheats import DISTURBANCES, ESCAPES, HANGS, PEEKS, REAL, escape
from tests.sealed.code import FOREVER, random_prices

LOADED = "import numpy\nimport pandas\nimport random\ndef on_bar(bars):\n    return 1 if len(bars) % 2 else -1\n"
PRICES = random_prices()
LIMIT_S = 0.3  # of a strategy that hangs


class Attacked:
    """One process with all modules, whose forks run the cheats: it must outlive them all."""

    def __init__(self, started: Evaluator) -> None:
        self._started = started

    def run(self, code: str) -> Signals | None:
        """Return the signals of a cheat; None where the run failed, with a reason for people."""
        interpreter = self._started.start(LOADED)
        interpreter.code, interpreter.function = code, read_source(code).function
        rule = PythonRule({"code": code})
        rule.evaluator = self._started
        self._started._outcomes = {}
        try:
            return rule.generate_signals(PRICES)
        except PlatformError as error:
            assert 5 < len(str(error)) < 3000
            assert str(error).encode().decode().isprintable() or "\n" in str(error)
            return None

    def check(self) -> None:
        """The process still runs honest code, and no fork is left."""
        signals = self.run(LOADED)
        assert signals is not None
        assert signals.tolist() == [1, -1] * (len(signals) // 2)


@pytest.fixture(scope="module")
def attacked() -> Iterator[Attacked]:
    with Evaluator(Settings(run_memory_mb=256), FOREVER) as started:
        yield Attacked(started)


@pytest.fixture(scope="module")
def unsealed() -> Iterator[Attacked]:
    settings = Settings(run_memory_mb=256, python_rules="trusted")
    with Evaluator(settings, FOREVER) as started:
        yield Attacked(started)


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeLimit in this thread, as the alarm of a Job does."""

    def give_up(signum: int, frame: object) -> None:
        raise TimeLimit("the run took too long")

    before = signal.signal(signal.SIGUSR1, give_up)
    main = threading.main_thread().ident or 0
    timer = threading.Timer(LIMIT_S, lambda: signal.pthread_kill(main, signal.SIGUSR1))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGUSR1, before)


def foresight(signals: Signals | None) -> float:
    """Share of the signals that say where the next close goes; 0.5 where there are too few to tell."""
    if signals is None:
        return 0.5
    says, goes = signals[:-1], np.sign(np.diff(PRICES["Close"]))
    says, goes = says[says != 0], goes[says != 0]
    return float((says == goes).mean()) if says.size >= 20 else 0.5


def test_there_are_enough_cheats() -> None:
    assert len(ESCAPES) + len(PEEKS) + len(HANGS) + len(DISTURBANCES) >= 100


@pytest.mark.parametrize("cheat", ESCAPES)
def test_nothing_outside_the_seal_is_reached(cheat: str, attacked: Attacked) -> None:
    if cheat.startswith("call_") and platform.machine() != "x86_64":
        pytest.skip("the numbers are those of x86-64")

    signals = attacked.run(escape(ESCAPES[cheat]))

    assert signals is None or not signals.any()


@pytest.mark.parametrize("cheat", REAL)
def test_the_same_cheat_succeeds_without_the_seal(cheat: str, unsealed: Attacked) -> None:
    if cheat.startswith("call_") and platform.machine() != "x86_64":
        pytest.skip("the numbers are those of x86-64")

    signals = unsealed.run(escape(ESCAPES[cheat]))

    assert signals is not None
    assert signals.all()


@pytest.mark.parametrize("cheat", PEEKS)
def test_no_later_bar_is_seen(cheat: str, attacked: Attacked) -> None:
    assert foresight(attacked.run(PEEKS[cheat])) < 0.65


def test_a_strategy_that_did_see_the_next_bar_would_be_noticed() -> None:
    assert foresight(np.sign(np.diff(PRICES["Close"], append=0.0)).astype(np.int8)) == 1.0


@pytest.mark.parametrize("cheat", DISTURBANCES)
def test_a_disturbance_ends_with_a_reason(cheat: str, attacked: Attacked) -> None:
    attacked.run(DISTURBANCES[cheat])

    attacked.check()


@pytest.mark.parametrize("cheat", HANGS)
def test_a_strategy_that_hangs_is_ended_by_the_time_limit(cheat: str, attacked: Attacked) -> None:
    with time_limit():
        assert attacked.run(HANGS[cheat]) is None

    attacked.check()
