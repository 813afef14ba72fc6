"""What there is to say about a price file: faults that refuse it, warnings that do not, each with its lines."""

from collections.abc import Iterable, Sequence
from typing import Literal

from contracts.values import frozen

SHOWN = 5  # of the lines, dates or names that a finding concerns, in its sentence


@frozen
class Finding:
    """One sentence about a file: about a line of it, counted from 1, or about what was asked for it."""

    level: Literal["error", "warning"]
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
    return Refused([Finding("error", message, line, about)])


class Faults:
    """Faults by line as they are found, those of one kind together; `check` raises them."""

    def __init__(self) -> None:
        self._found: dict[str, list[int]] = {}
        # the first line of each kind, and its values
        self._first: dict[str, tuple[int, tuple[object, ...]]] = {}

    def add(self, line: int, kind: str, *values: object) -> None:
        """Note one fault: a sentence, with places for values in it, of which those of the first line are told."""
        self._found.setdefault(kind, []).append(line)
        # a file with the newest first is read backwards
        if kind not in self._first or line < self._first[kind][0]:
            self._first[kind] = line, values

    def check(self) -> None:
        """Refused with the faults of all kinds by their first lines, when there are any."""
        told = [
            _together(kind.format(*self._first[kind][1]), sorted(lines))
            for kind, lines in self._found.items()
        ]
        if told:
            raise Refused(sorted(told, key=lambda finding: finding.line or 0))


def _together(message: str, lines: Sequence[int]) -> Finding:
    """One fault for all lines that have it."""
    more = f" ({len(lines):,} lines have this fault: {listed(lines)})" if len(lines) > 1 else ""
    return Finding("error", message + more, lines[0])


def lines_in_words(lines: Iterable[int]) -> str:
    """`line 4`, `lines 4, 9, 12 and 310 more`."""
    every = list(lines)
    return f"line{'s' if len(every) > 1 else ''} {listed(every)}"


def listed(every: Sequence[object], shown: int = SHOWN) -> str:
    """`4, 9, 12 and 310 more`."""
    more = f" and {len(every) - shown:,} more" if len(every) > shown else ""
    return ", ".join(map(str, every[:shown])) + more
