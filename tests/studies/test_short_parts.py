"""A short test part holds without skill no more often than it says, whatever the rule and the process of prices."""

import pytest

from tests.studies.short_parts import LENGTHS, PROCESSES, RULES, share_held

BUYS_FALLS = ("Bollinger, out at the middle", "close < sma − 2·atr", "RSI 2, 10 to 50")


def most(worlds: int, deviations: float) -> float:
    """5% and what chance adds to it."""
    return 0.05 + deviations * (0.05 * 0.95 / worlds) ** 0.5


@pytest.mark.parametrize("bars", [36, 75])
@pytest.mark.parametrize("rule", BUYS_FALLS)
def test_a_short_test_part_is_not_called_skill(rule: str, bars: int) -> None:
    shares = [share_held(rule, process, bars, 400) for process in PROCESSES]

    assert sum(shares) / len(shares) <= most(400 * len(shares), 2)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("bars", LENGTHS)
@pytest.mark.parametrize("rule", RULES)
def test_no_length_and_no_process_makes_skill(rule: str, bars: int) -> None:
    shares = {process: share_held(rule, process, bars, 1000, seed=1) for process in PROCESSES}

    assert {process: share for process, share in shares.items() if share > most(1000, 3.5)} == {}
