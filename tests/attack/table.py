"""Write the measured table of docs/reliability.md: `python -m tests.attack.table REPORT`, by `make attack`."""

import sys
from pathlib import Path

from tests.faults.reliability_table import lines, written


def main() -> None:
    """Replace the table of attacks."""
    head = [
        "| attack | other calls | failed | slowest [ms] | both processes [MB] |",
        "|---|---|---|---|---|",
    ]
    rows = [
        f"| {attack} | {calls} | {failed} | {slowest_s * 1e3:,.0f} | {mb:,.0f} |"
        for attack, calls, failed, slowest_s, mb in (
            each.values() for each in lines(Path(sys.argv[1]))
        )
    ]
    written(attacks="\n".join([*head, *rows]))


if __name__ == "__main__":
    main()
