"""Write the rules' tables in docs/rules.md from the catalog; with --check only say whether they are up to date.

The tables stand between two marker lines, so the text around them stays as it was written.
"""

import sys
from pathlib import Path

from rules.catalog import RULES, ParamSpec, RuleSpec, warmup_bars

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rules.md"
START, END = "<!-- catalog: start -->\n", "<!-- catalog: end -->\n"


def main() -> int:
    """0 when the page has the catalog's tables (after writing, always); 1 when --check finds others."""
    page = PAGE.read_text()
    head, rest = page.split(START)
    tail = rest.split(END)[1]
    wanted = f"{head}{START}\n{tables()}\n{END}{tail}"
    if "--check" in sys.argv[1:]:
        return 0 if page == wanted else _complain()
    PAGE.write_text(wanted)
    return 0


def _complain() -> int:
    print("docs/rules.md differs from the catalog; run: python -m scripts.rule_tables", file=sys.stderr)
    return 1


def tables() -> str:
    """Every rule as a section with its conditions and a table of its params, in display order."""
    return "\n".join(section(spec) for spec in RULES.values())


def section(spec: RuleSpec) -> str:
    """One rule in Markdown."""
    lines = [
        f"### {spec.name}: {spec.title}",
        "",
        spec.description,
        "",
        f"- Buy: {spec.buy}",
        f"- Sell: {spec.sell}",
        *[f"- Constraint: `{constraint}`" for constraint in spec.constraints],
        f"- Warm-up with the defaults: {warmup_bars(spec.name, {})} bars",
        f"- Source: {spec.source}",
        "",
        "| param | kind | default | from | to | meaning |",
        "|---|---|---|---|---|---|",
        *[row(param) for param in spec.params],
        "",
    ]
    return "\n".join(lines)


def row(param: ParamSpec) -> str:
    """One parameter as a row of the table."""
    kind = " or ".join(param.choices) if param.kind == "choice" else param.kind
    default = "RSI and MACD" if param.kind == "rules" else f"{param.default}"
    bounds = ["" if value is None else f"{value:g}" for value in (param.minimum, param.maximum)]
    meaning = param.help + (f" ({param.unit})" if param.unit else "")
    return f"| `{param.name}` | {kind} | {default} | {bounds[0]} | {bounds[1]} | {meaning} |"


if __name__ == "__main__":
    raise SystemExit(main())
