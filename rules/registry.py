"""Rules by name or class, with validation of params, for callers that have not validated them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rules.base import BaseRule
from rules.catalog import CLASSES, unknown_rule
from rules.parameters import Params

if TYPE_CHECKING:
    from rules.formula.graph import Market


def build_rule(
    rule: str | type[BaseRule], params: Params | None = None, market: Market | None = None
) -> BaseRule:
    """Build a rule of the catalog, or of a class of your own, with `params`; ValueError names every fault.

    market: the series that a formula may name, such as Market(columns=["score"]).
    """
    chosen, params = rule_class(rule), {} if params is None else params
    if faults := chosen.spec.faults(params, market=market):
        raise ValueError("; ".join(f"{field}: {message}" for field, message in faults.items()))
    return chosen(params, (market and market.timeframe) or "1d")


def rule_class(rule: str | type[BaseRule]) -> type[BaseRule]:
    """Return the class of a name of the catalog, or the class itself; ValueError with similar names."""
    if isinstance(rule, type) and issubclass(rule, BaseRule):
        return rule
    if not isinstance(rule, str) or rule not in CLASSES:
        raise ValueError(f"rule_type: {unknown_rule(rule)}")
    return CLASSES[rule]
