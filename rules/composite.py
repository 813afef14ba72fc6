"""The rule whose members vote."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from rules.base import BaseRule
from rules.crossings import Signals, held, levels, turns
from rules.prices import Prices
from rules.registry import build_rule


class CompositeRule(BaseRule):
    """The vote of several rules, each with the stance of its latest signal: 1, -1, or 0 before its first one."""

    rule_type = "COMPOSITE"

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        super().__init__(params)
        self._members = [build_rule(member["rule_type"], member["params"]) for member in self.params["rules"]]

    def signals(self, prices: Prices) -> Signals:
        """The outcome of the vote on every bar; 0 while it has none."""
        stances = np.stack([held(member.signals(prices)) for member in self._members])
        return VOTES[self.params["mode"]](stances)


def _unanimous(stances: Signals) -> Signals:
    """Every member has the same stance; stances: (members, bars)."""
    return levels(np.logical_and.reduce(stances > 0), np.logical_and.reduce(stances < 0))


def _majority(stances: Signals) -> Signals:
    """More than half of all members, those without a stance counted in, have the same stance."""
    balance = stances.shape[0] // 2
    return levels(
        np.add.reduce(stances > 0, axis=0, dtype=np.int8) > balance,
        np.add.reduce(stances < 0, axis=0, dtype=np.int8) > balance,
    )


def _latest(stances: Signals) -> Signals:
    """The stance that a member took last; members that turn on the same bar count against each other."""
    changes = np.add.reduce(np.stack([turns(stance) for stance in stances]), axis=0, dtype=np.int8)
    return held(np.sign(changes))


VOTES: dict[str, Callable[[Signals], Signals]] = {"all": _unanimous, "any": _latest, "majority": _majority}
