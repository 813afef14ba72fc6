"""A sweep read from YAML: base, parameters, method, conditions; every fault with its line.

The fields of the base, the values of the parameters and the terms of a study are the platform's to check.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from backtests.axes import axis_values, drawn, grid
from backtests.catalog import Catalog
from backtests.conditions import BadCondition, Condition, parse_condition
from backtests.errors import BadInput
from backtests.sweep import PlannedRun, Sweep, crossed, flat_params, ranking

FIELDS = ("name", "base", "method", "parameters", "where", "metric", "constraints", "run_cap", "seed", "study")
METHODS = ("grid", "random", "list")
DEFAULT_RUN_CAP = 20_000


class _Faults:
    """Faults as they are found, each with the line of the place that it concerns."""

    def __init__(self, document: yaml.Node | None) -> None:
        self._document = document
        self.found: list[str] = []

    def add(self, path: Sequence[str], message: object) -> None:
        """Note a fault at `path`, such as ("base", "fee_rate")."""
        self.found.append(f"{self._place(path)}: {message}")

    def place_of(self, field: str) -> str:
        """The place of a field of the request: among the parameters, else in the base, where its name may differ."""
        group, _, name = field.partition(".")
        paths = [("parameters", name), ("base", "params", *name.split("."))] if group == "params" else [("base", field)]
        paths += [("base", "tickers")] if field == "ticker" else []
        return self._place(max(paths, key=lambda path: len(self._nodes(path)) / len(path)))

    def add_repeated_keys(self) -> None:
        """Note every field and parameter that appears twice; YAML's reader takes the last and says nothing."""
        entries = self._document.value if isinstance(self._document, yaml.MappingNode) else []
        for node in (self._document, *(value for _, value in entries)):
            keys = [key for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
            for number, key in enumerate(keys):
                if key.value in [other.value for other in keys[:number]]:
                    self.found.append(f"line {key.start_mark.line + 1}: {key.value}: appears twice")

    def _place(self, path: Sequence[str]) -> str:
        """`line 4: base.fee_rate`; the line of the last part of the path that the file has."""
        keys = self._nodes(path)
        return f"line {keys[-1].start_mark.line + 1 if keys else 1}: {'.'.join(path)}"

    def _nodes(self, path: Sequence[str]) -> list[yaml.Node]:
        """The keys along a path, as far as the file has them."""
        node, keys = self._document, []
        for part in path:
            entries = node.value if isinstance(node, yaml.MappingNode) else []
            entry = next((each for each in entries if each[0].value == part), None)
            if entry is None:
                break
            keys.append(entry[0])
            node = entry[1]
        return keys


def read_spec(path: Path, catalog: Catalog) -> Sweep:
    """The sweep that a YAML file describes; BadInput with all its faults."""
    text = path.read_text(encoding="utf-8")
    try:
        spec, document = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise BadInput([f"line {mark.line + 1 if mark else 1}: not YAML: {getattr(error, 'problem', error)}"]) from None
    if not isinstance(spec, dict):
        raise BadInput([f"line 1: a mapping with {', '.join(FIELDS)} is expected"])
    faults = _Faults(document)
    faults.add_repeated_keys()
    sweep = _sweep(spec, path, catalog, faults)
    if faults.found or sweep is None:
        raise BadInput(faults.found)
    return sweep


def _sweep(spec: dict[str, Any], path: Path, catalog: Catalog, faults: _Faults) -> Sweep | None:
    for name in (name for name in spec if name not in FIELDS):
        faults.add([str(name)], f"unknown; accepted: {', '.join(FIELDS)}")
    base = _base(spec.get("base"), catalog, faults)
    tickers = _tickers(base, faults)
    method = spec.get("method", "grid")
    if method not in METHODS:
        faults.add(["method"], f"{method!r} is not one of {', '.join(METHODS)}")
    run_cap = _whole(spec, "run_cap", DEFAULT_RUN_CAP, 1, faults)
    seed = _whole(spec, "seed", 0, 0, faults)
    metric, goal = _ranking(spec, catalog, faults)
    constraints = _conditions(spec, "constraints", catalog.goals, faults)
    if base is None or not tickers or method not in METHODS:
        return None
    defaults = flat_params(catalog.defaults[base["rule_type"]] | (base.get("params") or {}))
    combinations = _combinations(spec, method, defaults, (run_cap // len(tickers), seed), faults)
    if len(combinations) * len(tickers) > run_cap:
        faults.add(["run_cap"], f"{len(combinations)} combinations x {len(tickers)} tickers are more than {run_cap}")
    values = crossed(base, tickers, combinations)
    runs = tuple(PlannedRun(each, f"{each['ticker']} {json.dumps(each['params'], default=str)}") for each in values)
    study = spec.get("study")
    if not isinstance(study, dict | None):
        faults.add(["study"], f"{study!r} is not a mapping with kind: walk_forward, holdout or selection")
        return None
    return Sweep(str(spec.get("name") or path.stem), runs, metric, goal, constraints, faults.place_of, study)


def _base(given: Any, catalog: Catalog, faults: _Faults) -> dict[str, Any] | None:
    """What all runs share; None without a known rule, whose parameters the rest of the file is about."""
    if not isinstance(given, dict):
        faults.add(
            ["base"], "a mapping of what all runs share is expected: ticker, rule_type, start_date, end_date, ..."
        )
        return None
    if given.get("rule_type") not in list(catalog.defaults):  # a list, since what YAML gives need not have a hash
        faults.add(["base", "rule_type"], f"{given.get('rule_type')!r} is not one of {', '.join(catalog.defaults)}")
    elif not isinstance(given.get("params") or {}, dict):
        faults.add(["base", "params"], f"{given['params']!r} is not a mapping of parameter names to their values")
    else:
        return {name: value.isoformat() if isinstance(value, date) else value for name, value in given.items()}
    return None


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


def _ranking(spec: Mapping[str, Any], catalog: Catalog, faults: _Faults) -> tuple[str | None, str | None]:
    try:
        return ranking(spec["metric"], catalog.goals) if "metric" in spec else (None, None)
    except ValueError as error:
        faults.add(["metric"], error)
        return None, None


def _conditions(spec: Mapping[str, Any], name: str, names: Collection[str], faults: _Faults) -> tuple[Condition, ...]:
    given = spec.get(name) or []
    found = []
    for text in given if isinstance(given, list) else [given]:
        try:
            found.append(parse_condition(text, names))
        except BadCondition as error:
            faults.add([name], error)
    return tuple(found)


def _combinations(
    spec: Mapping[str, Any], method: str, defaults: Mapping[str, Any], draw: tuple[int, int], faults: _Faults
) -> list[dict[str, Any]]:
    """The params of every combination; [] with the faults noted."""
    parameters = spec.get("parameters", {})
    if method == "list":
        return _listed(parameters, faults)
    axes = _axes(parameters, faults)
    where = _conditions(spec, "where", defaults.keys() | (axes or {}).keys(), faults)
    if axes is None:
        return []
    try:
        found = grid(axes, where, defaults) if method == "grid" else drawn(axes, where, defaults, *draw)
    except ValueError as error:
        faults.add(["parameters"], error)
        return []
    if not found and not faults.found:
        faults.add(["parameters"], "no combination is left, see where")
    return found


def _listed(parameters: Any, faults: _Faults) -> list[dict[str, Any]]:
    if not isinstance(parameters, list) or not all(isinstance(each, dict) for each in parameters):
        faults.add(["parameters"], "with method: list, a list of mappings of parameters is expected")
        return []
    if not parameters:
        faults.add(["parameters"], "no combination is listed")
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
