"""Rules by name; only the module of the rule asked for is imported, since each run pays for its imports."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from rules.base import BaseRule
from rules.catalog import check_params

FAMILIES = {
    "RSI": ("rules.oscillators", "RsiRule"),
    "MACD": ("rules.oscillators", "MacdRule"),
    "RSI_MACD": ("rules.oscillators", "RsiMacdRule"),
    "MA_CROSS": ("rules.trend", "MaCrossRule"),
    "BOLLINGER": ("rules.volatility", "BollingerRule"),
    "VOLUME": ("rules.volume", "VolumeRule"),
    "TREND": ("rules.trend", "TrendRule"),
    "ATR": ("rules.volatility", "AtrRule"),
    "MOMENTUM": ("rules.papers", "MomentumRule"),
    "VALUE": ("rules.papers", "ValueRule"),
    "MEAN_REVERSION": ("rules.papers", "MeanReversionRule"),
    "BREAKOUT": ("rules.papers", "BreakoutRule"),
    "COMPOSITE": ("rules.composite", "CompositeRule"),
}


def build_rule(rule_type: str, params: Mapping[str, Any] | None = None) -> BaseRule:
    """The rule `rule_type` with `params`; ValueError naming every fault of the two."""
    if faults := check_params(rule_type, {} if params is None else params):
        raise ValueError("; ".join(f"{field}: {message}" for field, message in faults.items()))
    return rule_class(rule_type)(params)


def rule_class(rule_type: str) -> type[BaseRule]:
    """The class behind a name of the catalog; imports its family."""
    module, name = FAMILIES[rule_type]
    family: type[BaseRule] = getattr(import_module(module), name)
    return family
