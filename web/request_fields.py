"""The fields of a request as the contract lists them: what forms, messages, presets and the API's description share."""

from collections.abc import Mapping, Sequence
from dataclasses import Field, fields
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from contracts.portfolio_request import MODE_OF, Sharing
from contracts.run_request import About, RunRequest, Section, about
from contracts.values import Json, Values, frozen, picked, side_by_side
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

    def said(self, value: Any) -> str:
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


def asked_again(values: Json) -> Json:
    """A request without what belongs to its run, or to its batch, alone."""
    return picked(values, (name for name, each in FIELDS.items() if each.about.in_forms))


def unequal(several: Sequence[Values]) -> dict[str, list[Any]]:
    """What is not the same in all of several, by name, with the value that each has."""
    rows = side_by_side(several).items()
    return {name: values for name, values in rows if any(each != values[0] for each in values)}


def terms_said(
    values: Values, *sections: Section, fields: Mapping[str, RequestField] = FIELDS
) -> dict[str, str]:
    """What people asked for in these sections, by title, as pages show it; what is not set is left out."""
    return {
        each.about.title: each.said(values[each.name])
        for each in fields.values()
        if each.about.in_forms
        and each.about.section in sections
        and _is_set(values.get(each.name))
    }


def _is_set(value: Any) -> bool:
    return value is not False and value not in (None, "", [])
