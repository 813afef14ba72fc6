"""The fields of a request as the contract lists them: what forms, messages, presets and the API's description share."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, asdict, fields
from datetime import date
from functools import cache
from itertools import chain
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata

from contracts.portfolio_request import MODE_OF, Sharing
from contracts.run_request import About, RunRequest, Section, about
from contracts.values import Json, Values, frozen
from web.formats import plain

Kind = Literal["number", "choice", "flag", "date", "text", "words", "object"]
_KINDS: dict[Any, Kind] = {
    float: "number",
    int: "number",
    Literal: "choice",
    bool: "flag",
    date: "date",
    str: "text",
    list: "words",
    dict: "object",
}
_SIGNS = {"money": "", "percent": "%", "basis points": "bps"}  # of units, behind a value


@frozen
class RequestField:
    """One field; bounds are those of annotated_types by name (ge, gt, le, lt, min_length, max_length)."""

    name: str
    about: About
    kind: Kind
    bounds: Json
    each_bounds: Json  # of words, those of each one
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
            return f"{self.about.unit or 'a number'} {_range(self.bounds)}"
        if self.kind == "choice":
            return ", ".join(f"{value} ({text})" for value, text in self.choices.items())
        if self.kind == "text":
            return f"{_length(self.bounds)} characters"
        if self.kind == "words":
            return f"a list of {_length(self.bounds)}, each of {_length(self.each_bounds)} characters"
        return {
            "flag": "true or false",
            "date": "a date of the form YYYY-MM-DD",
            "object": "an object",
        }[self.kind]

    @property
    def begins_with(self) -> Any:
        """What a form has in it at first; None for nothing."""
        return self.default if self.about.suggested is None else self.about.suggested

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


def _length(bounds: dict[str, int]) -> str:
    """The bounds of a length, of which the upper one is always there."""
    least, most = bounds.get("min_length"), bounds["max_length"]
    return (
        f"at most {most}"
        if least is None
        else f"{least} to {most}"
        if least < most
        else f"{most}"
    )


def _range(bounds: dict[str, float]) -> str:
    """The bounds of a number, which has two."""
    inclusive = "ge" in bounds
    low = f"from {plain(bounds['ge'])} to" if inclusive else f"above {plain(bounds['gt'])},"
    if "lt" in bounds:
        return f"{low} below {plain(bounds['lt'])}"
    return f"{low} {'' if inclusive else 'at most '}{plain(bounds['le'])}"


@cache
def read_fields(contract: Any) -> dict[str, RequestField]:
    """The fields of a dataclass whose types are all Annotated with About, by name."""
    return {each.name: _read(each) for each in fields(contract)}


def _read(each: Field[Any]) -> RequestField:
    parts = list(_parts(each.type))
    plain = next(part for part in parts if (get_origin(part) or part) in _KINDS)
    kind = _KINDS[get_origin(plain) or plain]
    return RequestField(
        each.name,
        about(each),
        kind,
        bounds=_bounds(parts),
        each_bounds=_bounds(_parts(get_args(plain)[0])) if kind == "words" else {},
        choices=dict(zip(get_args(plain), about(each).choices, strict=True))
        if kind == "choice"
        else {},
        optional=NoneType in parts,
        default=None if each.default is MISSING else each.default,
    )


def _bounds(parts: Iterable[Any]) -> Json:
    bounds: list[Any] = [part for part in parts if isinstance(part, BaseMetadata)]
    return dict(chain.from_iterable(asdict(part).items() for part in bounds))


def _parts(kind: Any) -> Iterator[Any]:
    """What a type is made of: plain types, and what Annotated says of them."""
    if get_origin(kind) is Annotated:
        yield from kind.__metadata__
        yield from _parts(kind.__origin__)
    elif get_origin(kind) in (Union, UnionType):
        yield from chain.from_iterable(map(_parts, get_args(kind)))
    else:
        yield kind


FIELDS = read_fields(RunRequest)
# what a form asks of a portfolio, and in which mode
SHARING = {"sharing": read_fields(Sharing), "only": MODE_OF}
_UNSET: tuple[Any, ...] = (None, "", [])
PRESET_FIELDS = tuple(
    name for name, each in FIELDS.items() if each.about.section in ("rule", "orders", "stops")
)


def asked_again(values: Json) -> Json:
    """A request without what belongs to its run, or to its batch, alone."""
    return {
        name: values[name] for name, each in FIELDS.items() if each.about.asked and name in values
    }


def differing(requests: Sequence[Values], decided: Collection[str]) -> list[str]:
    """Which fields of `asked_again`, but those that are decided elsewhere, are not the same in all requests."""
    first, *others = requests
    return [
        name
        for name in first
        if name not in decided and any(each[name] != first[name] for each in others)
    ]


def terms_said(
    values: Values, *sections: Section, fields: Mapping[str, RequestField] = FIELDS
) -> dict[str, str]:
    """What people asked for in these sections, by title, as pages show it; what is not set is left out."""
    asked = (
        each for each in fields.values() if each.about.asked and each.about.section in sections
    )
    given = ((each, values.get(each.name)) for each in asked)
    return {
        each.about.title: each.said(value)
        for each, value in given
        if value is not False and value not in _UNSET
    }
