"""Expand a sweep into its runs, for every client alike, and report every fault by its field."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

from adapters.metrics.table import METRIC_NAMES
from adapters.plans.axes import Axes, Member, axis_values, grid, sample
from adapters.plans.conditions import METRIC_CONDITIONS, Condition, Reader
from adapters.plans.flat_params import flat_params, with_params
from adapters.plans.ranking import Goal, Ranking, default_goal
from contracts.errors import InvalidRequest
from contracts.sweep import SweepSpec
from contracts.tickers import normalize_ticker, normalize_tickers
from contracts.values import Json, Values

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

    @cached_property
    def requests(self) -> list[Json]:
        """Requests of the runs, all combinations of the first ticker first."""
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
            params = json.dumps(self.params(self.members[member]))
            message = f"{fault} ({self.tickers[ticker]} {params}"
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
    members = _members(spec, axes, where, fixed or {}, len(tickers), most)
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
        return flat_params({**rules[rule_type], **params})
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
