"""What there is to say about a price file: faults that refuse it, warnings that do not, each with its lines."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

SHOWN = 5  # of the lines, dates or names that a finding concerns, in its sentence
MOST_FAULTS = 100  # that are listed; the rest is counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about a file; `line` is that of the file, counted from 1, where it concerns one."""

    level: Literal["error", "warning"]
    message: str
    line: int | None = None


class Refused(Exception):
    """The file cannot be loaded; `findings` say why, by line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(in_words(finding) for finding in findings[:SHOWN]))
        self.findings = list(findings)


def in_words(finding: Finding) -> str:
    """`line 12: High 10 is below …`."""
    return f"line {finding.line}: {finding.message}" if finding.line else finding.message


def refuse(message: str, line: int | None = None) -> Refused:
    """The error for a file with this one fault."""
    return Refused([Finding("error", message, line)])


class Faults:
    """Faults by line as they are found; `check` raises them together."""

    def __init__(self) -> None:
        self._found: list[Finding] = []
        self._count = 0

    def add(self, line: int, message: str) -> None:
        """Note one fault."""
        self._count += 1
        if self._count <= MOST_FAULTS:
            self._found.append(Finding("error", message, line))

    def check(self) -> None:
        """Refused with all faults in the order of their lines, when there are any."""
        if not self._found:
            return
        listed = sorted(self._found, key=lambda finding: finding.line or 0)
        if self._count > MOST_FAULTS:
            listed.append(Finding("error", f"{self._count - MOST_FAULTS:,} more faults are not listed"))
        raise Refused(listed)


def lines_in_words(lines: Iterable[int]) -> str:
    """`line 4`, `lines 4, 9, 12 and 310 more`."""
    every = list(lines)
    return f"line{'s' if len(every) > 1 else ''} {listed(every)}"


def listed(every: Sequence[object], shown: int = SHOWN) -> str:
    """`4, 9, 12 and 310 more`."""
    more = f" and {len(every) - shown:,} more" if len(every) > shown else ""
    return ", ".join(map(str, every[:shown])) + more
