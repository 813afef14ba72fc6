"""Why a price file cannot be loaded: its faults, each with the lines that have it."""

from collections.abc import Sequence
from typing import Any

from adapters.prices.bars import Whole
from contracts.values import frozen

SHOWN = 5  # of the lines, dates or names that a finding concerns, in its sentence


@frozen
class Finding:
    """One sentence about a file: about a line of it, counted from 1, or about what was asked for it."""

    message: str
    line: int | None = None
    about: str = "file"

    @property
    def place(self) -> str:
        """`line 12`, `file`, or the name of what was asked for."""
        return f"line {self.line}" if self.line else self.about


class Refused(Exception):
    """The file cannot be loaded; `findings` say why, by line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("; ".join(in_words(finding) for finding in findings[:SHOWN]))
        self.findings = list(findings)


def in_words(finding: Finding) -> str:
    """`line 12: High 10 is below …`; what is about the whole file says so itself."""
    return finding.message if finding.place == "file" else f"{finding.place}: {finding.message}"


def refuse(message: str, line: int | None = None, about: str = "file") -> Refused:
    """The error for a file with this one fault."""
    return Refused([Finding(message, line, about)])


class Faults:
    """Faults by line as they are found; `check` raises them."""

    def __init__(self) -> None:
        self._found: list[Finding] = []

    def add(self, kind: str, lines: Whole, *values: Any) -> None:
        """One fault of all these lines: a sentence, with places for the values of the first of them."""
        if len(lines):
            # a file with the newest first is read backwards
            first = int(lines.argmin())
            more = (
                f" ({len(lines):,} lines have this fault: {listed(sorted(lines.tolist()))})"
                if len(lines) > 1
                else ""
            )
            told = kind.format(*(each[first] for each in values))
            self._found.append(Finding(told + more, int(lines[first])))

    def check(self) -> None:
        """Refused with the faults by their first lines, when there are any."""
        if self._found:
            raise Refused(sorted(self._found, key=lambda finding: finding.line or 0))


def listed(every: Sequence[object], shown: int = SHOWN) -> str:
    """`4, 9, 12 and 310 more`."""
    more = f" and {len(every) - shown:,} more" if len(every) > shown else ""
    return ", ".join(map(str, every[:shown])) + more
