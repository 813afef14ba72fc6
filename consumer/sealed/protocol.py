"""Messages between a Job and its strategy's process.

A process that has loaded the modules of a strategy waits for pairs of pipes on a socket, forks for each, and the fork
seals itself and runs the code. In the pipes: frames of JSON at the start (what to run; loaded, or an error), then bars
and answers. A bar is a record. An answer is one byte for each instance: BUY, SELL or NOTHING, with MORE if a frame with
printed text and plotted values follows, or FAILED, after which a frame has the error and the instance is not called
again.

Modes: "stream" gets one bar, and gives one answer. "last" gets a COUNT and so many bars, and answers for the last of
them. "whole" gets all bars at once and gives for each instance one byte as above, a frame with the names of its lines,
then a byte for each bar and float64 values for each bar of each line.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

COUNT = struct.Struct("<I")
NOTHING, BUY, SELL, MORE, FAILED = 0, 1, 2, 4, 8
SEALED, UNSEALED = b"S", b"U"  # the first byte of a fork, before it runs any code
MAX_FRAME = 2**20  # bytes
MAX_PRINTED = 64 * 2**10  # characters
MAX_LINES = 24
MAX_NAME = 64  # characters of a line's name
COLUMNS = ("open", "high", "low", "close", "volume")


def record_type(further: Sequence[str]) -> np.dtype[np.void]:
    """Return the form of a bar: COLUMNS, further columns, and seconds since 1970 (UTC)."""
    return np.dtype([*((name, "<f8") for name in (*COLUMNS, *further)), ("time", "<i8")])


def frame(message: Any) -> bytes:
    """Return a message as JSON after its length."""
    body = json.dumps(message).encode()
    return COUNT.pack(len(body)) + body
