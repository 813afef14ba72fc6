"""The trading rules as forms, validation, command line, API and docs see them: the table and what follows from it.

Standard library only, so that the web tier can validate a request without loading numpy. The table: rules/specs.py.
"""

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

from rules.parameters import (
    ParamSpec,
    RuleSpec,
    bound,
    constraint_fault,
    shown,
    value_fault,
)
from rules.specs import RULES

__all__ = [
    "RULES",
    "ParamSpec",
    "RuleSpec",
    "check_params",
    "complete_params",
    "longest_lookback",
    "rule_label",
    "rule_schema",
    "warmup_bars",
]

LABEL_CHARACTERS = 64  # the width of the rule_id column
WILDER_MEMORY = 14  # periods after which Wilder's smoothing keeps less than 1e-6 of its seed: (1 - 1/p)^(14 p) < e^-14
EMA_MEMORY = 7  # the same for an EMA, whose weight is 2 / (period + 1)


def check_params(rule_type: object, params: object) -> dict[str, str]:
    """Every fault by field, such as {"params.period": "1 is out of range: ..."}; empty when the rule can be built."""
    if not isinstance(rule_type, str) or rule_type not in RULES:
        return {"rule_type": f"{shown(rule_type)} is not one of: {', '.join(RULES)}"}
    return _params_faults(RULES[rule_type], params, "params")


def _params_faults(spec: RuleSpec, params: object, path: str) -> dict[str, str]:
    if not isinstance(params, Mapping):
        return {path: f"{shown(params)} is not an object of parameter names and values"}
    known = {param.name: param for param in spec.params}
    faults: dict[str, str] = {}
    for name, value in params.items():
        field = f"{path}.{str(name)[:LABEL_CHARACTERS]}"
        if name not in known:
            faults[field] = f"{shown(value)} given, but {spec.name} has no such parameter; it has: {', '.join(known)}"
        elif known[name].kind == "rules":
            faults |= _members_faults(known[name], value, field)
        elif fault := value_fault(known[name], value):
            faults[field] = fault
    return faults | _constraints_faults(spec, params, path, faults)


def _constraints_faults(
    spec: RuleSpec, params: Mapping[str, Any], path: str, faults: Mapping[str, str]
) -> dict[str, str]:
    """Faults of the constraints whose both sides are in order by themselves; a value not given is its default."""
    values = {p.name: params.get(p.name, p.default) for p in spec.params if f"{path}.{p.name}" not in faults}
    checkable = [c for c in spec.constraints if all(name in values for name in c.split(" < "))]
    found = filter(None, (constraint_fault(constraint, values) for constraint in checkable))
    return {f"{path}.{name}": message for name, message in found}


def _members_faults(spec: ParamSpec, members: object, path: str) -> dict[str, str]:
    wanted = f"a list of {bound(spec.minimum)} to {bound(spec.maximum)} objects with rule_type and params"
    if not isinstance(members, (list, tuple)):
        return {path: f"{shown(members)} is not {wanted}"}
    if spec.minimum is None or spec.maximum is None or not spec.minimum <= len(members) <= spec.maximum:
        return {path: f"a list of {len(members)} is not {wanted}"}
    faults: dict[str, str] = {}
    for position, member in enumerate(members):
        faults |= _member_faults(member, f"{path}[{position}]")
    return faults


def _member_faults(member: object, path: str) -> dict[str, str]:
    if not isinstance(member, Mapping):
        return {path: f"{shown(member)} is not an object with rule_type and params"}
    faults = {
        f"{path}.{str(name)[:LABEL_CHARACTERS]}": "a member has rule_type and params only"
        for name in member
        if name not in ("rule_type", "params")
    }
    rule_type = member.get("rule_type")
    if not isinstance(rule_type, str) or rule_type not in _member_types():
        faults[f"{path}.rule_type"] = f"{shown(rule_type)} is not one of: {', '.join(_member_types())}"
        return faults
    return faults | _params_faults(RULES[rule_type], member.get("params", {}), f"{path}.params")


def _member_types() -> list[str]:
    """The rules that may stand in a COMPOSITE: all but the composite ones, which do not nest."""
    return [name for name, spec in RULES.items() if spec.category != "composite"]


def complete_params(rule_type: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` in the catalog's order with defaults filled in and numbers in their kind (30 becomes 30.0 for a float).

    params: free of faults (see check_params). The answer shares nothing with `params` or the catalog.
    """
    return {spec.name: _complete(spec, params.get(spec.name, spec.default)) for spec in RULES[rule_type].params}


def _complete(spec: ParamSpec, value: Any) -> Any:
    if spec.kind == "rules":
        return [
            {"rule_type": m["rule_type"], "params": complete_params(m["rule_type"], m.get("params", {}))} for m in value
        ]
    return float(value) if spec.kind == "float" else value


def rule_label(rule_type: str, params: Mapping[str, Any]) -> str:
    """A short name of the rule with its params, such as RSI_14_30_70; at most 64 characters.

    A longer one (a COMPOSITE of many) is cut and ends in the CRC-32 of the whole, so that two of them still differ.
    """
    label = _full_label(rule_type, complete_params(rule_type, params))
    if len(label) <= LABEL_CHARACTERS:
        return label
    return f"{label[: LABEL_CHARACTERS - 9]}~{crc32(label.encode()):08x}"


def _full_label(rule_type: str, params: Mapping[str, Any]) -> str:
    return "_".join([rule_type, *(_label_part(value) for value in params.values())])


def _label_part(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(_full_label(member["rule_type"], member["params"]) for member in value)
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def rule_schema(rule_type: str) -> dict[str, Any]:
    """JSON Schema (2020-12) of the rule's params; constraints between params are in its description."""
    spec = RULES[rule_type]
    schema = {
        "type": "object",
        "properties": {param.name: _param_schema(param) for param in spec.params},
        "additionalProperties": False,
    }
    return schema | ({"description": f"with {', '.join(spec.constraints)}"} if spec.constraints else {})


def _param_schema(spec: ParamSpec) -> dict[str, Any]:
    common = {"description": spec.help + (f" ({spec.unit})" if spec.unit else "")}
    if spec.kind == "choice":
        return common | {"type": "string", "enum": list(spec.choices), "default": spec.default}
    if spec.kind == "rules":
        return common | {
            "type": "array",
            "minItems": spec.minimum,
            "maxItems": spec.maximum,
            "items": {"oneOf": [_member_schema(name) for name in _member_types()]},
            "default": [dict(member) for member in spec.default],
        }
    kind = "integer" if spec.kind == "int" else "number"
    return common | {"type": kind, "minimum": spec.minimum, "maximum": spec.maximum, "default": spec.default}


def _member_schema(rule_type: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"rule_type": {"const": rule_type}, "params": rule_schema(rule_type)},
        "required": ["rule_type"],
        "additionalProperties": False,
    }


def warmup_bars(rule_type: str, params: Mapping[str, Any]) -> int:
    """Bars before the first traded one after which more of them would no longer change the rule's signals.

    Windows need their length; recursive smoothing has no end, and counts until less than 1e-6 of its seed is left. Not
    counted: the direction of ATR and the stances of a COMPOSITE, which last until the next signal, however long.
    """
    return max(_BARS_BEFORE[name](full, True) for name, full in _members(rule_type, params))


def longest_lookback(rule_type: str, params: Mapping[str, Any]) -> tuple[str, int]:
    """The rule, or the member of a COMPOSITE, that looks back furthest, and how many bars come before its first signal.

    No signal comes earlier, but for the sells of RSI_MACD, which its RSI alone gives.
    """
    bars, name = max((_BARS_BEFORE[name](full, False), name) for name, full in _members(rule_type, params))
    return name, bars


def _members(rule_type: str, params: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Each rule of a COMPOSITE, else the rule itself, with complete params."""
    full = complete_params(rule_type, params)
    return [(m["rule_type"], m["params"]) for m in full["rules"]] if rule_type == "COMPOSITE" else [(rule_type, full)]


def _ema_bars(period: int, fade: bool) -> int:
    return period + EMA_MEMORY * (period + 1) * fade


def _wilder_bars(period: int, fade: bool) -> int:
    return period + WILDER_MEMORY * period * fade


def _macd_bars(params: Mapping[str, Any], fade: bool) -> int:
    return _ema_bars(params["slow"], fade) + _ema_bars(params["signal"], fade) - 1


# Bars before the first signal, and if asked for, those over which recursive smoothing fades.
_BARS_BEFORE: dict[str, Callable[[Mapping[str, Any], bool], int]] = {
    "RSI": lambda p, fade: _wilder_bars(p["period"], fade),
    "MACD": _macd_bars,
    "RSI_MACD": lambda p, fade: max(_wilder_bars(p["period"], fade), _macd_bars(p, fade)),
    "MA_CROSS": lambda p, fade: _ema_bars(p["slow"], fade and p["kind"] == "ema"),
    "BOLLINGER": lambda p, _: p["period"] - 1,
    "VOLUME": lambda p, _: p["period"],
    "TREND": lambda p, fade: 2 * _wilder_bars(p["period"], fade) - 1,
    "ATR": lambda p, fade: _wilder_bars(p["period"], fade) + 1,
    "MOMENTUM": lambda p, _: p["lookback"],
    "VALUE": lambda p, _: p["lookback"] + p["average"] // 2,
    "MEAN_REVERSION": lambda p, _: p["lookback"] + p["window"] - 1,
    "BREAKOUT": lambda p, _: p["lookback"],
}
