"""One fault that a process is started with, seen from the test."""

from pathlib import Path
from uuid import uuid4

from tests.faults.points import LIMITS, POINTS
from tests.services.waiting import wait_until

INJECTION = Path(__file__).resolve().parent / "injection"


class Fault:
    """A fault at one of POINTS: the environment that causes it in a process, and how often it has happened."""

    def __init__(self, directory: Path, at: str, do: str, times: int = 1) -> None:
        self._at = at
        self._directory = directory / f"fault-{uuid4().hex[:8]}"
        self._directory.mkdir()
        self.environ = {
            "PYTHONPATH": str(INJECTION),
            "FAULT_AT": POINTS[at].call,
            "FAULT_DO": do,
            "FAULT_WHEN": POINTS[at].when,
            "FAULT_TIMES": str(times),
            "FAULT_DIR": str(self._directory),
        }

    def wait(self, times: int = 1, timeout_s: float = 30.0) -> None:
        """Return when the point has been reached so often."""
        wait_until(lambda: self.count() >= times, timeout_s, f"reaching the point {self._at}")

    def count(self) -> int:
        """Number of times that the fault has happened."""
        return len(list(self._directory.glob("reached-*")))

    def let_go(self) -> None:
        """End all pauses."""
        (self._directory / "go").touch()


def limited(limit: str, value: float) -> dict[str, str]:
    """The environment of a process in which one of LIMITS is another."""
    return {"PYTHONPATH": str(INJECTION), "FAULT_CONSTANT": f"{LIMITS[limit]}={value}"}
