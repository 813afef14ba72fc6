"""The bars that a rule reads, checked once, with the indicators that several rules or parameters share."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

Column = Any  # a one-dimensional array or a pandas Series; pandas is not imported for its name
Array = np.ndarray[tuple[Any, ...], np.dtype[np.float64]]


MEMO_BYTES = 256 * 2**20  # of indicators kept, counted as one array each


class Prices:
    """OHLCV columns as float64 arrays, oldest bar first, and a memo of the indicators taken from them.

    The memo is what makes a grid over parameters fast: 1,000 pairs of averages need about 60 of them. Nobody may write
    into the arrays that are handed out, since others hold them too.
    """

    def __init__(self, data: Mapping[str, Column]) -> None:
        self._data = data
        self._columns: dict[str, Array] = {}
        self._indicators: dict[Hashable, Any] = {}

    def __getitem__(self, name: str) -> Array:
        """The column `name`; ValueError if it is missing, has another length than others, or a value is no number."""
        column = self._columns.get(name)
        if column is None:
            column = _checked(name, _column(self._data, name))
            for other, known in self._columns.items():
                if known.size != column.size:
                    raise ValueError(f"{name} has {column.size} bars and {other} {known.size}; must have one length")
            self._columns[name] = column
        return column

    def indicator(self, compute: Callable[..., Any], columns: tuple[str, ...], *params: Hashable) -> Any:
        """compute(*columns, *params), computed once for these prices while the memo has room."""
        key = (compute, columns, params)
        if key not in self._indicators:
            arrays = [self[name] for name in columns]
            while self._indicators and len(self._indicators) >= MEMO_BYTES // (8 * max(1, arrays[0].size)):
                del self._indicators[next(iter(self._indicators))]  # the oldest
            self._indicators[key] = compute(*arrays, *params)
        return self._indicators[key]


def _column(data: Mapping[str, Column], name: str) -> Column:
    try:
        return data[name]
    except KeyError:
        raise ValueError(f"data has no column {name}") from None


def _checked(name: str, values: Column) -> Array:
    try:
        column = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from None
    if column.ndim != 1:
        raise ValueError(f"{name} has {column.ndim} dimensions; a column has one value per bar")
    if not np.isfinite(column).all():
        bar = int(np.flatnonzero(~np.isfinite(column))[0])
        raise ValueError(f"{name} is {column[bar]} at bar {bar}; every bar must have a finite number")
    return column
