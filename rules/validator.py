"""Checks that a rule keeps the promises of every rule, on your prices."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from rules.arrays import Column, Signals, form_fault
from rules.base import BaseRule
from rules.catalog import CLASSES
from rules.prices import Prices

CUTS = 24  # lengths to which prices are cut in the search for look-ahead
COLUMNS = ("Open", "High", "Low", "Close", "Volume")


@dataclass(frozen=True)
class Finding:
    """One broken promise: the check (metadata, params, signals, look_ahead, determinism) and its message."""

    check: str
    message: str


class RuleValidator:
    """Validation of rules on given prices.

    data: data["Open" | "High" | "Low" | "Close" | "Volume"] is a column, oldest bar first; ValueError for fewer than 2
    bars. The more bars and the more signals they cause, the more the checks can detect.
    """

    def __init__(self, data: Mapping[str, Column]) -> None:
        self._data = {name: np.array(data[name], dtype=np.float64) for name in COLUMNS}
        self._bars = self._data["Close"].size
        if self._bars < 2:
            raise ValueError(f"data has {self._bars} bars; at least 2 are needed to cut it short")

    def validate(self, rule: BaseRule) -> list[Finding]:
        """Return every broken promise of `rule`, metadata first.

        Exceptions of the rule pass through. If the signals have a wrong form, the other checks of signals are skipped.
        """
        return [Finding(check, message) for check, message in self._broken(rule)]

    def _broken(self, rule: BaseRule) -> Iterator[tuple[str, str]]:
        """Yield each check that failed, and its message."""
        yield from (("metadata", fault) for fault in _metadata_faults(rule))
        for field, message in rule.spec.faults(rule.params).items():
            yield "params", f"{field}: {message}"
        signals = self._signals(rule, self._bars)
        if fault := form_fault(signals, self._bars):
            yield "signals", fault
            return
        yield from (("determinism", fault) for fault in self._differences(rule, signals))
        yield from self._look_ahead(rule, signals)

    def _signals(self, rule: BaseRule, bars: int) -> Signals:
        """Return the rule's signals of the first `bars` bars, in whatever form."""
        return rule.signals(
            Prices({name: column[:bars].copy() for name, column in self._data.items()})
        )

    def _differences(self, rule: BaseRule, signals: Column) -> Iterator[str]:
        """Yield differences to the signals of a second call, and to those of a new rule of its class and params."""
        for who, other in (
            ("a second call of the rule", rule),
            ("a new rule of its class and params", type(rule)(rule.params)),
        ):
            bars = np.flatnonzero(self._signals(other, self._bars) != signals)
            if bars.size:
                yield f"{who} gives other signals on {bars.size} bars, first on bar {bars[0]}"

    def _look_ahead(self, rule: BaseRule, signals: Column) -> Iterator[tuple[str, str]]:
        """Yield the first cut whose signals differ from those with all bars; one is enough."""
        for bars in self._cuts(signals):
            early = self._signals(rule, bars)
            if fault := form_fault(early, bars):
                yield "signals", fault
                return
            changed = np.flatnonzero(early != signals[:bars])
            if changed.size:
                cut = f"changes when the bars after {bars - 1} are cut off"
                yield "look_ahead", f"the signal of bar {changed[0]} {cut}"
                return

    def _cuts(self, signals: Column) -> list[int]:
        """Return lengths spread over the prices, and some just after a signal, which detect a look-ahead of one bar."""
        spread = np.linspace(1, self._bars - 1, CUTS).astype(int)
        signalled = np.flatnonzero(signals[:-1]) + 1
        behind = signalled[
            np.linspace(0, signalled.size - 1, min(CUTS, signalled.size)).astype(int)
        ]
        return sorted({*spread.tolist(), *behind.tolist()})


def _metadata_faults(rule: BaseRule) -> Iterator[str]:
    for name in ("name", "title", "description", "buy", "sell", "source"):
        if not getattr(rule.spec, name):
            yield f"{name} is empty"
    catalog_class = CLASSES.get(rule.spec.name)
    if catalog_class and not isinstance(rule, catalog_class):
        yield f"{type(rule).__name__} has the name of another rule, {rule.spec.name}"
