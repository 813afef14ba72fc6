"""Waiting for conditions as long as the machine needs, and skipping tests whose service is missing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

T = TypeVar("T")


# to start Python and import the consumer, on two quiet cores; the tests' time limits are for those
REFERENCE_S = 0.5


@cache
def slowness() -> float:
    """Factor by which this machine is slower than the reference, at least 1; measured once in each test process."""
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-c", "import consumer.job.worker"],
        cwd=Path(__file__).parents[2],
        check=True,
    )
    return max(1.0, (time.monotonic() - began) / REFERENCE_S)


def wait_until(
    condition: Callable[[], T],
    timeout_s: float = 20.0,
    what: str = "the condition",
    seen: Callable[[], object] = str,
) -> T:
    """Return the result of `condition` as soon as it is true; AssertionError after `timeout_s` of a quiet machine.

    seen: returns details for the error, in addition to the last value.
    """
    timeout_s *= slowness()
    began, pause_s = time.monotonic(), 0.02
    while True:
        if value := condition():
            return value
        if time.monotonic() > began + timeout_s:
            raise AssertionError(
                f"{what} did not come true within {timeout_s:g} s; it is {value!r}\n{seen()}"
            )
        time.sleep(pause_s)
        # after a long wait check less often: the other side needs the processor
        pause_s = min(1.2 * pause_s, 0.1)


def service_missing(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, where every service must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: a missing service is a failure)")
    pytest.skip(reason)
