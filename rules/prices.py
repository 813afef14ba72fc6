"""The bars that a rule reads, checked once, with all that it makes signals of them with."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import numpy as np

from rules import arrays, indicators
from rules.arrays import Array, Column

TIME = "Time"  # a column of datetime64, UTC: each bar's date, or when it began
MEMO_BYTES = 256 * 2**20  # of indicators kept, counted as one array each


class Prices:
    """OHLCV columns as float64 arrays, oldest bar first, a memo of the indicators taken from them, and array functions.

    The memo is what makes a grid over parameters fast: 1,000 pairs of averages need about 60 of them. Nobody may write
    into the arrays that are handed out, since others hold them too; columns are read-only, since orders fill at them.
    With the functions of rules.arrays as its own, a rule needs no numpy by name, so that its module can be loaded for
    its catalog entry alone.
    """

    levels = staticmethod(arrays.levels)
    crossings = staticmethod(arrays.crossings)
    held = staticmethod(arrays.held)
    turns = staticmethod(arrays.turns)
    reversals = staticmethod(arrays.reversals)
    directions = staticmethod(arrays.directions)
    shift = staticmethod(arrays.shift)

    def __init__(self, data: Mapping[str, Column]) -> None:
        self._data = data
        self._columns: dict[str, Array] = {}
        self._indicators: dict[Hashable, Any] = {}

    def __getitem__(self, name: str) -> Array:
        """The column `name`, read-only; ValueError if missing, of another length than others, or with no number."""
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
        """How many bars the columns have; None before the first of them is read."""
        return next((column.size for column in self._columns.values()), None)

    def indicator(
        self, name: str | Callable[..., Any], columns: tuple[str, ...], *params: Hashable
    ) -> Any:
        """The function `name` of rules.indicators, or one of your own, of the columns and params.

        It is computed once for these prices while the memo has room.
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
    """A column as it is; of times, which may be a DataFrame's index, the seconds since 1970 (UTC)."""
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
