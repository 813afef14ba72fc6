"""Write the measured tables of docs/reliability.md.

usage: python -m tests.faults.reliability_table RECOVERIES SOAKS

The two files are what the fault tests append to when FAULT_REPORT and FAULT_SOAK name them, for example
    FAULT_REPORT=/tmp/recoveries python -m pytest -m "not soak" tests/faults
    FAULT_SOAK=/tmp/soaks make soak
"""

import json
import statistics
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

DATABASES = {"mysql": "MariaDB", "sqlite": "SQLite"}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def main() -> int:
    """Replace the tables between their markers; 2 when the two files are not named."""
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    recoveries, soaks = (lines(Path(name)) for name in sys.argv[1:])
    written(recoveries=recovery_table(recoveries), soaks=soak_table(soaks))
    return 0


def written(**tables: str) -> None:
    """Put tables into the page, each between its markers."""
    page = PAGE.read_text(encoding="utf-8")
    for name, table in tables.items():
        before, _, rest = page.partition(f"<!-- {name} -->")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        page = f"{before}<!-- {name} -->\n{table}\n{end}{after}"
    PAGE.write_text(page, encoding="utf-8")


def lines(path: Path) -> list[dict[str, Any]]:
    """Measurements that tests have recorded."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def recovery_table(recoveries: list[dict[str, Any]]) -> str:
    """Seconds from each fault to the end of its last run."""
    by_fault: dict[str, list[float]] = defaultdict(list)
    for line in recoveries:
        by_fault[line["fault"]].append(line["recovery_s"])
    rows = [
        f"| {fault} | {statistics.median(seconds):.1f} | {max(seconds):.1f} | {len(seconds)} |"
        for fault, seconds in sorted(by_fault.items())
    ]
    return "\n".join(["| fault | p50 [s] | max [s] | times |", "|---|---|---|---|", *rows])


def soak_table(soaks: list[dict[str, Any]]) -> str:
    """Results of the long soaks: a column for each database and way of starting Jobs."""
    groups: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    for line in soaks:
        column = f"{DATABASES[line['database']]}, {'warm' if line['ways']['warm'] else 'plain'}"
        groups[""][column].update({"runs": line["runs"], "minutes": line["took_s"] / 60})
        for group, label in (("ways", "Jobs started: "), ("faults", ""), ("statuses", "ended: ")):
            counts = {
                label + name: count
                for name, count in sorted(line[group].items())
                if "(none" not in name
            }
            groups[group][column].update(counts)
        groups["mb"][column] |= Counter(
            {f"{name}, at most [MB]": mb for name, mb in line["largest_mb"].items()}
        )
    columns = sorted(groups[""])
    rows = [("", columns), ("---", ["---"] * len(columns))]
    for figures in groups.values():
        names = dict.fromkeys(name for column in columns for name in figures[column])
        ordered = names if figures is groups[""] else sorted(names)
        rows += [
            (name, [f"{figures[column][name]:,.0f}" for column in columns]) for name in ordered
        ]
    return "\n".join(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)


if __name__ == "__main__":
    sys.exit(main())
