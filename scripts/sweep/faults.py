"""What can be wrong with a sweep, and how the command line ends then."""

from collections.abc import Sequence

EXIT_OK, EXIT_RUNS_FAILED, EXIT_BAD_SPEC, EXIT_UNREACHABLE, EXIT_DETACHED = 0, 1, 2, 3, 130


class BadSweep(Exception):
    """The spec, or what the server says of its runs, is wrong; `faults` has one line for each fault."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = list(faults)


class Unreachable(Exception):
    """The server does not answer, or only with faults of its own."""
