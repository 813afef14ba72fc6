"""The time for which a fault delayed the end of a run, written down when FAULT_REPORT names a file."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def measured(fault: str, database_url: str) -> Iterator[None]:
    """Measure from the fault to the end of the last run; reliability_table.py reads the lines."""
    began = time.monotonic()
    yield
    report = os.environ.get("FAULT_REPORT")
    if report:
        line = {
            "fault": fault,
            "database": database_url.partition(":")[0].partition("+")[0],
            "recovery_s": time.monotonic() - began,
        }
        with Path(report).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
