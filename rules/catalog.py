"""The trading rules as forms, validation, command line, API and docs see them, by name.

A rule's entry is its class, in the module of its family; here they are collected. Neither they nor this module load
numpy, so that the web tier can validate a request without it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from rules.base import BaseRule
from rules.composite import MEMBERS, CompositeRule
from rules.formula.rule import FormulaRule
from rules.parameters import Faults, Json, Params, shown
from rules.parameters import ParamSpec as ParamSpec

CLASSES: Mapping[str, type[BaseRule]] = {
    **MEMBERS,
    **{rule.spec.name: rule for rule in (CompositeRule, FormulaRule)},
}
RULES = MappingProxyType({name: rule.spec for name, rule in CLASSES.items()})


def check_params(rule_type: object, params: object) -> Faults:
    """Every fault by field, such as {"params.period": "1 is out of range: ..."}; empty when the rule can be built."""
    if not isinstance(rule_type, str) or rule_type not in RULES:
        return {"rule_type": unknown_rule(rule_type)}
    return RULES[rule_type].faults(params)


def unknown_rule(rule_type: object) -> str:
    """What there is instead of an unknown rule: all names, and those that are nearly the same."""
    from difflib import get_close_matches  # for a fault only: a Job pays for its imports

    near = get_close_matches(shown(rule_type).strip("'").upper(), RULES)
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{shown(rule_type)} is not one of: {', '.join(RULES)}{meant}"


def checked_rule(rule_type: str, params: Params) -> BaseRule:
    """The rule with params that have no faults (see check_params); what is missing gets its default."""
    return CLASSES[rule_type](params)


def complete_params(rule_type: str, params: Params) -> Json:
    """As RuleSpec.complete, for params that have no faults (see check_params)."""
    return RULES[rule_type].complete(params)
