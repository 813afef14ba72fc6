"""Grid search over a rule's parameters: every combination is backtested and ranked by a metric.

The best combination of many is partly luck. It says what worked on these prices, not what will.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product, starmap
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.engine import BacktestEngine, PerformanceMetrics, check_bars
from rules.arrays import Array, Column
from rules.base import BaseRule
from rules.parameters import Json, Params, RuleSpec, quote
from rules.prices import Prices
from rules.registry import rule_class

if TYPE_CHECKING:
    from pandas import DataFrame

METRICS = tuple(each.name for each in fields(PerformanceMetrics))
SMALLER_IS_BETTER = ("max_drawdown_pct",)

Grid = Mapping[str, Sequence[Any]]
Condition = Callable[[Params], bool]  # on values by name


@dataclass(frozen=True)
class Heatmap:
    """Values (y, x) of one metric over two axes of the grid; NaN where there is no run or no value."""

    metric: str
    x_name: str
    y_name: str
    x_values: tuple[Any, ...]
    y_values: tuple[Any, ...]
    values: Array


@dataclass(frozen=True)
class GridResult:
    """Every combination with its metrics, in the order of the grid.

    values: (combinations, metrics) float64, columns as METRICS, NaN where a metric has no value.
    """

    grid: Grid
    combinations: tuple[Json, ...]
    values: Array
    metric: str

    def order(self) -> list[int]:
        """Return the combinations from best to worst; those without trades or value last, equal ones in grid order."""
        column = self._ranked()
        scores = column if self.metric in SMALLER_IS_BETTER else -column
        order: list[int] = np.argsort(scores, kind="stable").tolist()
        return order

    def _ranked(self) -> Array:
        """Return the metric by combination, NaN where nothing was traded: no drawdown is no merit then."""
        traded = self.values[:, METRICS.index("num_trades")] > 0
        return np.where(traded, self.values[:, METRICS.index(self.metric)], np.nan)

    def best(self) -> Json | None:
        """Return the params of the best combination, or None if none has trades and a value."""
        if np.isnan(self._ranked()).all():
            return None
        return dict(self.combinations[self.order()[0]])

    def top(self, count: int = 10) -> "DataFrame":
        """Return the `count` best combinations, a row each: the params of the grid, then the metrics. Needs pandas."""
        from pandas import DataFrame

        rows = self.order()[:count]
        params = [{name: self.combinations[row][name] for name in self.grid} for row in rows]
        metrics = DataFrame(self.values[rows], columns=list(METRICS)).astype({"num_trades": int})
        return DataFrame(params, columns=list(self.grid)).join(metrics)

    def heatmap(self, x_name: str, y_name: str) -> Heatmap:
        """Return the metric over two axes: the best value over all others, NaN where nothing was traded.

        ValueError if a name is not an axis of the grid, or both are the same.
        """
        if x_name == y_name or not {x_name, y_name} <= set(self.grid):
            raise ValueError(
                f"{x_name} and {y_name} must be two of the grid's axes: {', '.join(self.grid)}"
            )
        x_values, y_values = tuple(self.grid[x_name]), tuple(self.grid[y_name])
        cells = np.full((len(y_values), len(x_values)), np.nan)
        better = np.fmin if self.metric in SMALLER_IS_BETTER else np.fmax
        for combination, value in zip(self.combinations, self._ranked(), strict=True):
            cell = y_values.index(combination[y_name]), x_values.index(combination[x_name])
            cells[cell] = better(cells[cell], value)
        return Heatmap(self.metric, x_name, y_name, x_values, y_values, cells)


class ParameterOptimizer:
    """One rule, one engine and one set of prices to try parameters on.

    rule: a name in the catalog, or a class of your own. data: the columns Open, High, Low, Close and Volume by name,
    oldest bar first, validated once, as the engine does. first_bar: the first bar that is traded, after bars that warm
    the indicators up. Indicators that several combinations need are computed once.
    """

    def __init__(
        self,
        rule: str | type[BaseRule],
        data: Mapping[str, Column],
        engine: BacktestEngine | None = None,
        first_bar: int = 0,
    ) -> None:
        self._rule = rule_class(rule)
        self._bars, self._prices = check_bars(data), Prices(data)
        self._engine, self._first_bar = engine or BacktestEngine(), first_bar

    def search(
        self,
        grid: Grid,
        where: Condition = lambda params: True,
        keep: Condition = lambda result: True,
        metric: str = "sharpe_ratio",
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> GridResult:
        """Backtest every combination of `grid` and keep those that the conditions allow; deterministic.

        grid: values to try by parameter; the others have their default; the last parameter varies fastest. where:
        condition on the params, in addition to the rule's constraints. keep: condition on a run's metrics and params,
        NaN for a metric without value. metric: one of METRICS. progress: called with (done, total) after each run.
        ValueError names unknown or refused parameters, or an unknown metric.
        """
        if metric not in METRICS:
            raise ValueError(f"metric is {metric!r}; must be one of {', '.join(METRICS)}")
        axes = _axes(self._rule.spec, grid)
        grid_params = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
        allowed = (
            each for each in map(self._rule, grid_params) if not each.spec.broken(each.params)
        )
        rules = [each for each in allowed if where(each.params)]
        combinations, values = [], []
        for done, rule in enumerate(rules, 1):
            result = self._measure(rule)
            if keep(result | rule.params):
                combinations.append(rule.params)
                values.append(tuple(result.values()))
            progress(done, len(rules))
        table = np.array(values, dtype=np.float64).reshape(-1, len(METRICS))
        return GridResult(axes, tuple(combinations), table, metric)

    def _measure(self, rule: BaseRule) -> dict[str, float]:
        """Run one backtest; return its metrics by name, NaN for one without value."""
        metrics = self._engine.summarize(
            self._bars, lambda _: rule.generate_signals(self._prices), first_bar=self._first_bar
        )
        return {
            name: np.nan if value is None else value for name, value in asdict(metrics).items()
        }


def _axes(spec: RuleSpec, grid: Grid) -> Grid:
    """Return the axes as plain numbers (np.arange gives others), each value once; ValueError as for `search`."""
    params = {param.name: param for param in spec.params}
    axes, faults = dict[str, list[Any]](), list[str]()
    for name, values in grid.items():
        if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
            faults.append(f"{name}: {quote(values)} is not a list of values to try")
            continue
        axes[name] = list(map(_plain, values))
        if not axes[name]:
            faults.append(f"{name}: no values to try")
        for value in axes[name]:
            param = params.get(name)
            by_field = param.faults(value, name) if param else spec.faults({name: value})
            faults += starmap("{}: {}".format, by_field.items())
    if faults:
        raise ValueError("; ".join(faults))
    return {name: _distinct(map(params[name].complete, axes[name])) for name in axes}


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Return each value once, compared by repr, since the members of a COMPOSITE are not hashable."""
    return list({repr(value): value for value in values}.values())
