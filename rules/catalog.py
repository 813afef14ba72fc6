"""Catalog of the trading rules by name, for forms, validation, command line, API and docs; and COMPOSITE, the vote.

A rule's entry is its class, in the module of its family; this module collects them. None of these modules loads numpy,
so that the web tier can validate a request without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rules import papers, technical, trend
from rules.base import BaseRule as BaseRule
from rules.formula.rule import FormulaRule
from rules.parameters import FIELD_CHARACTERS, Faults, Json, Params, quote
from rules.parameters import ParamSpec as ParamSpec
from rules.parameters import RuleSpec as RuleSpec
from rules.python.rule import PythonRule

if TYPE_CHECKING:
    from rules.arrays import Signals
    from rules.formula.graph import Market
    from rules.prices import Prices

MEMBERS: dict[str, type[BaseRule]] = {
    rule.spec.name: rule for family in (technical, trend, papers) for rule in family.RULES
}


class MembersParam(ParamSpec):
    """Members of a vote: a list of objects with rule_type and params; they do not nest."""

    def faults(self, value: object, field: str) -> Faults:
        """Return the faults of the list, or those of each member under its index."""
        accepted = f"a list of {self.range()} objects with rule_type and params"
        if not isinstance(value, (list, tuple)):
            return {field: f"{quote(value)} is not {accepted}"}
        if not self.minimum <= len(value) <= self.maximum:  # type: ignore[operator]  # members have bounds
            return {field: f"a list of {len(value)} is not {accepted}"}
        return {
            path: fault
            for place, member in enumerate(value)
            for path, fault in _member_faults(member, f"{field}[{place}]").items()
        }

    def complete(self, value: Any) -> list[Json]:
        """Complete the params of each member."""
        return [
            {
                "rule_type": member["rule_type"],
                "params": _spec_of(member).complete(member.get("params", {})),
            }
            for member in value
        ]

    def label(self, value: Any) -> str:
        """Join the labels of the members: RSI_14_30_70+MACD_12_26_9."""
        return "+".join(_spec_of(member).label(member["params"]) for member in value)

    def accepted(self) -> Json:
        """Return the schema of a list of so many members."""
        members = [
            {
                "type": "object",
                "properties": {
                    "rule_type": {"const": name},
                    "params": rule.spec.schema(),
                },
                "required": ["rule_type"],
                "additionalProperties": False,
            }
            for name, rule in MEMBERS.items()
        ]
        return {
            "type": "array",
            "minItems": self.minimum,
            "maxItems": self.maximum,
            "items": {"oneOf": members},
        }


def _spec_of(member: Params) -> RuleSpec:
    return MEMBERS[member["rule_type"]].spec


def _member_faults(member: object, path: str) -> Faults:
    if not isinstance(member, Mapping):
        return {path: f"{quote(member)} is not an object with rule_type and params"}
    faults = {
        f"{path}.{str(name)[:FIELD_CHARACTERS]}": "a member has rule_type and params only"
        for name in member
        if name not in ("rule_type", "params")
    }
    name = member.get("rule_type")
    if not isinstance(name, str) or name not in MEMBERS:
        return faults | {
            f"{path}.rule_type": f"{quote(name)} is not one of: {', '.join(MEMBERS)}"
        }
    return faults | MEMBERS[name].spec.faults(member.get("params", {}), f"{path}.params")


class CompositeRule(BaseRule):
    """Vote of several rules, each with the stance of its latest signal: 1, -1, or 0 before the first one."""

    spec = RuleSpec(
        "COMPOSITE",
        "Vote of several rules",
        "Each member's stance is its latest signal, buy or sell; the members vote with their stances on every bar.",
        "composite",
        (
            ParamSpec(
                "choice",
                "mode",
                "majority",
                help="all: every member agrees; majority: more than half do; any: the latest change of stance decides",
                choices=("all", "any", "majority"),
            ),
            MembersParam(
                "rules",
                "rules",
                [{"rule_type": "RSI"}, {"rule_type": "MACD"}],
                2,
                5,
                "The members, each with a rule_type and its params; no COMPOSITE among them",
                "rules",
                1,
            ),
        ),
        "the vote is buy",
        "the vote is sell",
        "L. Lam, C. Suen, Application of Majority Voting to Pattern Recognition, IEEE Transactions on Systems, Man, "
        "and Cybernetics A 27 (1997), for the vote",
        short="Vote",
    )

    def __init__(self, params: Params | None = None, timeframe: str = "1d") -> None:
        super().__init__(params, timeframe)
        self.members = [
            MEMBERS[member["rule_type"]](member["params"]) for member in self.params["rules"]
        ]

    def lookback(self) -> int:
        return self.longest_lookback()[1]

    def longest_lookback(self) -> tuple[str, int]:
        """Return name and lookback of the member that looks back furthest."""
        bars, name = max((member.lookback(), member.spec.name) for member in self.members)
        return name, bars

    def warmup_bars(self) -> int:
        return max(member.warmup_bars() for member in self.members)

    def signals(self, prices: Prices) -> Signals:
        """Return the outcome of the vote on every bar, 0 while there is none."""
        stances = [prices.carry_forward(member.signals(prices)) for member in self.members]
        # members that change on the same bar count against each other
        if self.params["mode"] == "any":
            changes: Any = sum(prices.changes(stance) for stance in stances)
            return prices.carry_forward(prices.levels(changes > 0, changes < 0))
        needed = len(stances) if self.params["mode"] == "all" else len(stances) // 2 + 1
        buys: Any = sum(stance > 0 for stance in stances)
        sells: Any = sum(stance < 0 for stance in stances)
        return prices.levels(buys >= needed, sells >= needed)


CLASSES = MEMBERS | {rule.spec.name: rule for rule in (CompositeRule, FormulaRule, PythonRule)}
RULES = MappingProxyType({name: rule.spec for name, rule in CLASSES.items()})


def check_params(rule_type: object, params: object, market: Market | None = None) -> Faults:
    """Every fault by field, such as {"params.period": "1 is out of range: ..."}; empty when the rule can be built.

    market: the series that a formula may name; without one, no further columns, and any ticker and timeframe.
    """
    if not isinstance(rule_type, str) or rule_type not in RULES:
        return {"rule_type": unknown_rule(rule_type)}
    return RULES[rule_type].faults(params, market=market)


def unknown_rule(rule_type: object) -> str:
    """Say that a rule does not exist, with all names and those that are similar."""
    from difflib import get_close_matches  # for a fault only: a Job pays for its imports

    similar = get_close_matches(quote(rule_type).strip("'").upper(), RULES)
    hint = f"; did you mean {' or '.join(similar)}?" if similar else ""
    return f"{quote(rule_type)} is not one of: {', '.join(RULES)}{hint}"


def checked_rule(rule_type: str, params: Params, timeframe: str = "1d") -> BaseRule:
    """Return the rule with params that have no faults (see check_params); missing ones get their default."""
    return CLASSES[rule_type](params, timeframe)


def complete_params(rule_type: str, params: Params) -> Json:
    """Fill in the defaults of params that have no faults (see check_params)."""
    return RULES[rule_type].complete(params)
