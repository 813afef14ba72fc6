"""What a rule's parameter is, and the fault of one value; standard library only, so that the web tier may load it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

ParamKind = Literal["int", "float", "choice", "rules"]
Category = Literal["technical", "paper", "composite"]

SHOWN_CHARACTERS = 60  # of a refused value, in a message
SHOWN_BITS = 200  # an int above this is named by its size: Python refuses to print ints of over 4,300 digits


@dataclass(frozen=True)
class ParamSpec:
    """One parameter of a rule: its kind, default and accepted range (bounds are inclusive).

    `minimum` and `maximum` bound a number, or the count of members of kind "rules"; they are None for a choice.
    `step` is what a form's arrows add; values between the steps are accepted.
    """

    name: str
    kind: ParamKind
    default: Any
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    help: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleSpec:
    """One rule of the catalog. `buy` and `sell` say the conditions; each constraint reads "name < name"."""

    name: str
    title: str
    description: str
    category: Category
    params: tuple[ParamSpec, ...]
    buy: str
    sell: str
    source: str
    constraints: tuple[str, ...] = ()


def shown(value: object) -> str:
    """A refused value as a message prints it: its JSON-like form, never longer than a line."""
    if isinstance(value, int) and value.bit_length() > SHOWN_BITS:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value) if not isinstance(value, (list, dict, tuple)) else f"a {type(value).__name__}"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."


def is_number(value: object) -> bool:
    """Whether `value` is an int or a float; true and false are not numbers here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def value_fault(spec: ParamSpec, value: object) -> str | None:
    """Why `value` is no choice or number that `spec` accepts, or None. Not for kind "rules".

    An int is fine for a float. A float is never fine for an int, 14.0 neither: the label, the stored request and
    the array sizes are those of an int, and a client that writes 14.0 may next write 14.5.
    """
    if spec.kind == "choice":
        accepted = ", ".join(spec.choices)
        return None if isinstance(value, str) and value in spec.choices else f"{shown(value)} is not one of: {accepted}"
    wanted = (
        f"{'a whole number' if spec.kind == 'int' else 'a number'} from {bound(spec.minimum)} to {bound(spec.maximum)}"
    )
    if not is_number(value) or (spec.kind == "int" and not isinstance(value, int)):
        return f"{shown(value)} is not {wanted}"
    return None if _within(spec, value) else f"{shown(value)} is out of range: must be {wanted}"


def _within(spec: ParamSpec, value: Any) -> bool:
    # ints are compared as they are: float() of a huge int would raise OverflowError
    if isinstance(value, float) and not isfinite(value):
        return False
    return bool(spec.minimum is None or value >= spec.minimum) and bool(spec.maximum is None or value <= spec.maximum)


def bound(value: float | None) -> str:
    """A bound in its short form: 2 and 0.5 rather than 2.0 and 0.50."""
    return "" if value is None else f"{value:g}"


def constraint_fault(constraint: str, values: Mapping[str, Any]) -> tuple[str, str] | None:
    """The left-hand name and why `constraint` ("fast < slow") does not hold for `values`, or None."""
    left, right = constraint.split(" < ")
    if values[left] < values[right]:
        return None
    return left, f"{shown(values[left])} must be less than {right}, which is {shown(values[right])}"
