"""A rule's parameters tried out over a grid: every combination backtested, ranked by a metric.

The best combination of many is partly luck. It says what worked on these prices, not what will.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.engine import BacktestEngine, check_bars
from rules.arrays import Array, Column
from rules.catalog import CLASSES, RULES, check_params, complete_params
from rules.prices import Prices

if TYPE_CHECKING:
    from pandas import DataFrame

METRICS = ("total_return_pct", "sharpe_ratio", "max_drawdown_pct", "num_trades")
SMALLER_IS_BETTER = ("max_drawdown_pct",)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}

Grid = Mapping[str, Sequence[Any]]
Combination = dict[str, Any]


@dataclass(frozen=True)
class Heatmap:
    """`values` (y, x) of one metric over two axes of the grid; NaN where there is no run or no value."""

    metric: str
    x_name: str
    y_name: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    values: Array


@dataclass(frozen=True)
class GridResult:
    """Every combination with its metrics, in the order of the grid.

    values: (combinations, 4) float64, columns as METRICS, NaN where a metric has no value.
    """

    grid: Grid
    combinations: tuple[Combination, ...]
    values: Array
    metric: str

    def order(self) -> list[int]:
        """The combinations from best to worst; those without a value last, equals in the order of the grid."""
        column = self.values[:, METRICS.index(self.metric)]
        ranks = np.argsort(column if self.metric in SMALLER_IS_BETTER else -column, kind="stable")
        return [int(row) for row in ranks]

    def best(self) -> Combination | None:
        """The params of the best combination, or None if none has a value."""
        first = self.order()[:1]
        known = [i for i in first if not np.isnan(self.values[i, METRICS.index(self.metric)])]
        return dict(self.combinations[known[0]]) if known else None

    def top(self, count: int = 10) -> "DataFrame":
        """The `count` best combinations, one row each: the params of the grid, then the metrics. Loads pandas."""
        from pandas import DataFrame

        rows = self.order()[:count]
        params = [{name: self.combinations[row][name] for name in self.grid} for row in rows]
        metrics = DataFrame(self.values[rows], columns=list(METRICS)).astype({"num_trades": int})
        return DataFrame(params, columns=list(self.grid)).join(metrics)

    def heatmap(self, x_name: str, y_name: str) -> Heatmap:
        """The metric over two axes; where other axes vary too, the best value over them.

        ValueError if a name is not an axis of the grid, or both are the same.
        """
        if x_name == y_name or not {x_name, y_name} <= set(self.grid):
            raise ValueError(f"{x_name} and {y_name} must be two of the grid's axes: {', '.join(self.grid)}")
        x_values, y_values = tuple(self.grid[x_name]), tuple(self.grid[y_name])
        cells = np.full((len(y_values), len(x_values)), np.nan)
        better = np.fmin if self.metric in SMALLER_IS_BETTER else np.fmax
        column = self.values[:, METRICS.index(self.metric)]
        for combination, value in zip(self.combinations, column, strict=True):
            cell = y_values.index(combination[y_name]), x_values.index(combination[x_name])
            cells[cell] = better(cells[cell], value)
        return Heatmap(self.metric, x_name, y_name, x_values, y_values, cells)


class ParameterOptimizer:
    """One rule, one engine and one set of prices to try parameters on.

    data: the columns Open, High, Low, Close and Volume by name, oldest bar first, checked once; what the engine refuses
    is refused here. first_bar: the first bar that is traded, after bars that warm the indicators up. Indicators that
    several combinations need are computed once.
    """

    def __init__(
        self, rule_type: str, data: Mapping[str, Column], engine: BacktestEngine | None = None, first_bar: int = 0
    ) -> None:
        if faults := check_params(rule_type, {}):
            raise ValueError("; ".join(f"{field}: {message}" for field, message in faults.items()))
        self._rule_type, self._rule = rule_type, CLASSES[rule_type]
        self._bars, self._prices = check_bars(data), Prices(data)
        self._engine, self._first_bar = engine or BacktestEngine(), first_bar

    def search(
        self,
        grid: Grid,
        constraints: Sequence[str] = (),
        metric: str = "sharpe_ratio",
        fixed: Mapping[str, Any] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> GridResult:
        """Backtest every combination of `grid` that the constraints allow; deterministic.

        grid: values to try by parameter; the last parameter varies fastest. fixed: values of other parameters, else the
        catalog's defaults. constraints: "name < name" or "name >= number", with < <= > >= == !=, on top of the
        catalog's own. metric: one of METRICS. progress: called with (done, total) after each combination.
        ValueError names unknown or refused parameters, a constraint that cannot be read, or an unknown metric.
        """
        if metric not in METRICS:
            raise ValueError(f"metric is {metric!r}; must be one of {', '.join(METRICS)}")
        grid = _complete_axes(self._rule_type, grid, fixed or {})
        combinations = tuple(_combinations(self._rule_type, grid, constraints, fixed or {}))
        values = np.empty((len(combinations), len(METRICS)))
        for done, params in enumerate(combinations, start=1):
            values[done - 1] = self._measure(params)
            if progress:
                progress(done, len(combinations))
        return GridResult(grid, combinations, values, metric)

    def _measure(self, params: Combination) -> tuple[float, ...]:
        rule = self._rule(params)
        metrics = self._engine.summarize(self._bars, lambda _: rule.signals(self._prices), first_bar=self._first_bar)
        return tuple(np.nan if (value := getattr(metrics, name)) is None else value for name in METRICS)


def _combinations(
    rule_type: str, grid: Grid, constraints: Sequence[str], fixed: Mapping[str, Any]
) -> Iterator[Combination]:
    """The complete params of every combination that the constraints allow, the last axis fastest."""
    rules = [_parse(text, rule_type) for text in (*RULES[rule_type].constraints, *constraints)]
    for values in product(*grid.values()):
        params = complete_params(rule_type, {**fixed, **dict(zip(grid, values, strict=True))})
        if all(holds(params) for holds in rules):
            yield params


def _complete_axes(rule_type: str, grid: Grid, fixed: Mapping[str, Any]) -> Grid:
    """The axes with plain numbers (np.arange gives others), each value once; ValueError as for `search`."""
    axes = {
        name: [value.item() if isinstance(value, np.generic) else value for value in values]
        for name, values in grid.items()
    }
    faults = [f"{name}: stands in both grid and fixed" for name in axes if name in fixed]
    if faults := faults + _axes_faults(rule_type, {**{name: [value] for name, value in fixed.items()}, **axes}):
        raise ValueError("; ".join(faults))
    return {
        name: _distinct([complete_params(rule_type, {name: value})[name] for value in values])
        for name, values in axes.items()
    }


def _distinct(values: list[Any]) -> list[Any]:
    """Each value once, the first ones; the members of a COMPOSITE have no hash."""
    return [value for place, value in enumerate(values) if values.index(value) == place]


def _axes_faults(rule_type: str, axes: Grid) -> list[str]:
    """Every axis without values, unknown parameter and value out of bounds."""
    faults = [f"{name}: no values to try" for name, values in axes.items() if not len(values)]
    known = {spec.name: spec for spec in RULES[rule_type].params}
    for name, values in axes.items():
        for value in values:
            found = known[name].faults(value, name) if name in known else check_params(rule_type, {name: value})
            faults += [f"{field}: {message}" for field, message in found.items()]
    return faults


def _parse(text: str, rule_type: str) -> Callable[[Combination], bool]:
    """The comparison that `text` says, such as "fast < slow" or "period >= 10"; nothing is evaluated as code."""
    names = [spec.name for spec in RULES[rule_type].params if spec.kind in ("int", "float")]
    parts = text.split()
    if len(parts) != 3 or parts[1] not in COMPARISONS or parts[0] not in names:
        raise ValueError(
            f"constraint {text!r} is not of the form 'name < name' or 'name < number'; "
            f"names: {', '.join(names)}; comparisons: {' '.join(COMPARISONS)}"
        )
    left, compare, right = parts[0], COMPARISONS[parts[1]], parts[2]
    if right in names:
        return lambda params: compare(params[left], params[right])
    try:
        number = float(right)
    except ValueError:
        raise ValueError(f"constraint {text!r}: {right!r} is neither a number nor one of {', '.join(names)}") from None
    return lambda params: compare(params[left], number)
