"""Tables of Markdown."""

from collections.abc import Iterable, Sequence


def table(head: str, rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table below `head`, such as `| name | meaning |`, and an empty one; none without rows."""
    lines = [f"| {' | '.join(map(str, row))} |" for row in rows]
    return [head, "|---" * (head.count("|") - 1) + "|", *lines, ""] if lines else []


def cell(text: str) -> str:
    """A text that may have signs which Markdown would take for its own."""
    return text.replace("|", "\\|").replace("<", "&lt;")
