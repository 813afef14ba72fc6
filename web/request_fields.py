"""The fields of a request as the contract lists them: what forms, messages, presets and the API's description share."""

from dataclasses import MISSING, Field, asdict, dataclass, fields
from datetime import date
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import BaseMetadata

from contracts.run_request import About, RunRequest, about
from web.formats import plain

Kind = Literal["number", "choice", "flag", "date", "text", "object"]
_KINDS: dict[Any, Kind] = {
    float: "number",
    int: "number",
    Literal: "choice",
    bool: "flag",
    date: "date",
    str: "text",
    dict: "object",
}
_SIGNS = {"money": "", "percent": "%", "basis points": "bps"}  # of units, behind a value


@dataclass(frozen=True, slots=True)
class RequestField:
    """One field; `bounds` are those of annotated_types by name (ge, gt, le, lt, min_length, max_length)."""

    name: str
    about: About
    kind: Kind
    bounds: dict[str, Any]
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
            least = f"{self.bounds['min_length']} to" if "min_length" in self.bounds else "at most"
            return f"{least} {self.bounds['max_length']} characters"
        return {"flag": "true or false", "date": "a date of the form YYYY-MM-DD", "object": "an object"}[self.kind]

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
        if self.about.unit == "fraction":
            return f"{plain(value * 100)} %"
        return f"{plain(value)} {_SIGNS.get(self.about.unit, self.about.unit)}".strip()


def _range(bounds: dict[str, float]) -> str:
    """The bounds of a number, which has two."""
    inclusive = "ge" in bounds
    low = f"from {bounds['ge']:g} to" if inclusive else f"above {bounds['gt']:g},"
    high = f"below {bounds['lt']:g}" if "lt" in bounds else f"{'' if inclusive else 'at most '}{bounds['le']:g}"
    return f"{low} {high}".replace("e+", "e")


def read_fields(contract: Any) -> dict[str, RequestField]:
    """The fields of a dataclass whose types are all Annotated with About, by name."""
    return {each.name: _read(each) for each in fields(contract)}


def _read(each: Field[Any]) -> RequestField:
    annotated: Any = each.type
    metadata = list(annotated.__metadata__)
    inner = annotated.__origin__
    optional = NoneType in get_args(inner)
    if optional:
        inner = next(kind for kind in get_args(inner) if kind is not NoneType)
    if get_origin(inner) is Annotated:
        metadata += inner.__metadata__
        inner = inner.__origin__
    bounds = {name: bound for one in metadata if isinstance(one, BaseMetadata) for name, bound in asdict(one).items()}  # type: ignore[call-overload]
    choices = dict(zip(get_args(inner), about(each).choices, strict=True)) if get_origin(inner) is Literal else {}
    default = None if each.default is MISSING else each.default
    return RequestField(each.name, about(each), _KINDS[get_origin(inner) or inner], bounds, choices, optional, default)


FIELDS = read_fields(RunRequest)
PRESET_FIELDS = tuple(name for name, each in FIELDS.items() if each.about.section in ("rule", "orders", "stops"))


def asked_again(values: dict[str, Any]) -> dict[str, Any]:
    """A request without what belongs to its run, or to its batch, alone."""
    return {name: values[name] for name, each in FIELDS.items() if each.about.asked and name in values}
