"""How small objects that never change are declared; what values by name are called, and some of them taken."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Json = dict[str, Any]  # an object of JSON, or what is to become one
Values = Mapping[str, Any]  # by name, to be read only


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[T]) -> type[T]:
    """The class as a dataclass whose fields are set once, with room for no others."""
    return dataclass(frozen=True, slots=True)(kind)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen_by_name(kind: type[T]) -> type[T]:
    """The same; whoever makes one names each field."""
    return dataclass(frozen=True, slots=True, kw_only=True)(kind)


def picked(values: Mapping[K, V], names: Iterable[K]) -> dict[K, V]:
    """The values of these names, where they have one."""
    return {name: values[name] for name in names if name in values}


def without(values: Mapping[K, V], names: Container[K]) -> dict[K, V]:
    """The values of all other names."""
    return {name: value for name, value in values.items() if name not in names}


def side_by_side(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """By name the value that each of these has, None where it has none; names as they appear first."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
