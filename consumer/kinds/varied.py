"""A run or a portfolio that is traded again with something changed: its terms, the time of its fills, a number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple, Protocol

import numpy as np

from adapters.metrics.measured import Measured
from adapters.metrics.moments import Array, NoValue
from adapters.studies.trials import Trials
from consumer.kinds.backtest import trades_of
from consumer.kinds.portfolio import LegRun, PortfolioTrading
from consumer.kinds.setup import Setup
from contracts.errors import BadParams, CodeError, CodeOutOfMemory
from contracts.portfolio_request import PortfolioRequest
from contracts.run_request import RunRequest
from contracts.values import Json, Values
from engine.engine import BacktestResult
from rules.base import BaseRule
from rules.catalog import RULES

LONGEST_DELAY = 2  # bars
SHARES = (0.8, 0.9, 1.1, 1.2)  # of a number
STOPS = (
    "stop_loss_pct",
    "take_profit_pct",
    "trailing_stop_pct",
    "atr_stop_multiple",
    "exit_after_bars",
)


class Number(NamedTuple):
    """A number of a request: its path, value, and the step of its form's arrows; 0 for none."""

    path: tuple[str | int, ...]
    value: float
    step: float = 0.0

    @property
    def name(self) -> str:
        """The path with dots between."""
        return ".".join(map(str, self.path))

    def around(self) -> list[float]:
        """Return the values a step and 10 and 20 % away, without the value itself; whole for a whole number."""
        is_whole = type(self.value) is int
        step = self.step or float(is_whole)
        away = chain(
            (self.value * share for share in SHARES), (self.value - step, self.value + step)
        )
        rounded = (round(each) if is_whole else float(f"{each:.6g}") for each in away)
        return sorted({*rounded} - {self.value})


Strip = tuple[Number, Sequence[tuple[float, Measured]]]  # the results along one number


class Varied(Protocol):
    """A result to vary.

    request: its terms; asset: held by a constant position; longest_delay: bars that its orders can wait; notes: the
    parts that are left out.
    """

    @property
    def request(self) -> RunRequest: ...
    @property
    def asset(self) -> str: ...
    @property
    def longest_delay(self) -> int: ...
    @property
    def notes(self) -> dict[str, str]: ...
    @property
    def measured(self) -> Measured:
        """The unchanged result with its trades."""
        ...

    def traded(self, delay: int = 0, **terms: Any) -> Measured:
        """Return the result under other terms, its orders some bars later; ValueError for terms that are refused."""
        ...

    def started(self, later: int) -> Measured:
        """Return the result of a start some bars later; NoValue where that does not exist."""
        ...

    def strips(self) -> Iterator[Strip]:
        """Yield each number with the results of its neighbours."""
        ...


@dataclass(frozen=True)
class VariedRun:
    """A run, whose signals most variations share. trials: gets the neighbours of its rule and stops."""

    setup: Setup
    trials: Trials
    longest_delay = LONGEST_DELAY

    @property
    def request(self) -> RunRequest:
        return self.setup.request

    @property
    def asset(self) -> str:
        return self.request.ticker

    @property
    def notes(self) -> dict[str, str]:
        return {}

    @cached_property
    def _signals(self) -> Array:
        return self.setup.rule().generate_signals(self.setup.bars)

    @cached_property
    def measured(self) -> Measured:
        """The run as it was, with its trades."""
        result = _result(self.setup, self._signals)
        trades = trades_of(result, self.setup.prices.traded)
        return replace(_measured(self.setup, result), trades=trades)

    def traded(self, delay: int = 0, **terms: Any) -> Measured:
        """Trade the run's signals again."""
        setup = _with(self.setup, terms)
        measured = self._trade(setup, _shifted(self._signals, delay))
        if terms.keys() & STOPS:
            rule = self.setup.rule()
            self.trials.add(rule.spec.name, rule.params, measured.position_shares, setup.request)
        return measured

    def started(self, later: int) -> Measured:
        """Trade the run's signals from a later bar on."""
        prices = self.setup.prices
        later_prices = replace(prices, traded=prices.traded[later:], benchmark=None)
        return self._trade(replace(self.setup, prices=later_prices), self._signals)

    def strips(self) -> Iterator[Strip]:
        """Vary each number of the rule and of the stops."""
        varied = [(number, [*self._rules(number)]) for number in self._numbers()]
        self.setup.expect_rules([rule for _, rules in varied for _, rule in rules])
        for number, rules in varied:
            yield number, [*self._results(rules)]
        yield from _strips_of_stops(self)

    def _numbers(self) -> Iterator[Number]:
        return _numbers(self.request.rule_type, self.setup.rule().params, ("params",))

    def _rules(self, number: Number) -> Iterator[tuple[float, BaseRule]]:
        """Yield the rule with each value around a number that it accepts."""
        for value in number.around():
            params = _with_value(self.setup.rule().params, number.path[1:], value)
            try:
                yield value, _with(self.setup, {"params": params}).rule()
            except BadParams:
                continue

    def _results(
        self, rules: Sequence[tuple[float, BaseRule]]
    ) -> Iterator[tuple[float, Measured]]:
        for value, rule in rules:
            try:
                signals = rule.generate_signals(self.setup.bars)
            except (CodeError, CodeOutOfMemory):  # a division by an input that became 0
                continue
            measured = self._trade(self.setup, signals)
            self.trials.add(rule.spec.name, rule.params, measured.position_shares)
            yield value, measured

    @staticmethod
    def _trade(setup: Setup, signals: Array) -> Measured:
        return _measured(setup, _result(setup, signals))


@dataclass(frozen=True)
class VariedPortfolio:
    """A portfolio, whose legs keep their signals."""

    sharing_request: PortfolioRequest
    runs: Sequence[LegRun]
    asset = "its assets"

    @property
    def request(self) -> RunRequest:
        return self.runs[0].setup.request

    @property
    def is_ranked(self) -> bool:
        """True for a rotation, which trades by a score and has no signals."""
        return self.sharing_request.sharing.mode == "ranked"

    @property
    def longest_delay(self) -> int:
        return 0 if self.is_ranked else LONGEST_DELAY

    @property
    def notes(self) -> dict[str, str]:
        if self.is_ranked:
            return {
                "later_fills": "a rotation has no signals that could wait for some bars",
                "inputs_of_the_score": "a sweep over the rotation's fields varies them",
            }
        return {
            "rules": "the rules of the legs belong to the legs' runs: ask there for their neighbours"
        }

    @cached_property
    def measured(self) -> Measured:
        """The portfolio as it was, with its trades."""
        trading = PortfolioTrading(self.sharing_request, self.runs)
        return replace(trading.measured, trades=trading.trades)

    def traded(self, delay: int = 0, **terms: Any) -> Measured:
        """Trade the legs again."""
        runs = [
            LegRun(_with(run.setup, terms), _shifted(run.signals, delay)) for run in self.runs
        ]
        return PortfolioTrading(self.sharing_request, runs).measured

    def started(self, later: int) -> Measured:
        """Raise NoValue."""
        raise NoValue("the legs of a portfolio start with their runs")

    def strips(self) -> Iterator[Strip]:
        """Vary each number by which the legs share their account, and of the stops."""
        sharing = self.sharing_request.sharing
        for field in fields(sharing):
            value = getattr(sharing, field.name)
            if type(value) in (int, float) and value != field.default:
                yield self._strip(Number((field.name,), value))
        yield from _strips_of_stops(self)

    def _strip(self, number: Number) -> Strip:
        points = list[tuple[float, Measured]]()
        for value in number.around():
            sharing = replace(self.sharing_request.sharing, **Json({number.name: value}))
            request = replace(self.sharing_request, sharing=sharing)
            try:
                points.append((value, PortfolioTrading(request, self.runs).measured))
            except ValueError:  # beyond what a portfolio accepts
                continue
        return number, points


def _strips_of_stops(varied: Varied) -> Iterator[Strip]:
    set_stops = [stop for stop in STOPS if getattr(varied.request, stop) is not None]
    for number in (Number((stop,), getattr(varied.request, stop)) for stop in set_stops):
        points = list[tuple[float, Measured]]()
        for value in number.around():
            try:
                points.append((value, varied.traded(**Json({number.name: value}))))
            except ValueError:  # beyond what the engine accepts
                continue
        yield number, points


def _numbers(rule_type: str, params: Values, path: tuple[str | int, ...]) -> Iterator[Number]:
    """Yield the numbers of a rule's complete params, those of members and inputs included."""
    for spec in RULES[rule_type].params:
        value, at = params[spec.name], (*path, spec.name)
        if spec.kind in ("int", "float"):
            yield Number(at, value, spec.step or 0.0)
        elif spec.kind == "inputs":
            yield from (Number((*at, name), number) for name, number in value.items())
        elif spec.kind == "rules":
            for place, member in enumerate(value):
                inside = (*at, place, "params")
                yield from _numbers(member["rule_type"], member["params"], inside)


def _with_value(values: Any, path: tuple[str | int, ...], value: float) -> Any:
    """Return a copy of nested params with another number at a path."""
    if not path:
        return value
    changed = values.copy()
    changed[path[0]] = _with_value(values[path[0]], path[1:], value)
    return changed


def _result(setup: Setup, signals: Array) -> BacktestResult:
    return setup.engine.run(
        setup.checked_bars, lambda _: signals, first_bar=setup.prices.first_bar
    )


def _measured(setup: Setup, result: BacktestResult) -> Measured:
    return replace(setup.metric_inputs(result), shares=result.shares_curve)


def _with(setup: Setup, terms: Values) -> Setup:
    return replace(setup, request=replace(setup.request, **terms)) if terms else setup


def _shifted(signals: Array, bars: int) -> Array:
    """Return the signals some bars later."""
    return np.concatenate((np.zeros(bars, signals.dtype), signals[: len(signals) - bars]))
