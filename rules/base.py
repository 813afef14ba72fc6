"""What every rule is: metadata from the catalog, and signals from prices."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

from rules.catalog import RULES, complete_params, rule_label, warmup_bars
from rules.crossings import Signals
from rules.prices import Column, Prices


class Signal(IntEnum):
    """What a rule says about one bar."""

    SELL = -1
    HOLD = 0
    BUY = 1


@dataclass(frozen=True)
class RuleMetadata:
    """One built rule in words; `params` are complete."""

    rule_type: str
    label: str
    title: str
    description: str
    category: str
    params: Mapping[str, Any]
    buy: str
    sell: str
    source: str
    warmup_bars: int


class BaseRule(ABC):
    """A rule with complete params; it keeps no state from one call to the next.

    params: free of faults (see rules.catalog.check_params); what is missing gets the catalog's default.
    """

    rule_type: ClassVar[str]

    def __init__(self, params: Mapping[str, Any] | None = None) -> None:
        self.params = complete_params(self.rule_type, params or {})

    @property
    def metadata(self) -> RuleMetadata:
        """The rule in words, for reports and the validator."""
        spec, params = RULES[self.rule_type], self.params
        label, warmup = rule_label(self.rule_type, params), warmup_bars(self.rule_type, params)
        return RuleMetadata(
            self.rule_type,
            label,
            spec.title,
            spec.description,
            spec.category,
            params,
            spec.buy,
            spec.sell,
            spec.source,
            warmup,
        )

    def generate_signals(self, data: Mapping[str, Column] | Prices) -> Signals:
        """1 (buy), -1 (sell) or 0 for each bar, int8, shape (bars,); no bar depends on a later one.

        data: data["Open" | "High" | "Low" | "Close" | "Volume"] gives a column, oldest bar first: an array or a pandas
        Series; a DataFrame will do. Bars before the indicators' first value are 0.
        ValueError names the column that the rule reads and that is missing, or has NaN, infinity or another length.
        """
        return self.signals(data if isinstance(data, Prices) else Prices(data))

    @abstractmethod
    def signals(self, prices: Prices) -> Signals:
        """The signals for checked prices, whose indicators may be shared with other rules."""
