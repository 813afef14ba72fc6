"""Prices that a rule reads, validated once, with a memo of indicators and array functions."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from rules import arrays, indicators
from rules.arrays import Array, Column

TIME = "Time"  # a column of datetime64, UTC: the date of a bar, or its start
MEMO_BYTES = 256 * 2**20  # of indicators in the memo, counted as one array each


class Prices:
    """OHLCV columns as float64 arrays, oldest bar first, a memo of their indicators, and array functions.

    The memo makes a grid over parameters fast: 1,000 pairs of averages need about 60 of them. Do not write into the
    returned arrays, which are shared; columns are read-only, since orders fill at them. The functions of rules.arrays
    are methods here, so that the module of a rule need not import numpy and can be loaded for its catalog entry alone.
    """

    levels = staticmethod(arrays.levels)
    crossings = staticmethod(arrays.crossings)
    carry_forward = staticmethod(arrays.carry_forward)
    changes = staticmethod(arrays.changes)
    reversals = staticmethod(arrays.reversals)
    directions = staticmethod(arrays.directions)
    shift = staticmethod(arrays.shift)

    def __init__(self, data: Mapping[str, Column]) -> None:
        self._data = data
        self._columns: dict[str, Array] = {}
        self._indicators: dict[Hashable, Any] = {}

    def __getitem__(self, name: str) -> Array:
        """Return the column `name`, read-only; ValueError if it is missing, not numeric, or of another length."""
        column = self._columns.get(name)
        if column is None:
            column = _checked(name, _column(self._data, name))
            if self.bars not in (None, column.size):
                first = next(iter(self._columns))
                raise ValueError(
                    f"{name} has {column.size} bars and {first} {self.bars}; must have one length"
                )
            self._columns[name] = column = column.view()
            column.flags.writeable = False
        return column

    @property
    def bars(self) -> int | None:
        """Number of bars of the columns; None before the first of them is read."""
        return next((column.size for column in self._columns.values()), None)

    def indicator(
        self, name: str | Callable[..., Any], columns: tuple[str, ...], *params: Hashable
    ) -> Any:
        """Compute the function `name` of rules.indicators, or one of your own, from the columns and params.

        It is computed once for these prices, unless the memo was full.
        """
        key = (name, columns, params)
        if key not in self._indicators:
            compute = getattr(indicators, name) if isinstance(name, str) else name
            read = [self[column] for column in columns]
            while self._indicators and len(self._indicators) >= MEMO_BYTES // (
                8 * max(1, read[0].size)
            ):
                del self._indicators[next(iter(self._indicators))]  # the oldest
            self._indicators[key] = compute(*read, *params)
        return self._indicators[key]


def _column(data: Mapping[str, Column], name: str) -> Column:
    """Return a column unchanged; times, which may be a DataFrame's index, as seconds since 1970 (UTC)."""
    try:
        column = data[name]
    except KeyError:
        column = getattr(data, "index", np.empty(0))
        if name != TIME or column.dtype.kind != "M":
            raise ValueError(f"data has no column {name}") from None
    return column if name != TIME else np.asarray(column, dtype="M8[s]").astype(np.float64)


def _checked(name: str, values: Column) -> Array:
    try:
        column = np.ascontiguousarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers: {error}") from None
    if column.ndim != 1:
        raise ValueError(f"{name} has {column.ndim} dimensions; a column has one value per bar")
    if not np.isfinite(column).all():
        bar = int(np.flatnonzero(~np.isfinite(column))[0])
        raise ValueError(
            f"{name} is {column[bar]} at bar {bar}; every bar must have a finite number"
        )
    return column
