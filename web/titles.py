"""Fields of a request and titles of runs and plans, as pages show them."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from textwrap import shorten
from typing import Any

from pydantic import TypeAdapter

from adapters.plans.batch import Batch
from adapters.plans.ranking import flat_params
from contracts.portfolio_request import MODES_OF, RANKED, Sharing
from contracts.run_request import About, RunRequest, Section, about
from contracts.status import ErrorType, Kind
from contracts.study import StudyRequest
from contracts.values import Json, Values, frozen, picked, side_by_side
from rules.catalog import RULES, checked_rule, complete_params
from web.formats import plain

adapter_of = cache(TypeAdapter)  # of pydantic
# the kind of form field for each JSON type
_KINDS = {
    "number": "number",
    "integer": "number",
    "boolean": "flag",
    "string": "text",
    "array": "words",
    "object": "object",
}
_SIGNS = {
    "money": "",
    "percent": "%",
    "basis points": "bps",
}  # written after a value of this unit


@frozen
class RequestField:
    """Field of a contract: its description, accepted values and default."""

    name: str
    about: About
    kind: str  # of _KINDS, or choice, or date
    values: Json  # JSON Schema of its values except null
    choices: dict[str, str]  # title of each value in forms
    optional: bool  # null is accepted
    default: Any  # also None without a default

    @property
    def accepts(self) -> str:
        """Describe the accepted values in messages: fraction from 0 to below 0.1 (of the traded value, each side)."""
        help_text = f" ({self.about.help})" if self.about.help else ""
        return f"{self._values()}{help_text}{', or null' if self.optional else ''}"

    def _values(self) -> str:
        if self.kind == "number":
            return f"{self.about.unit or 'a number'} {_range(self.values)}"
        if self.kind == "choice":
            return ", ".join(
                value if text == value else f"{value} ({text})"
                for value, text in self.choices.items()
            )
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
        """Format a value for pages: long only, 0.1 %, 25 bps, on."""
        if self.kind == "choice":
            return self.choices[value]
        if self.kind == "flag":
            return "on"
        if self.kind == "words":
            return ", ".join(value)
        if self.kind == "object":
            return ", ".join(f"{name} = {plain(each)}" for name, each in value.items())
        if self.about.unit == "fraction":
            return f"{plain(value * 100)} %"
        return f"{plain(value)} {_SIGNS.get(self.about.unit, self.about.unit)}".strip()


def _characters(text: Json) -> str:
    return f"{_between(text.get('minLength'), text['maxLength'])} characters"


def _between(least: int | None, most: int) -> str:
    """Describe the bounds of a length; the upper one is always set."""
    if least is None:
        return f"at most {most}"
    return f"{least} to {most}" if least < most else f"{most}"


def _range(values: Json) -> str:
    """Describe the bounds of a number; both are always set."""
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
    """Return the fields of a dataclass whose types are all Annotated with About, by name."""
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
# fields of a portfolio form, and the modes that each belongs to
SHARING = {"sharing": read_fields(Sharing), "only": MODES_OF}
PRESET_FIELDS = tuple(
    name for name, each in FIELDS.items() if each.about.section in ("rule", "orders", "stops")
)


def reusable_values(values: Json) -> Json:
    """Return the values of a request that a new run can take over: all but those of its run or batch alone."""
    return picked(values, (name for name, each in FIELDS.items() if each.about.in_forms))


def differing_values(several: Sequence[Values]) -> dict[str, list[Any]]:
    """Return the values that are not equal in all of several requests, by name, one per request."""
    rows = side_by_side(several).items()
    return {name: values for name, values in rows if any(each != values[0] for each in values)}


def format_fields(
    values: Values, *sections: Section, fields: Mapping[str, RequestField] = FIELDS
) -> dict[str, str]:
    """Format the values of these sections for pages, by title; unset ones are left out."""
    return {
        each.about.title: each.format_value(values[each.name])
        for each in fields.values()
        if each.about.in_forms
        and each.about.section in sections
        and _is_set(values.get(each.name))
    }


def _is_set(value: Any) -> bool:
    return value is not False and value not in (None, "", [], {})


Row = Mapping[Any, Any]  # of a run: ticker, rule_type, rule_id, and params or params_json
UNNAMED = next(each.default for each in fields(StudyRequest) if each.name == "name")
CONDITION_LENGTH = 48  # characters of a title
PART = "inputs."  # prefix of the named numbers of a FORMULA or PYTHON rule


def run_title(run: Row) -> str:
    """Return the title of a run: AAPL Own rule, n = 50, v = 1M; for a portfolio's Job, its number of legs."""
    if run.get("title"):
        return str(run["title"])
    name, of, legs = (run["rule_id"] or "").partition(" x ")
    if of and name == Kind.PORTFOLIO:
        return f"Portfolio of {legs} legs"
    if run["rule_type"] == RANKED:
        return f"{rule_name(RANKED)}: {rule_title(run)}"
    return f"{run['ticker']} {rule_title(run)}"


def rule_title(run: Row) -> str:
    """Return the rule of a run with its parameters in the rule's order, or the rule_id that was submitted."""
    rule_type, rule_id = run["rule_type"], run["rule_id"]
    if rule_type not in RULES:
        return str(rule_id or rule_name(rule_type))
    rule = checked_rule(rule_type, _params(run))
    name, of, combinations = (rule_id or "").partition(" x ")
    if of and name == rule_type:  # a screen
        return f"{rule_name(rule_type)}, {combinations} combinations"
    if rule_id not in (None, rule.label):
        return str(rule_id)
    details = [*format_params(rule_type, rule.params)] or [_condition(rule.params)]
    return ", ".join(filter(None, [rule_name(rule_type), *details]))


def _condition(params: Values) -> str:
    """Return the buy condition of a FORMULA or PYTHON rule, which identifies one without parameters."""
    lines = [line.partition("#")[0].strip() for line in str(params.get("buy", "")).splitlines()]
    return shorten(next(filter(None, reversed(lines)), ""), CONDITION_LENGTH, placeholder=" …")


def format_params(rule_type: str, params: Values) -> Iterator[str]:
    """Format complete parameters as `n = 50`, in the rule's order; without the texts of FORMULA and PYTHON rules."""
    kinds = {param.name: param.kind for param in RULES[rule_type].params}
    for name, value in flat_params(params).items():
        if kinds.get(name) == "rules":
            yield " + ".join(RULES[member["rule_type"]].short_title for member in value)
        elif kinds.get(name) not in ("text", "code"):
            yield f"{name.removeprefix(PART)} = {short(value)}"


def short(value: Any) -> str:
    """Format a parameter's value for titles: large round numbers as 1M, 2.5B."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
            if abs(value) >= size and value * 1000 % size == 0:
                return f"{plain(value / size)}{letter}"
    return plain(value)


def batch_title(batch: Batch) -> str:
    """Return the title of a batch: its own, its runs' label, or RSI on AAPL … MSFT · period, oversold."""
    first, last = batch.first, batch.last
    if batch.plan["title"]:
        return str(batch.plan["title"])
    if first["label"] not in (None, "", UNNAMED) and first["label"] == last["label"]:
        return str(first["label"])
    if first["rule_type"] == RANKED:  # its runs have the first of their tickers
        return f"Rotations{_swept(_varying(first, last))}"
    are_alike = first["rule_type"] == last["rule_type"] and {first["kind"], last["kind"]} == {
        Kind.RUN
    }
    return _of_both(first, last, _varying(first, last) if are_alike else [])


def study_title(title: str | None, summary: Row) -> str:
    """Return the title of a study: its own, its name, or RSI on AAPL."""
    if title or summary["name"] != UNNAMED:
        return str(title or summary["name"])
    return _rule_on_tickers(rule_name(summary["rule_type"]), summary["ticker"])


def portfolio_title(title: str | None, summary: Row) -> str:
    """Return the title of a portfolio: its own, its label, or RSI on AAPL … MSFT."""
    return title or summary["label"] or _of_both(*summary["legs"])


def screen_title(job: Row, tickers: Iterable[str], swept: Iterable[str]) -> str:
    """Return the title of a screen whose first Job is `job`: its own, its label, or RSI on AAPL · period."""
    title = job["title"] or job["label"]
    return title or _rule_on_tickers(rule_name(job["rule_type"]), ", ".join(tickers), swept)


def _rule_on_tickers(rule: str, tickers: str, varying: Iterable[str] = ()) -> str:
    """Join a rule, tickers and varying parameters: RSI on AAPL … MSFT · period, oversold."""
    return f"{rule} on {tickers}{_swept(varying)}"


def _swept(names: Iterable[str]) -> str:
    text = ", ".join(name.removeprefix(PART) for name in names)
    return f" · {text}" if text else ""


def rule_name(rule_type: str) -> str:
    """Return the name of a rule in titles; of a removed rule its type."""
    if rule_type == RANKED:
        return "Rotation"
    return RULES[rule_type].short_title if rule_type in RULES else rule_type


def _of_both(first: Row, last: Row, varying: Iterable[str] = ()) -> str:
    both = [(rule_name(each["rule_type"]), each["ticker"]) for each in (first, last)]
    rules, tickers = (" … ".join(dict.fromkeys(ends)) for ends in zip(*both, strict=True))
    return _rule_on_tickers(rules, tickers, varying)


def _varying(first: Row, last: Row) -> list[str]:
    """List parameters whose values differ between the first and the last run, in the rule's order."""
    before, after = (full_params(each["rule_type"], _params(each)) for each in (first, last))
    return [name for name, value in before.items() if after.get(name) != value]


def full_params(rule_type: str, params: Values) -> Json:
    """Complete params with their defaults, flattened by name."""
    if rule_type == RANKED:
        return flat_params(params)
    return flat_params(complete_params(rule_type, params))


def _params(run: Row) -> Json:
    params: Json = json.loads(run["params_json"]) if "params_json" in run else run["params"]
    return params


@frozen
class Failure:
    """Texts about a failed run: what happened, what to do next, and whether a retry may help."""

    what: str
    advice: str
    may_retry: bool = True


_FAILURES = {
    ErrorType.NO_PRICES: Failure(
        "No prices for these dates.", "Clone the run and choose other dates.", False
    ),
    ErrorType.BAD_PRICES: Failure(
        "The prices cannot be read.", "Load them again on the Prices page, then retry."
    ),
    ErrorType.BAD_PARAMS: Failure(
        "The rule rejected its parameters.", "Clone the run and change the parameters.", False
    ),
    ErrorType.ENGINE_ERROR: Failure(
        "The engine failed.",
        "Retrying would fail the same way; search the logs for this run's id.",
        False,
    ),
    ErrorType.TIMEOUT: Failure(
        "The run exceeded its time limit.", "Clone it with fewer bars or members.", False
    ),
    ErrorType.MEMORY: Failure(
        "The run exceeded its memory limit.", "Clone it with fewer bars or members.", False
    ),
    ErrorType.CANCELLED: Failure("You cancelled this run.", "Retry to run it again."),
    ErrorType.WORKER_LOST: Failure(
        "Its process died more than once.",
        "Retry it; if that fails too, look for killed or evicted pods.",
    ),
    ErrorType.HANDBACKS: Failure(
        "Shutdowns interrupted it too often.", "Retry it when the cluster is quiet."
    ),
    ErrorType.SYSTEM_ERROR: Failure("The platform failed, not the run itself.", "Retry it."),
    ErrorType.CODE_ERROR: Failure(
        "Your code failed.", "Clone the run and correct the code.", False
    ),
    ErrorType.LOOK_AHEAD: Failure(
        "Your code used later bars.",
        "Clone the run and use only bars up to the one that just closed.",
        False,
    ),
    ErrorType.NOT_DETERMINISTIC: Failure(
        "Your code gave other signals when it ran again.",
        "Clone the run and give random generators a seed.",
        False,
    ),
}


def failure(error_type: str | None) -> Failure:
    """Words about a failed run by its error type; a general answer for an unknown one."""
    try:
        return _FAILURES[ErrorType(error_type or "")]
    except ValueError:
        return Failure("The run failed.", "Retry it.")


def text_title(name: str) -> tuple[str, str]:
    """Return the title of a text of a rule, and the style class of its colour."""
    return {"buy": ("▲ BUY", "up"), "sell": ("▼ SELL", "down"), "code": ("Code", "")}[name]


FILTERS = (run_title, rule_title, rule_name, batch_title, failure, text_title)
