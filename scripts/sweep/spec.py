"""A sweep read from YAML: base, parameters, method, conditions; every fault with its line."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from adapters.results.metrics.table import METRIC_NAMES
from contracts.run_request import FIELD_NAMES
from rules.catalog import RULES, check_params
from scripts.sweep.axes import axis_values, drawn, grid
from scripts.sweep.conditions import BadCondition, Condition, parse_condition
from scripts.sweep.faults import BadSweep
from scripts.sweep.sweep import PlannedRun, Sweep, crossed, ranking

FIELDS = ("name", "base", "method", "parameters", "where", "metric", "constraints", "run_cap", "seed")
METHODS = ("grid", "random", "list")
BASE_FIELDS = tuple(name for name in FIELD_NAMES if name not in ("run_id", "batch_id"))
DEFAULT_RUN_CAP = 20_000
MAX_LISTED = 50  # combinations whose faults are listed


class _Faults:
    """Faults as they are found, each with the line of the place that it concerns."""

    def __init__(self, document: yaml.Node | None) -> None:
        self._document = document
        self.found: list[str] = []

    def add(self, path: Sequence[str], message: object) -> None:
        """Note a fault at `path`, such as ("base", "fee_rate")."""
        self.found.append(f"line {self._line(path)}: {'.'.join(path) or 'the file'}: {message}")

    def add_repeated_keys(self) -> None:
        """Note every field and parameter that stands twice; YAML's reader takes the last and says nothing."""
        entries = self._document.value if isinstance(self._document, yaml.MappingNode) else []
        for node in (self._document, *(value for _, value in entries)):
            keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
            for number, key in enumerate(keys):
                if key.value in [other.value for other in keys[:number]]:
                    self.found.append(f"line {key.start_mark.line + 1}: {key.value}: stands twice")

    def _line(self, path: Sequence[str]) -> int:
        node, line = self._document, 1
        for part in path:
            entries = node.value if isinstance(node, yaml.MappingNode) else []
            entry = next(((key, value) for key, value in entries if key.value == part), None)
            if entry is None:
                break
            line, node = entry[0].start_mark.line + 1, entry[1]
        return line


def read_spec(path: Path) -> Sweep:
    """The sweep that a YAML file describes; BadSweep with all its faults."""
    text = path.read_text(encoding="utf-8")
    try:
        spec, document = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadSweep([f"line {mark.line + 1 if mark else 1}: not YAML: {getattr(error, 'problem', error)}"]) from None
    if not isinstance(spec, dict):
        raise BadSweep([f"line 1: a mapping with {', '.join(FIELDS)} is expected"])
    faults = _Faults(document)
    faults.add_repeated_keys()
    sweep = _sweep(spec, path, faults)
    if faults.found or sweep is None:
        raise BadSweep(faults.found)
    return sweep


def _sweep(spec: dict[str, Any], path: Path, faults: _Faults) -> Sweep | None:
    for name in (name for name in spec if name not in FIELDS):
        faults.add([str(name)], f"unknown; accepted: {', '.join(FIELDS)}")
    base = _base(spec.get("base"), faults)
    tickers = _tickers(base, faults)
    method = spec.get("method", "grid")
    if method not in METHODS:
        faults.add(["method"], f"{method!r} is not one of {', '.join(METHODS)}")
    run_cap = _whole(spec, "run_cap", DEFAULT_RUN_CAP, 1, faults)
    seed = _whole(spec, "seed", 0, 0, faults)
    metric, goal = _ranking(spec, faults)
    constraints = _conditions(spec, "constraints", METRIC_NAMES, faults)
    if base is None or not tickers or method not in METHODS or not _has_rule(base):
        return None
    combinations = _combinations(spec, method, base, (run_cap // len(tickers), seed), faults)
    if len(combinations) * len(tickers) > run_cap:
        faults.add(["run_cap"], f"{len(combinations)} combinations x {len(tickers)} tickers are more than {run_cap}")
    values = crossed(base, tickers, combinations)
    runs = tuple(PlannedRun(each, f"{each['ticker']} {each['params']}") for each in values)
    return Sweep(str(spec.get("name") or path.stem), runs, metric, goal, constraints)


def _base(given: Any, faults: _Faults) -> dict[str, Any] | None:
    if not isinstance(given, dict):
        faults.add(["base"], f"a mapping of what all runs share is expected: {', '.join(BASE_FIELDS)}")
        return None
    accepted = (*BASE_FIELDS, "tickers")
    for name in (name for name in given if name not in accepted):
        faults.add(["base", str(name)], f"unknown; accepted: {', '.join(accepted)}")
    for name in ("start_date", "end_date", "rule_type"):
        if name not in given:
            faults.add(["base"], f"{name} is required")
    if "rule_type" in given and given["rule_type"] not in list(RULES):
        faults.add(["base", "rule_type"], f"{given['rule_type']!r} is not one of {', '.join(RULES)}")
    if not isinstance(given.get("params") or {}, dict):
        faults.add(["base", "params"], f"{given['params']!r} is not a mapping of parameter names to their values")
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in given.items()}


def _has_rule(base: Mapping[str, Any]) -> bool:
    """Whether parameters can be checked; RULES as a list, since what YAML gives need not have a hash."""
    return base.get("rule_type") in list(RULES) and isinstance(base.get("params") or {}, dict)


def _tickers(base: dict[str, Any] | None, faults: _Faults) -> list[str]:
    if base is None:
        return []
    given = base.pop("tickers", None) or base.pop("ticker", None)
    tickers = given if isinstance(given, list) else [given]
    if not tickers or not all(isinstance(ticker, str) for ticker in tickers):
        faults.add(["base", "ticker"], "one ticker or a list of tickers is required")
        return []
    return list(dict.fromkeys(tickers))


def _whole(spec: Mapping[str, Any], name: str, default: int, least: int, faults: _Faults) -> int:
    value = spec.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        faults.add([name], f"{value!r} is not a whole number from {least}")
        return default
    return value


def _ranking(spec: Mapping[str, Any], faults: _Faults) -> Any:
    try:
        return ranking(spec.get("metric", "sharpe_ratio"))
    except ValueError as error:
        faults.add(["metric"], error)
        return "sharpe_ratio", "max"


def _conditions(spec: Mapping[str, Any], name: str, names: Sequence[str], faults: _Faults) -> tuple[Condition, ...]:
    given = spec.get(name) or []
    found = []
    for text in given if isinstance(given, list) else [given]:
        try:
            found.append(parse_condition(text, names))
        except BadCondition as error:
            faults.add([name], error)
    return tuple(found)


def _combinations(
    spec: Mapping[str, Any], method: str, base: Mapping[str, Any], draw: tuple[int, int], faults: _Faults
) -> list[dict[str, Any]]:
    """The params of every combination, checked against the rule; [] with the faults noted."""
    parameters = spec.get("parameters", {})
    rule_type, fixed = base["rule_type"], base.get("params") or {}
    if method == "list":
        combinations = _listed(parameters, faults)
    else:
        axes = _axes(parameters, faults)
        names = [param.name for param in RULES[rule_type].params]
        where = _conditions(spec, "where", names, faults)
        if axes is None:
            return []
        defaults = {param.name: param.default for param in RULES[rule_type].params} | fixed
        try:
            count, seed = draw
            combinations = (
                grid(axes, where, defaults) if method == "grid" else drawn(axes, where, defaults, count, seed)
            )
        except ValueError as error:
            faults.add(["parameters"], error)
            return []
    if not combinations and not faults.found:
        faults.add(["parameters"], "no combination is left, see where")
    _check(rule_type, combinations, fixed, faults)
    return combinations


def _listed(parameters: Any, faults: _Faults) -> list[dict[str, Any]]:
    if not isinstance(parameters, list) or not all(isinstance(each, dict) for each in parameters):
        faults.add(["parameters"], "with method: list, a list of mappings of parameters is expected")
        return []
    return parameters


def _axes(parameters: Any, faults: _Faults) -> dict[str, list[Any]] | None:
    if not isinstance(parameters, dict):
        faults.add(["parameters"], "a mapping of parameter names to their values is expected")
        return None
    axes = {}
    for name, axis in parameters.items():
        try:
            axes[str(name)] = axis_values(axis)
        except ValueError as error:
            faults.add(["parameters", str(name)], error)
    return axes if len(axes) == len(parameters) else None


def _check(rule_type: str, combinations: Sequence[dict[str, Any]], fixed: Mapping[str, Any], faults: _Faults) -> None:
    """Note each different fault of the combinations once, with the first combination that has it."""
    seen: set[tuple[str, str]] = set()
    for params in combinations:
        for field, message in check_params(rule_type, {**fixed, **params}).items():
            if (field, message) not in seen and len(seen) < MAX_LISTED:
                seen.add((field, message))
                faults.add(["parameters", field.removeprefix("params.")], message)
