"""Fields of a request and titles of runs and plans, as pages show them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from textwrap import shorten
from typing import Any

from pydantic import TypeAdapter

from adapters.plans.batch import Batch
from adapters.plans.flat_params import flat_params
from contracts.portfolio_request import MODE_OF, Sharing
from contracts.run_request import About, RunRequest, Section, about
from contracts.status import Kind
from contracts.study import StudyRequest
from contracts.values import Json, Values, frozen, picked, side_by_side
from rules.catalog import RULES, checked_rule, complete_params
from web.formats import plain

adapter_of = cache(TypeAdapter)  # of pydantic
# what forms call the types of JSON
_KINDS = {
    "number": "number",
    "integer": "number",
    "boolean": "flag",
    "string": "text",
    "array": "words",
    "object": "object",
}
_SIGNS = {"money": "", "percent": "%", "basis points": "bps"}  # of units, behind a value


@frozen
class RequestField:
    """One field."""

    name: str
    about: About
    kind: str  # of _KINDS, or choice, or date
    values: Json  # the JSON Schema of its values, null apart
    choices: dict[str, str]  # what a form calls each value
    optional: bool  # null is accepted
    default: Any  # None also where there is none

    @property
    def accepts(self) -> str:
        """What is accepted, as messages say it: fraction from 0 to below 0.1 (of the traded value, each side)."""
        help_text = f" ({self.about.help})" if self.about.help else ""
        return f"{self._values()}{help_text}{', or null' if self.optional else ''}"

    def _values(self) -> str:
        if self.kind == "number":
            return f"{self.about.unit or 'a number'} {_range(self.values)}"
        if self.kind == "choice":
            return ", ".join(f"{value} ({text})" for value, text in self.choices.items())
        if self.kind == "text":
            return _characters(self.values)
        if self.kind == "words":
            many = _between(self.values.get("minItems"), self.values["maxItems"])
            return f"a list of {many}, each of {_characters(self.values['items'])}"
        return {
            "flag": "true or false",
            "date": "a date of the form YYYY-MM-DD",
            "object": "an object",
        }[self.kind]

    def format_value(self, value: Any) -> str:
        """A value as pages show it, of a flag what it is when set: long only, 0.1 %, 25 bps, fractional shares."""
        if self.kind == "choice":
            return self.choices[value]
        if self.kind == "flag":
            return self.about.help
        if self.kind == "words":
            return ", ".join(value)
        if self.about.unit == "fraction":
            return f"{plain(value * 100)} %"
        return f"{plain(value)} {_SIGNS.get(self.about.unit, self.about.unit)}".strip()


def _characters(text: Json) -> str:
    return f"{_between(text.get('minLength'), text['maxLength'])} characters"


def _between(least: int | None, most: int) -> str:
    """The bounds of a length, of which the upper one is always there."""
    if least is None:
        return f"at most {most}"
    return f"{least} to {most}" if least < most else f"{most}"


def _range(values: Json) -> str:
    """The bounds of a number, which has two."""
    inclusive = "minimum" in values
    low = (
        f"from {plain(values['minimum'])} to"
        if inclusive
        else f"above {plain(values['exclusiveMinimum'])},"
    )
    if "exclusiveMaximum" in values:
        return f"{low} below {plain(values['exclusiveMaximum'])}"
    return f"{low} {'' if inclusive else 'at most '}{plain(values['maximum'])}"


@cache
def read_fields(contract: Any) -> dict[str, RequestField]:
    """The fields of a dataclass whose types are all Annotated with About, by name."""
    described = adapter_of(contract).json_schema()["properties"]
    return {each.name: _read(each, described[each.name]) for each in fields(contract)}


def _read(each: Field[Any], described: Json) -> RequestField:
    values, *null = described.get("anyOf", [described])
    choices = dict(zip(values.get("enum", ()), about(each).choices, strict=True))
    return RequestField(
        each.name,
        about(each),
        "choice" if choices else values.get("format") or _KINDS[values["type"]],
        values,
        choices,
        optional=bool(null),
        default=described.get("default"),
    )


FIELDS = read_fields(RunRequest)
# what a form asks of a portfolio, and in which mode
SHARING = {"sharing": read_fields(Sharing), "only": MODE_OF}
PRESET_FIELDS = tuple(
    name for name, each in FIELDS.items() if each.about.section in ("rule", "orders", "stops")
)


def reusable_values(values: Json) -> Json:
    """A request without what belongs to its run, or to its batch, alone."""
    return picked(values, (name for name, each in FIELDS.items() if each.about.in_forms))


def differing_values(several: Sequence[Values]) -> dict[str, list[Any]]:
    """What is not the same in all of several, by name, with the value that each has."""
    rows = side_by_side(several).items()
    return {name: values for name, values in rows if any(each != values[0] for each in values)}


def format_fields(
    values: Values, *sections: Section, fields: Mapping[str, RequestField] = FIELDS
) -> dict[str, str]:
    """What people asked for in these sections, by title, as pages show it; what is not set is left out."""
    return {
        each.about.title: each.format_value(values[each.name])
        for each in fields.values()
        if each.about.in_forms
        and each.about.section in sections
        and _is_set(values.get(each.name))
    }


def _is_set(value: Any) -> bool:
    return value is not False and value not in (None, "", [])


Row = Mapping[Any, Any]  # of a run: ticker, rule_type, rule_id, and params or params_json
UNNAMED = next(each.default for each in fields(StudyRequest) if each.name == "name")
CONDITION_LENGTH = 48  # characters of a title
PART = "inputs."  # of a rule of one's own: what its numbers are called inside


def run_title(run: Row) -> str:
    """What a run is called: AAPL Own rule, n = 50, v = 1M; of a portfolio's Job, how many legs it has."""
    if run.get("title"):
        return str(run["title"])
    name, of, legs = (run["rule_id"] or "").partition(" x ")
    if of and name == Kind.PORTFOLIO:
        return f"Portfolio of {legs} legs"
    return f"{run['ticker']} {rule_title(run)}"


def rule_title(run: Row) -> str:
    """The rule of a run with its parameters in the rule's order, or the name that somebody submitted with it."""
    rule_type, rule_id = run["rule_type"], run["rule_id"]
    if rule_type not in RULES:
        return str(rule_id or rule_type)
    rule = checked_rule(rule_type, _params(run))
    name, of, combinations = (rule_id or "").partition(" x ")
    if of and name == rule_type:  # a screen
        return f"{rule_name(rule_type)}, {combinations} combinations"
    if rule_id not in (None, rule.label):
        return str(rule_id)
    said = [*format_params(rule_type, rule.params)] or [_condition(rule.params)]
    return ", ".join(filter(None, [rule_name(rule_type), *said]))


def _condition(params: Values) -> str:
    """When a rule of one's own buys, where it has no parameters by which it could be told from others."""
    lines = [line.partition("#")[0].strip() for line in str(params.get("buy", "")).splitlines()]
    return shorten(next(filter(None, reversed(lines)), ""), CONDITION_LENGTH, placeholder=" …")


def format_params(rule_type: str, params: Values) -> Iterator[str]:
    """Complete parameters as `n = 50`, in the rule's order; without the texts of a rule of one's own."""
    kinds = {param.name: param.kind for param in RULES[rule_type].params}
    for name, value in flat_params(params).items():
        if kinds.get(name) == "rules":
            yield " + ".join(RULES[member["rule_type"]].short_title for member in value)
        elif kinds.get(name) != "text":
            yield f"{name.removeprefix(PART)} = {short(value)}"


def short(value: Any) -> str:
    """A parameter's value as titles have it: large round numbers as 1M, 2.5B."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
            if abs(value) >= size and value * 1000 % size == 0:
                return f"{plain(value / size)}{letter}"
    return plain(value)


def batch_title(batch: Batch) -> str:
    """What a batch is called: its title, its runs' label, or RSI on AAPL … MSFT · period, oversold."""
    first, last = batch.first, batch.last
    if batch.plan["title"]:
        return str(batch.plan["title"])
    if first["label"] not in (None, "", UNNAMED) and first["label"] == last["label"]:
        return str(first["label"])
    are_alike = first["rule_type"] == last["rule_type"] and {first["kind"], last["kind"]} == {
        Kind.RUN
    }
    return _of_both(first, last, _varying(first, last) if are_alike else [])


def study_title(title: str | None, summary: Row) -> str:
    """The title of a study: the given one, its name, or RSI on AAPL."""
    if title or summary["name"] != UNNAMED:
        return str(title or summary["name"])
    return of_tickers(rule_name(summary["rule_type"]), summary["ticker"])


def portfolio_title(title: str | None, summary: Row) -> str:
    """The title of a portfolio: the given one, its label, or RSI on AAPL … MSFT."""
    return title or summary["label"] or _of_both(*summary["legs"])


def screen_title(job: Row, tickers: Iterable[str], swept: Iterable[str]) -> str:
    """What a screen is called, of whose Jobs `job` is the first: its title, its label, or RSI on AAPL · period."""
    own = job["title"] or job["label"]
    return own or of_tickers(rule_name(job["rule_type"]), ", ".join(tickers), swept)


def of_tickers(rule: str, tickers: str, varying: Iterable[str] = ()) -> str:
    """RSI on AAPL … MSFT · period, oversold."""
    names = ", ".join(name.removeprefix(PART) for name in varying)
    return f"{rule} on {tickers}{f' · {names}' if names else ''}"


def rule_name(rule_type: str) -> str:
    """What titles call a rule, also one that is no more."""
    return RULES[rule_type].short_title if rule_type in RULES else rule_type


def _of_both(first: Row, last: Row, varying: Iterable[str] = ()) -> str:
    both = [(rule_name(each["rule_type"]), each["ticker"]) for each in (first, last)]
    rules, tickers = (" … ".join(dict.fromkeys(ends)) for ends in zip(*both, strict=True))
    return of_tickers(rules, tickers, varying)


def _varying(first: Row, last: Row) -> list[str]:
    """Parameters that have other values in the last run than in the first one, in the rule's order."""
    one, other = (full_params(each["rule_type"], _params(each)) for each in (first, last))
    return [name for name, value in one.items() if other.get(name) != value]


def full_params(rule_type: str, params: Values) -> Json:
    """Params with the defaults of those that were not given, side by side by their names."""
    return flat_params(complete_params(rule_type, params))


def _params(run: Row) -> Json:
    found: Json = json.loads(run["params_json"]) if "params_json" in run else run["params"]
    return found


FILTERS = (run_title, rule_title, rule_name, batch_title)
