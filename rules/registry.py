"""Rules by name, with their params checked: the way in for whoever has not checked them."""

from collections.abc import Mapping
from typing import Any

from rules.base import BaseRule
from rules.catalog import check_params, checked_rule


def build_rule(rule_type: str, params: Mapping[str, Any] | None = None) -> BaseRule:
    """The rule `rule_type` with `params`; ValueError naming every fault of the two."""
    params = {} if params is None else params
    if faults := check_params(rule_type, params):
        raise ValueError("; ".join(f"{field}: {message}" for field, message in faults.items()))
    return checked_rule(rule_type, params)
