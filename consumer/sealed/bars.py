"""Bars as a strategy sees them: all so far, as arrays or as a DataFrame."""

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from consumer.sealed.protocol import COLUMNS, record_type


def _column(place: int) -> Any:
    return property(lambda bars: bars._columns[place][: bars._n])


class Bars:
    """Bars so far: each column is an array, NaN where a further one is blank; `frame` is a DataFrame of them.

    names: of the columns. One that is an attribute anyway, such as `frame`, is in the frame only.
    """

    names: Sequence[str] = COLUMNS

    @classmethod
    def of(cls, further: Sequence[str]) -> "Bars":
        """Return no bars yet, with columns in addition to prices and volume."""
        places = enumerate(further, len(COLUMNS))
        columns = {name: _column(place) for place, name in places if not hasattr(cls, name)}
        kind: type[Bars] = type("Bars", (cls,), columns)
        return kind(further)

    def __init__(self, further: Sequence[str] = ()) -> None:
        self.names, self._type = [*COLUMNS, *further], record_type(further)
        self._record = struct.Struct(f"<{len(self.names)}dq")
        self._n, self._frame = 0, None
        self._block, self._times = np.empty((len(self.names), 0)), np.empty(0, np.int64)
        self._grow(4096)

    def _grow(self, capacity: int) -> None:
        block, times = np.empty((len(self.names), capacity)), np.empty(capacity, np.int64)
        block[:, : self._n] = self._block[:, : self._n]
        times[: self._n] = self._times[: self._n]
        self._block, self._times, self._capacity = block, times, capacity
        self._rows = [*block, times]
        self._columns = [each.view() for each in (*block, times.view("M8[s]"))]
        for each in self._columns:
            each.flags.writeable = False

    def append(self, record: bytes) -> None:
        n = self._n
        if n == self._capacity:
            self._grow(2 * n)
        for row, value in zip(self._rows, self._record.unpack(record)):  # noqa: B905  # once a bar
            row[n] = value
        self._n, self._frame = n + 1, None

    def extend(self, records: bytes) -> None:
        """Append many bars."""
        table = np.frombuffer(records, self._type)
        start, stop = self._n, self._n + table.size
        if stop > self._capacity:
            self._grow(max(stop, 2 * self._capacity))
        for row, name in zip(self._rows, self._type.names or (), strict=True):
            row[start:stop] = table[name]
        self._n, self._frame = stop, None

    def __len__(self) -> int:
        return self._n

    open, high, low, close, volume = map(_column, range(len(COLUMNS)))
    time = _column(-1)

    @property
    def frame(self) -> Any:
        """A pandas DataFrame with all columns, by time."""
        if self._frame is None:
            import pandas as pd

            index = pd.DatetimeIndex(self.time, name="time")
            values = self._block[:, : self._n].copy().T  # what code writes into it stays there
            self._frame = pd.DataFrame(values, index=index, columns=self.names, copy=False)
        return self._frame
