"""Rules by name or class, with validation of params, for callers that have not validated them."""

from rules.base import BaseRule
from rules.catalog import CLASSES, unknown_rule
from rules.parameters import Params


def build_rule(rule: str | type[BaseRule], params: Params | None = None) -> BaseRule:
    """Build a rule of the catalog, or of a class of your own, with `params`; ValueError names every fault."""
    chosen, params = rule_class(rule), {} if params is None else params
    if faults := chosen.spec.faults(params):
        raise ValueError("; ".join(f"{field}: {message}" for field, message in faults.items()))
    return chosen(params)


def rule_class(rule: str | type[BaseRule]) -> type[BaseRule]:
    """Return the class of a name of the catalog, or the class itself; ValueError with similar names."""
    if isinstance(rule, type) and issubclass(rule, BaseRule):
        return rule
    if not isinstance(rule, str) or rule not in CLASSES:
        raise ValueError(f"rule_type: {unknown_rule(rule)}")
    return CLASSES[rule]
