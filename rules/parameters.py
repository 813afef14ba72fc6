"""Specification of a rule and its parameters, and validation of values; standard library only, for the web tier."""

import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rules.formula.graph import Market

Json = dict[str, Any]  # an object of JSON
Params = Mapping[str, Any]  # of a rule, by name
ParamKind = Literal["int", "float", "choice", "rules", "text", "code", "inputs"]
Category = Literal[
    "technical", "paper", "composite", "formula"
]  # the last one: rules that a user writes
Faults = dict[str, str]  # messages by field

QUOTED_CHARACTERS = 60  # of a refused value, in a message
# a larger int is described by its size: Python refuses to print ints of over 4,300 digits
QUOTED_BITS = 200
FIELD_CHARACTERS = 64  # of a name that the client chose, in a field's path
BEFORE_CARET = 40  # characters of a line with a fault, at most


@dataclass(frozen=True)
class ParamSpec:
    """One parameter of a rule: its kind, default and accepted range (bounds are inclusive).

    `minimum` and `maximum` bound a number, or the count of members of kind "rules" and of names of kind "inputs"; they
    are None for a choice, a text and code.
    `step` is the step of a form's arrows; values between the steps are accepted.
    """

    kind: ParamKind
    name: str
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    help: str = ""
    unit: str = ""
    step: float | None = None
    choices: tuple[str, ...] = ()

    def faults(self, value: object, field: str) -> Faults:
        """Return why `value` is not accepted, by `field` or the path of a part of it.

        An int is accepted for a float. A float is not accepted for an int, not even 14.0: the label, the stored request
        and the array sizes need an int, and a client that writes 14.0 may write 14.5 next.
        """
        fault = self._fault(value)
        return {field: fault} if fault else {}

    def _fault(self, value: Any) -> str | None:
        if self.kind == "choice":
            is_choice = isinstance(value, str) and value in self.choices
            return (
                None if is_choice else f"{quote(value)} is not one of: {', '.join(self.choices)}"
            )
        accepted = f"{'a whole number' if self.kind == 'int' else 'a number'} from {self.range()}"
        if isinstance(value, bool) or not isinstance(
            value, int if self.kind == "int" else (int, float)
        ):
            return f"{quote(value)} is not {accepted}"
        # compared without float(), which raises OverflowError for a huge int; NaN is never inside
        inside = self.minimum <= value <= self.maximum  # type: ignore[operator]  # a number has bounds
        return None if inside else f"{quote(value)} is out of range: must be {accepted}"

    def range(self) -> str:
        """Return the bounds in short form: 0.5 to 2 rather than 0.50 to 2.0."""
        return f"{self.minimum:.10g} to {self.maximum:.10g}"

    def complete(self, value: Any) -> Any:
        """Convert an accepted value to the parameter's kind: 30 becomes 30.0 for a float."""
        return float(value) if self.kind == "float" else value

    def label(self, value: Any) -> str:
        """Format a complete value for a rule's label."""
        return f"{value:.10g}" if isinstance(value, float) else str(value)

    def schema(self) -> Json:
        """JSON Schema (2020-12) of the value."""
        about = self.help + (f" ({self.unit})" if self.unit else "")
        return {"description": about, **self.accepted(), "default": deepcopy(self.default)}

    def accepted(self) -> Json:
        """Return the part of the schema that describes the accepted values."""
        if self.kind == "choice":
            return {"type": "string", "enum": list(self.choices)}
        kind = "integer" if self.kind == "int" else "number"
        return {"type": kind, "minimum": self.minimum, "maximum": self.maximum}


bars = partial(ParamSpec, "int", unit="bars", step=1)  # a number of bars
number = partial(ParamSpec, "float")  # with a unit


@dataclass(frozen=True)
class RuleSpec:
    """Description of a rule, for forms, validation and docs. Each of the `constraints` reads "name < name".

    conditions: buy and sell as texts of FORMULA over the params, from which the rule's lines and explanations are
    derived; {name} stands for a choice or a text, which is no number. short: title in lists, where `title` is long.
    """

    name: str
    title: str
    description: str
    category: Category
    params: tuple[ParamSpec, ...]
    buy: str
    sell: str
    source: str
    constraints: tuple[str, ...] = ()
    conditions: tuple[str, str] = ("", "")
    short: str = ""

    @property
    def short_title(self) -> str:
        """The title of the rule in lists."""
        return self.short or self.title

    def faults(
        self, params: object, path: str = "params", market: "Market | None" = None
    ) -> Faults:
        """Return every fault of `params` by field; empty when the rule can be built with them.

        market: the series that texts may name; without one, no further columns, and any ticker and timeframe.
        """
        if not isinstance(params, Mapping):
            return {path: f"{quote(params)} is not an object of parameter names and values"}
        by_name = {param.name: param for param in self.params}
        faults: Faults = {}
        for name, value in params.items():
            field = f"{path}.{str(name)[:FIELD_CHARACTERS]}"
            if name in by_name:
                faults |= by_name[name].faults(value, field)
            else:
                has = f"{self.name} has no such parameter; it has: {', '.join(by_name)}"
                faults[field] = f"{quote(value)} given, but {has}"
        return faults | self._constraints_faults(params, path, faults)

    def _constraints_faults(self, params: Params, path: str, faults: Iterable[str]) -> Faults:
        """Return the faults of constraints whose sides are valid by themselves; a missing value is its default."""
        values = {
            p.name: nan if f"{path}.{p.name}" in faults else params.get(p.name, p.default)
            for p in self.params
        }
        return {
            f"{path}.{left}": f"{quote(values[left])} must be less than {right}, which is {quote(values[right])}"
            for left, right in self.broken(values)
        }

    def broken(self, values: Params) -> list[list[str]]:
        """Return the constraints that are broken, each as the names on its two sides; NaN breaks none."""
        pairs = (constraint.split(" < ") for constraint in self.constraints)
        return [[left, right] for left, right in pairs if values[left] >= values[right]]

    def complete(self, params: Params) -> Json:
        """Return `params` in the spec's order, with defaults filled in and numbers converted to their kind; a copy.

        params: free of faults.
        """
        return {
            spec.name: spec.complete(params.get(spec.name, spec.default)) for spec in self.params
        }

    def label(self, params: Params) -> str:
        """Return the name with all complete params, such as RSI_14_30_70, of any length."""
        return "_".join([self.name, *(spec.label(params[spec.name]) for spec in self.params)])

    def schema(self) -> Json:
        """JSON Schema (2020-12) of the params; constraints between them are in its description."""
        about = {"description": f"with {', '.join(self.constraints)}"} if self.constraints else {}
        return {
            "type": "object",
            "properties": {param.name: param.schema() for param in self.params},
            "additionalProperties": False,
            **about,
        }


class PlacedError(ValueError):
    """A fault of a text that a user wrote, with its place: line and column count from 1."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(message)
        self.message, self.line, self.column = message, line, column

    def with_place(self, text: str) -> str:
        """Return the message with the line of the text that it is about, and a caret below its column."""
        lines = text.split("\n")
        line = lines[min(self.line, len(lines)) - 1]
        start = max(0, self.column - BEFORE_CARET)
        part = re.sub("[^ -~]", " ", line[start : start + 80])
        where = f"line {self.line}, column {self.column}"
        return f"{where}: {self.message}\n{part}\n{' ' * (self.column - 1 - start)}^"


def quote(value: object) -> str:
    """Return a refused value for a message: its JSON-like form, never longer than a line."""
    if isinstance(value, int) and value.bit_length() > QUOTED_BITS:
        return f"an integer of {value.bit_length()} bits"
    text = (
        repr(value) if not isinstance(value, (list, dict, tuple)) else f"a {type(value).__name__}"
    )
    return text if len(text) <= QUOTED_CHARACTERS else text[: QUOTED_CHARACTERS - 3] + "..."
