"""Expand a sweep into its runs, for every client alike, and report every fault by its field."""

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import islice, product
from math import prod
from typing import Any

from adapters.metrics.table import METRIC_NAMES
from adapters.plans.ranking import (
    METRIC_CONDITIONS,
    Condition,
    Goal,
    Ranking,
    Reader,
    default_goal,
    flat_params,
    with_params,
)
from contracts.errors import InvalidRequest
from contracts.portfolio_request import RANKED
from contracts.sweep import SweepSpec
from contracts.tickers import normalize_ticker, normalize_tickers
from contracts.values import Json, Values

# combinations that are generated before `where` filters them
MAX_ENUMERATED = 2_000_000
# values that the conditions of `where` evaluate over all combinations: seconds of web's time
MAX_VALUES_SEEN = 4_000_000
DRAWS_PER_RUN = 50  # random combinations drawn for each one requested, since `where` rejects some
MAX_VALUES = 10_000  # values of one parameter
MOST_COMBINATIONS = 10**18

Axes = dict[str, list[Any]]
Member = Json


def axis_values(axis: Any) -> list[Any]:
    """Return the values of `{min, max, step}`, `{values: […]}`, a list or a single value; ValueError otherwise."""
    match axis:
        case {"min": least, "max": most, "step": step, **more} if not more:
            return _steps(least, most, step)
        case {"values": list(values), **more} if not more:
            pass
        case list(values):
            pass
        case value:
            values = [value]
    if 0 < len(values) <= MAX_VALUES and all(
        isinstance(value, int | float | str) for value in values
    ):
        return list(dict.fromkeys(values))
    raise ValueError(
        f"{str(axis)[:60]!r} is not {{min, max, step}}, {{values: [...]}}, a list of 1 to {MAX_VALUES} "
        "numbers or words, or one of them"
    )


def _steps(*bounds: Any) -> list[Any]:
    """Values from min to max inclusive, exact in decimals; integers if min, max and step are integers."""
    kinds = {type(value) for value in bounds}
    if not kinds <= {int, float}:
        raise ValueError(f"min, max and step are numbers, not {list(bounds)}")
    least, most, step = ends = [Decimal(str(value)) for value in bounds]
    is_range = all(map(Decimal.is_finite, ends)) and step > 0 and most >= least
    count = int((most - least) / step) + 1 if is_range else 0
    if not 0 < count <= MAX_VALUES:
        raise ValueError(
            f"min {bounds[0]}, max {bounds[1]}, step {bounds[2]} give no values, or more than {MAX_VALUES}"
        )
    kind = int if kinds == {int} else float
    return [kind(least + number * step) for number in range(count)]


def grid(axes: Axes, where: Sequence[Condition], fixed: Values) -> Iterator[Member]:
    """Yield all combinations that `where` accepts, the last axis fastest; ValueError above MAX_ENUMERATED."""
    if size(axes) > MAX_ENUMERATED:
        raise ValueError(
            f"{size(axes):,} combinations are more than {MAX_ENUMERATED:,}; use method: random"
        )
    _refuse_too_much(size(axes), where)
    members = (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))
    return _accepted(members, where, fixed)


def sample(
    axes: Axes, where: Sequence[Condition], fixed: Values, count: int, seed: int
) -> Iterator[Member]:
    """Yield at most `count` distinct combinations that `where` accepts, in the order drawn by `seed`."""
    total = size(axes)
    draws = total if total <= MAX_ENUMERATED else min(total, count * DRAWS_PER_RUN)
    _refuse_too_much(draws, where)
    members = (
        _member(axes, number) for number in random.Random(seed).sample(range(total), draws)
    )
    return islice(_accepted(members, where, fixed), count)


def _refuse_too_much(combinations: int, where: Sequence[Condition]) -> None:
    values = sum(each.values for each in where)
    if combinations * values > MAX_VALUES_SEEN:
        raise ValueError(
            f"{combinations:,} combinations, of which where looks at {values} values each, are more than "
            f"{MAX_VALUES_SEEN:,} values; use fewer or shorter conditions, or narrower parameters"
        )


def size(axes: Axes) -> int:
    """Number of combinations; ValueError above MOST_COMBINATIONS."""
    combinations = prod(len(values) for values in axes.values())
    if combinations > MOST_COMBINATIONS:
        raise ValueError(f"more than {MOST_COMBINATIONS:,} combinations; use narrower parameters")
    return combinations


def _member(axes: Axes, number: int) -> Member:
    """Return the combination of this number, with the last axis fastest."""
    chosen = {}
    for name, values in reversed(axes.items()):
        number, place = divmod(number, len(values))
        chosen[name] = values[place]
    return dict(reversed(chosen.items()))


def _accepted(
    members: Iterator[Member], where: Sequence[Condition], fixed: Values
) -> Iterator[Member]:
    for member in members:
        values = {**fixed, **member}
        if all(each.holds(values) for each in where):
            yield member


GOALS: Mapping[Any, Goal] = {"max": "max", "min": "min", "maximize": "max", "minimize": "min"}
MAX_NAME = 40  # characters of the name in the batch id
MAX_SWEPT = 100  # swept parameters; no rule has as many
_NUMBER = re.compile(
    r"(?<![\w'])-?\d+(\.\d+)?(?![\w'])"
)  # a number by itself, not within a ticker
_NOTHING: tuple[Any, ...] = (None, "", [])
_QUOTED = "a ticker is written in quotation marks, or they are a list of such"
Faults = dict[str, str]


@dataclass(frozen=True)
class Expansion:
    """Expanded sweep: each combination on each ticker. ranking: None if the sweep has none.

    base: fields that all runs share, without the ticker. members: the combinations, by swept parameter.
    """

    spec: SweepSpec
    base: Json
    tickers: list[str]
    members: list[Member]
    ranking: Ranking | None

    @property
    def is_ranked(self) -> bool:
        """True if each combination is a portfolio of all tickers."""
        return bool(self.base.get("rule_type") == RANKED)

    @cached_property
    def requests(self) -> list[Json]:
        """Requests of the runs, all combinations of the first ticker first; of ranked portfolios one each."""
        if self.is_ranked:
            shared = {**self.base, "tickers": self.tickers}
            return [{**shared, "params": self.params(member)} for member in self.members]
        return [
            self.request(ticker, member) for ticker in self.tickers for member in self.members
        ]

    def request(self, ticker: str, member: Member) -> Json:
        """Return the request of one run."""
        return {"charts": False, **self.base, "ticker": ticker, "params": self.params(member)}

    def params(self, member: Member) -> Json:
        """Return the complete params of a combination."""
        return with_params(self.base.get("params") or {}, member)

    @cached_property
    def swept(self) -> frozenset[str]:
        """Names of the swept parameters."""
        return frozenset[str]().union(*self.members)

    @cached_property
    def batch_id(self) -> str | None:
        """Id that follows from the runs, so that the same sweep again is the same batch; None without a name."""
        if self.spec.name is None:
            return None
        slug = re.sub(r"[^a-z0-9]+", "-", self.spec.name.lower()).strip("-")[:MAX_NAME] or "sweep"
        digest = (
            hashlib.sha256()
        )  # of the requests' JSON, piece by piece, since all of it could be a gigabyte
        for place, request in enumerate(self.requests):
            text = json.dumps(request, sort_keys=True)
            digest.update(f"{', ' if place else '['}{text}".encode())
        digest.update(b"]")
        return f"{slug}-{digest.hexdigest()[:10]}"

    @contextmanager
    def placing(self, place: Callable[[str], str] = str) -> Iterator[None]:
        """Report faults raised in a block at their places in the sweep; place: converts a field for `place_faults`."""
        try:
            yield
        except InvalidRequest as error:
            faults = {place(field): fault for field, fault in error.errors.items()}
            raise InvalidRequest(self.place_faults(faults), str(error)) from None

    def place_faults(self, errors: Mapping[str, str]) -> Faults:
        """Return faults of runs, by `<number>.<field>`, at their places in the sweep; those alike but for numbers once.

        Other faults stay as they are.
        """
        alike: dict[tuple[str, str], list[str]] = {}
        placed: Faults = {}
        for field, fault in errors.items():
            number, _, name = field.partition(".")
            if not number.isdigit():
                placed[field] = fault
                continue
            ticker, member = divmod(int(number) - 1, len(self.members))
            params = self.params(self.members[member])
            short = json.dumps({each: params[each] for each in params if each != "code"})
            message = f"{fault} ({self.tickers[ticker]} {short}"
            alike.setdefault((self._place(name), _NUMBER.sub("0", fault)), []).append(message)
        for (place, _), (message, *more) in alike.items():
            before = f"{placed[place]}; " if place in placed else ""
            others = f" and {len(more)} more run{'s' if len(more) > 1 else ''}" if more else ""
            placed[place] = f"{before}{message}{others})"
        return placed

    def _place(self, field: str) -> str:
        """Return the place of a run's field in the sweep: among the parameters, else in the base."""
        group, _, name = field.partition(".")
        swept = tuple(f"{each}." for each in self.swept)
        if group == "params" and f"{name}.".startswith(swept):
            return f"parameters.{name}"
        is_one_of_several = field == "ticker" and "tickers" in self.spec.base
        return "base.tickers" if is_one_of_several else f"base.{field}"


def expand(
    spec: SweepSpec,
    rules: Mapping[str, Values],
    most: int,
    errors: Mapping[str, str] | None = None,
) -> Expansion:
    """Expand a sweep into at most `most` combinations; InvalidRequest with every fault by field.

    rules: the parameters of each rule with their defaults. errors: faults from earlier checks. The fields of the base
    and the values of the parameters are checked with the runs, not here.
    """
    faults = dict(errors or {})
    base = normalize_tickers(spec.base)
    tickers = _tickers(base, faults)
    fixed = _fixed_params(base, rules, faults)
    ranking = _ranking(spec, faults)
    axes = _axes(spec, faults)
    names = Reader("parameters", sorted({*(fixed or ()), *axes}), (int, float, str))
    where = names.parse_all(spec.where, "where", faults) if fixed is not None else []
    if faults:
        raise InvalidRequest(faults)
    # a ranked portfolio has all tickers
    runs_each = 1 if base.get("rule_type") == RANKED else len(tickers)
    members = _members(spec, axes, where, fixed or {}, runs_each, most)
    return Expansion(spec, base, tickers, members, ranking)


def _tickers(base: Json, errors: Faults) -> list[str]:
    """Remove the tickers from the base and return them."""
    field = "ticker" if base.get("tickers") in _NOTHING else "tickers"
    value = base.pop("tickers", None) if field == "tickers" else base.pop("ticker", None)
    tickers = value if isinstance(value, list) else [value]
    other = [each for each in tickers if not isinstance(each, str)]
    if value in _NOTHING:
        errors.setdefault("base.ticker", "one ticker or a list of tickers is required")
    elif other:
        errors.setdefault(f"base.{field}", f"{json.dumps(other[0])[:60]} is not text; {_QUOTED}")
    return [] if other else list(dict.fromkeys(map(normalize_ticker, tickers)))


def _fixed_params(base: Values, rules: Mapping[str, Values], errors: Faults) -> Json | None:
    """Return the rule's parameters with their values where not swept; None for an unknown rule."""
    rule_type, params = base.get("rule_type"), base.get("params") or {}
    if rule_type not in list(rules):
        errors.setdefault(
            "base.rule_type", f"{str(rule_type)[:60]!r} is not one of {', '.join(rules)}"
        )
    elif not isinstance(params, dict):
        errors["base.params"] = (
            f"{str(params)[:60]!r} is not an object of parameter names and their values"
        )
    else:
        return flat_params(rules[rule_type]) | flat_params(params)
    return None


def _ranking(spec: SweepSpec, errors: Faults) -> Ranking | None:
    """Return the sweep's ranking, completed by the defaults of a batch; None if it has none."""
    constraints = METRIC_CONDITIONS.parse_all(spec.constraints, "constraints", errors)
    if spec.metric is None:
        return Ranking("sharpe_ratio", "max", constraints) if constraints else None
    metric = spec.metric if isinstance(spec.metric, dict) else {"name": spec.metric}
    name, goal = metric.get("name", "sharpe_ratio"), metric.get("goal", "")
    if name in list(METRIC_NAMES) and goal in ["", *GOALS] and metric.keys() <= {"name", "goal"}:
        return Ranking(name, GOALS[goal] if goal else default_goal(name), constraints)
    accepted = (
        f"a metric, or its name and goal ({', '.join(GOALS)}); metrics: {', '.join(METRIC_NAMES)}"
    )
    errors["metric"] = f"{str(spec.metric)[:60]!r} is not accepted; accepted: {accepted}"
    return None


def _axes(spec: SweepSpec, errors: Faults) -> dict[str, list[Any]]:
    """Return the values of each parameter; empty for a list of combinations."""
    if spec.method == "list":
        if not isinstance(spec.parameters, list) or not all(
            isinstance(each, dict) for each in spec.parameters
        ):
            errors["parameters"] = "with method list, a list of objects of parameters is expected"
        return {}
    if not isinstance(spec.parameters, dict) or len(spec.parameters) > MAX_SWEPT:
        errors["parameters"] = (
            f"an object of at most {MAX_SWEPT} parameter names and their values is expected"
        )
        return {}
    axes = {}
    for name, axis in spec.parameters.items():
        try:
            axes[name] = axis_values(axis)
        except ValueError as error:
            errors[f"parameters.{name}"] = str(error)
    return axes


def _members(
    spec: SweepSpec,
    axes: Axes,
    where: list[Condition],
    fixed: Values,
    tickers: int,
    most: int,
) -> list[Member]:
    """Return the parameters of each combination; InvalidRequest for none or too many."""
    accepted: Iterator[Any] = iter(spec.parameters)
    cap = min(spec.run_cap, most)
    try:
        if spec.method == "grid":
            accepted = grid(axes, where, fixed)
        if spec.method == "random":
            drawn = max(min(spec.run_cap, most + tickers) // tickers, 1)
            accepted = sample(axes, where, fixed, drawn, spec.seed)
    except ValueError as error:
        raise InvalidRequest({"parameters": str(error)}) from None
    members = list(islice(accepted, most))
    count = len(members) + sum(1 for _ in accepted)
    if not count:
        left = "no combination is left, see where" if where else "no combination is listed"
        raise InvalidRequest({"parameters": left})
    if count * tickers > cap:
        fault = f"{count} combinations x {tickers} tickers are more than {cap}"
        raise InvalidRequest({"run_cap": fault})
    return members
