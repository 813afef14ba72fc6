"""The trading rules: names, parameters, bounds and conditions; the one source for forms, validation, CLI and docs.

Standard library only, so that the web tier can validate a request without loading numpy.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
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

__all__ = [
    "RULES",
    "ParamSpec",
    "RuleSpec",
    "check_params",
    "complete_params",
    "rule_label",
    "rule_schema",
    "warmup_bars",
]

LABEL_CHARACTERS = 64  # the width of the rule_id column
WILDER_MEMORY = 14  # periods after which Wilder's smoothing keeps less than 1e-6 of its seed: (1 - 1/p)^(14 p) < e^-14
EMA_MEMORY = 7  # the same for an EMA, whose weight is 2 / (period + 1)


def _bars(name: str, default: int, minimum: int, maximum: int, text: str) -> ParamSpec:
    return ParamSpec(name, "int", default, minimum, maximum, 1, text, "bars")


def _number(
    name: str, default: float, minimum: float, maximum: float, step: float, text: str, unit: str = ""
) -> ParamSpec:
    return ParamSpec(name, "float", default, minimum, maximum, step, text, unit)


_RSI_PARAMS = (
    _bars("period", 14, 2, 200, "Bars that the RSI is smoothed over"),
    _number("oversold", 30.0, 1.0, 50.0, 0.5, "Buy below this RSI", "RSI points"),
    _number("overbought", 70.0, 50.0, 99.0, 0.5, "Sell above this RSI", "RSI points"),
)
_MACD_PARAMS = (
    _bars("fast", 12, 2, 100, "Bars of the fast EMA"),
    _bars("slow", 26, 3, 300, "Bars of the slow EMA; more than the fast ones"),
    _bars("signal", 9, 2, 100, "Bars of the signal line, an EMA of the MACD"),
)
_FAST_BELOW_SLOW = ("fast < slow",)

_SPECS = (
    RuleSpec(
        "RSI",
        "Relative Strength Index",
        "Buys while the price has fallen unusually fast and sells while it has risen unusually fast.",
        "technical",
        _RSI_PARAMS,
        "RSI < oversold",
        "RSI > overbought",
        "J. W. Wilder, New Concepts in Technical Trading Systems (1978), section VI",
    ),
    RuleSpec(
        "MACD",
        "Moving Average Convergence/Divergence",
        "Follows the momentum of the trend: the gap between a fast and a slow average against its own average.",
        "technical",
        _MACD_PARAMS,
        "MACD crosses above its signal line",
        "MACD crosses below its signal line",
        "G. Appel, The Moving Average Convergence-Divergence Trading Method (1985)",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "RSI_MACD",
        "MACD filtered by RSI",
        "Follows MACD crosses, but does not buy what is overbought already and sells as soon as it becomes so.",
        "technical",
        (
            _RSI_PARAMS[0],
            _number(
                "oversold",
                30.0,
                1.0,
                50.0,
                0.5,
                "Accepted with RSI's params; no condition of this rule reads it",
                "RSI points",
            ),
            _number("overbought", 70.0, 50.0, 99.0, 0.5, "No buy at or above this RSI; sell above it", "RSI points"),
            *_MACD_PARAMS,
        ),
        "MACD crosses above its signal line and RSI < overbought",
        "MACD crosses below its signal line, or RSI > overbought",
        "Appel (1985) and Wilder (1978), combined",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "MA_CROSS",
        "Moving average crossover",
        "Follows the trend: long after the fast average has crossed above the slow one, out after it crossed below.",
        "technical",
        (
            _bars("fast", 20, 2, 200, "Bars of the fast average"),
            _bars("slow", 50, 3, 400, "Bars of the slow average; more than the fast ones"),
            ParamSpec("kind", "choice", "sma", help="Simple or exponential averages", choices=("sma", "ema")),
        ),
        "fast average crosses above the slow one",
        "fast average crosses below the slow one",
        "W. Brock, J. Lakonishok, B. LeBaron, Journal of Finance 47 (1992), variable-length moving averages",
        _FAST_BELOW_SLOW,
    ),
    RuleSpec(
        "BOLLINGER",
        "Bollinger Bands",
        "Buys below and sells above a band around the average whose width is a number of standard deviations.",
        "technical",
        (
            _bars("period", 20, 2, 200, "Bars of the average and of the standard deviation"),
            _number("width", 2.0, 0.5, 5.0, 0.1, "Half the band's width", "standard deviations"),
        ),
        "close < lower band",
        "close > upper band",
        "J. Bollinger, Bollinger on Bollinger Bands (2001)",
    ),
    RuleSpec(
        "VOLUME",
        "Volume spike",
        "Follows the close's direction on bars that trade a multiple of the usual volume.",
        "technical",
        (
            _bars("period", 20, 2, 200, "Bars before this one that make the usual volume"),
            _number("multiple", 2.0, 1.0, 10.0, 0.1, "How many times the usual volume counts as a spike", "times"),
        ),
        "volume > multiple x its average over the bars before, and the close is up",
        "volume > multiple x its average over the bars before, and the close is down",
        "J. E. Granville, Granville's New Strategy of Daily Stock Market Timing (1976)",
    ),
    RuleSpec(
        "TREND",
        "Directional movement",
        "Follows a change of direction (+DI against -DI) when the ADX says that there is a trend to follow.",
        "technical",
        (
            _bars("period", 14, 2, 100, "Bars that +DI, -DI and ADX are smoothed over"),
            _number("threshold", 25.0, 5.0, 60.0, 0.5, "Trade only above this ADX", "ADX points"),
        ),
        "ADX > threshold and +DI crosses above -DI",
        "ADX > threshold and +DI crosses below -DI",
        "Wilder (1978), section IV",
    ),
    RuleSpec(
        "ATR",
        "ATR trailing line",
        "Follows the trend until the close falls (or rises) through a line that trails it by a multiple of the ATR.",
        "technical",
        (
            _bars("period", 14, 2, 200, "Bars of the ATR and of the highest and lowest close"),
            _number("multiple", 3.0, 0.5, 10.0, 0.1, "Distance between the line and the extreme close", "ATRs"),
        ),
        "in a fall: close rises above the lowest close of the period + multiple x ATR",
        "in a rise: close falls below the highest close of the period - multiple x ATR",
        "Wilder (1978), section III, volatility system; C. Le Beau's chandelier exit, in A. Elder, "
        "Come Into My Trading Room (2002)",
    ),
    RuleSpec(
        "MOMENTUM",
        "Time-series momentum",
        "Buys what has risen over the past months and sells what has fallen, leaving out the most recent days, "
        "which tend to reverse.",
        "paper",
        (
            _bars("lookback", 126, 20, 504, "Bars over which the past return is taken (126 are six months)"),
            _bars("skip", 5, 0, 63, "Most recent bars that are left out"),
            _number("threshold", 0.0, 0.0, 100.0, 0.5, "Past return that counts as a rise, or as a fall", "%"),
        ),
        "return from `lookback` bars ago to `skip` bars ago > threshold",
        "the same return < -threshold",
        "N. Jegadeesh, S. Titman, Returns to Buying Winners and Selling Losers, Journal of Finance 48 (1993); "
        "T. Moskowitz, Y. H. Ooi, L. H. Pedersen, Time Series Momentum, Journal of Financial Economics 104 (2012)",
        ("skip < lookback",),
    ),
    RuleSpec(
        "VALUE",
        "Long-term reversal",
        "Buys what is cheap against its own price of years ago and sells what is dear against it.",
        "paper",
        (
            _bars("lookback", 756, 126, 1260, "How long ago the price is compared (756 bars are three years)"),
            _bars("average", 126, 2, 252, "Bars around that day over which the old price is averaged"),
            _number("threshold", 20.0, 0.0, 90.0, 1.0, "Gap to the old price that counts as cheap, or as dear", "%"),
        ),
        "average close around `lookback` bars ago is over threshold % above today's close",
        "average close around `lookback` bars ago is over threshold % below today's close",
        "W. De Bondt, R. Thaler, Does the Stock Market Overreact?, Journal of Finance 40 (1985); "
        "C. Asness, T. Moskowitz, L. H. Pedersen, Value and Momentum Everywhere, Journal of Finance 68 (2013)",
    ),
    RuleSpec(
        "MEAN_REVERSION",
        "Short-term reversal",
        "Buys after an unusually bad week and sells after an unusually good one.",
        "paper",
        (
            _bars("lookback", 5, 1, 60, "Bars of the return that may reverse (5 are a week)"),
            _bars("window", 60, 10, 250, "Such returns, the latest included, that say what is usual"),
            _number("threshold", 1.5, 0.5, 4.0, 0.1, "Distance from the usual return", "standard deviations"),
        ),
        "z-score of the last return < -threshold",
        "z-score of the last return > threshold",
        "B. Lehmann, Fads, Martingales, and Market Efficiency, Quarterly Journal of Economics 105 (1990); "
        "N. Jegadeesh, Evidence of Predictable Behavior of Security Returns, Journal of Finance 45 (1990); "
        "J. Poterba, L. Summers, Mean Reversion in Stock Prices, Journal of Financial Economics 22 (1988)",
    ),
    RuleSpec(
        "BREAKOUT",
        "Trading range break",
        "Buys when the close leaves its recent range upwards and sells when it leaves it downwards.",
        "paper",
        (
            _bars("lookback", 50, 2, 400, "Bars before this one that make the range"),
            _number("band", 0.0, 0.0, 10.0, 0.1, "How far beyond the range the close must be", "%"),
        ),
        "close > highest close of the bars before x (1 + band)",
        "close < lowest close of the bars before x (1 - band)",
        "W. Brock, J. Lakonishok, B. LeBaron, Simple Technical Trading Rules and the Stochastic Properties of "
        "Stock Returns, Journal of Finance 47 (1992); R. Donchian, Financial Analysts Journal 16 (1960)",
    ),
    RuleSpec(
        "COMPOSITE",
        "Vote of several rules",
        "Each member's stance is its latest signal, buy or sell; the members vote with their stances on every bar.",
        "composite",
        (
            ParamSpec(
                "mode",
                "choice",
                "majority",
                help="all: every member agrees; majority: more than half do; any: the latest change of stance decides",
                choices=("all", "any", "majority"),
            ),
            ParamSpec(
                "rules",
                "rules",
                (MappingProxyType({"rule_type": "RSI"}), MappingProxyType({"rule_type": "MACD"})),
                2,
                5,
                1,
                "The members, each with a rule_type and its params; no COMPOSITE among them",
                "rules",
            ),
        ),
        "the vote is buy",
        "the vote is sell",
        "L. Lam, C. Suen, Application of Majority Voting to Pattern Recognition, IEEE Transactions on Systems, Man, "
        "and Cybernetics A 27 (1997), for the vote",
    ),
)

RULES: Mapping[str, RuleSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})


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

    Windows need their length; recursive smoothing has no end, and counts until less than 1e-6 of its seed is left.
    """
    full = complete_params(rule_type, params)
    if rule_type == "COMPOSITE":
        return max(warmup_bars(member["rule_type"], member["params"]) for member in full["rules"])
    return _WARMUP[rule_type](full)


def _ema_bars(period: int) -> int:
    return period + EMA_MEMORY * (period + 1)


def _wilder_bars(period: int) -> int:
    return period + WILDER_MEMORY * period


def _macd_bars(params: Mapping[str, Any]) -> int:
    return _ema_bars(params["slow"]) + _ema_bars(params["signal"])


def _cross_bars(params: Mapping[str, Any]) -> int:
    return _ema_bars(params["slow"]) if params["kind"] == "ema" else int(params["slow"])


_WARMUP: dict[str, Callable[[Mapping[str, Any]], int]] = {
    "RSI": lambda p: _wilder_bars(p["period"]),
    "MACD": _macd_bars,
    "RSI_MACD": lambda p: max(_wilder_bars(p["period"]), _macd_bars(p)),
    "MA_CROSS": _cross_bars,
    "BOLLINGER": lambda p: p["period"],
    "VOLUME": lambda p: p["period"] + 1,
    "TREND": lambda p: 2 * _wilder_bars(p["period"]),
    "ATR": lambda p: _wilder_bars(p["period"]),
    "MOMENTUM": lambda p: p["lookback"],
    "VALUE": lambda p: p["lookback"] + p["average"] // 2,
    "MEAN_REVERSION": lambda p: p["lookback"] + p["window"],
    "BREAKOUT": lambda p: p["lookback"],
}
