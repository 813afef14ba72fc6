"""Frozen dataclasses, and mappings of values by name: their types, and functions that select some of them."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
Json = dict[str, Any]  # an object of JSON
Values = Mapping[str, Any]  # by name, to be read only
Row = Mapping[Any, Any]  # of a table, by column


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass with slots."""
    return dataclass(frozen=True, slots=True)(kind)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen_by_name(kind: type[T]) -> type[T]:
    """Make a class a frozen dataclass with slots whose fields are given by keyword."""
    return dataclass(frozen=True, slots=True, kw_only=True)(kind)


def picked(values: Mapping[K, V], names: Iterable[K]) -> dict[K, V]:
    """Return the values of these names, without the names that have none."""
    return {name: values[name] for name in names if name in values}


def without(values: Mapping[K, V], names: Container[K]) -> dict[K, V]:
    """Return the values of all names but these."""
    return {name: value for name, value in values.items() if name not in names}


def side_by_side(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """Return a list by name: its value in each row, None where a row has none; names in order of appearance."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
