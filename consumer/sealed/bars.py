"""Bars as a strategy sees them: all so far, as arrays or as a DataFrame."""

from typing import Any

import numpy as np

from consumer.sealed.protocol import COLUMNS, RECORD


class Bars:
    """Bars so far; open, high, low, close, volume and time are arrays, `frame` is a DataFrame of them."""

    def __init__(self) -> None:
        self._n, self._frame = 0, None
        self._block, self._times = np.empty((5, 0)), np.empty(0, np.int64)
        self._grow(4096)

    def _grow(self, capacity: int) -> None:
        block, times = np.empty((5, capacity)), np.empty(capacity, np.int64)
        block[:, : self._n] = self._block[:, : self._n]
        times[: self._n] = self._times[: self._n]
        self._block, self._times, self._capacity = block, times, capacity
        self._rows = [*block]
        readable = [*self._rows, times.view("M8[s]")]
        self._columns = [each.view() for each in readable]
        for each in self._columns:
            each.flags.writeable = False

    def append(self, record: bytes) -> None:
        n = self._n
        if n == self._capacity:
            self._grow(2 * n)
        o, h, l, c, v = self._rows  # noqa: E741
        o[n], h[n], l[n], c[n], v[n], self._times[n] = RECORD.unpack(record)
        self._n, self._frame = n + 1, None

    def extend(self, records: bytes) -> None:
        """Append many bars."""
        table = np.frombuffer(records, [*((name, "<f8") for name in COLUMNS), ("time", "<i8")])
        start, stop = self._n, self._n + table.size
        if stop > self._capacity:
            self._grow(max(stop, 2 * self._capacity))
        for row, name in zip(self._rows, COLUMNS, strict=True):
            row[start:stop] = table[name]
        self._times[start:stop] = table["time"]
        self._n, self._frame = stop, None

    def __len__(self) -> int:
        return self._n

    open = property(lambda self: self._columns[0][: self._n])
    high = property(lambda self: self._columns[1][: self._n])
    low = property(lambda self: self._columns[2][: self._n])
    close = property(lambda self: self._columns[3][: self._n])
    volume = property(lambda self: self._columns[4][: self._n])
    time = property(lambda self: self._columns[5][: self._n])

    @property
    def frame(self) -> Any:
        """A pandas DataFrame with the columns open, high, low, close and volume, by time."""
        if self._frame is None:
            import pandas as pd

            index = pd.DatetimeIndex(self.time, name="time")
            values = self._block[:, : self._n].copy().T  # what code writes into it stays there
            self._frame = pd.DataFrame(values, index=index, columns=COLUMNS, copy=False)
        return self._frame
