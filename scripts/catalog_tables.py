"""`python -m scripts.catalog_tables`: write the tables of docs/rules.md and docs/metrics.md from their catalogs.

They are between two marker lines, and the text around them stays. With --check nothing is written; 1 when one differs.
"""

import sys
from pathlib import Path

from adapters.results.metrics.entry import Metric
from adapters.results.metrics.table import METRICS
from rules.catalog import RULES, ParamSpec, RuleSpec, warmup_bars
from rules.language import EXAMPLES, FUNCTIONS, SERIES, Example

DOCS = Path(__file__).resolve().parents[1] / "docs"
START, END = "<!-- catalog: start -->\n", "<!-- catalog: end -->\n"


def main() -> int:
    """Write or check every page; 0 when all of them are current afterwards."""
    pages = {"rules.md": rule_tables(), "metrics.md": metric_tables()}
    stale = [name for name, tables in pages.items() if not _is_current(DOCS / name, tables, "--check" in sys.argv[1:])]
    for name in stale:
        print(f"docs/{name} differs from its catalog; run: python -m scripts.catalog_tables", file=sys.stderr)
    return 1 if stale else 0


def _is_current(path: Path, tables: str, only_check: bool) -> bool:
    """Whether a page has these tables, which are written into it first unless `only_check`."""
    page = path.read_text(encoding="utf-8")
    head, rest = page.split(START)
    wanted = f"{head}{START}\n{tables}\n{END}{rest.split(END)[1]}"
    if not only_check:
        path.write_text(wanted, encoding="utf-8")
    return page == wanted or not only_check


def rule_tables() -> str:
    """Every rule as a section with its conditions and a table of its params, in display order."""
    return "\n".join(rule_section(spec) for spec in RULES.values())


def rule_section(spec: RuleSpec) -> str:
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
        *[param_row(param) for param in spec.params],
        "",
        *(formula_tables() if spec.name == "FORMULA" else []),
    ]
    return "\n".join(lines)


def formula_tables() -> list[str]:
    """What a formula can name, and the worked examples, in Markdown."""
    series = [f"| `{each.name}` | {each.help} |" for each in SERIES.values()]
    functions = [
        f"| `{each.signature}` | {each.result} | {each.help} | `{each.example}` |" for each in FUNCTIONS.values()
    ]
    examples = [f"- {each.title} ({each.source}):\n\n{_example_block(each)}" for each in EXAMPLES]
    return [
        "| series | on each bar |", "|---|---|", *series, "",
        "| function | result | on each bar | example |", "|---|---|---|---|", *functions, "",
        "Worked examples, each a click away in the editor:", "", *examples,
    ]  # fmt: skip


def _example_block(example: Example) -> str:
    inputs = ", ".join(
        f"{name} = {each['value']:g} ({each['min']:g}..{each['max']:g})" for name, each in example.inputs.items()
    )
    texts = [("buy", example.buy), ("sell", example.sell), *([("inputs", inputs)] if inputs else [])]
    lines = [f"{name + ':':8}{text}".replace("\n", f"\n{'':8}") for name, text in texts]
    return "\n".join(["  ```", *(f"  {line}" for text in lines for line in text.split("\n")), "  ```", ""])


def param_row(param: ParamSpec) -> str:
    """One parameter as a row of the table."""
    kind = " or ".join(param.choices) if param.kind == "choice" else param.kind
    default = {"rules": "RSI and MACD", "text": f"`{param.default}`", "inputs": "fast and slow"}.get(
        param.kind, f"{param.default}"
    )
    bounds = ["" if value is None else f"{value:g}" for value in (param.minimum, param.maximum)]
    meaning = param.help + (f" ({param.unit})" if param.unit else "")
    return f"| `{param.name}` | {kind} | {default} | {bounds[0]} | {bounds[1]} | {meaning} |"


def metric_tables() -> str:
    """Every section of metrics as a table, in display order."""
    sections = dict.fromkeys(metric.section for metric in METRICS)
    return "\n".join(metric_section(name, [each for each in METRICS if each.section == name]) for name in sections)


def metric_section(section: str, metrics: list[Metric]) -> str:
    """One section in Markdown."""
    heading = [f"## {section}", "", "| name | title | unit | better | definition |", "|---|---|---|---|---|"]
    return "\n".join([*heading, *map(metric_row, metrics), ""])


def metric_row(metric: Metric) -> str:
    """One metric as a row of its table."""
    definition = metric.formula + (f" {metric.source}." if metric.source else "")
    return f"| `{metric.name}` | {metric.title} | {metric.unit} | {metric.better or ''} | {definition} |"


if __name__ == "__main__":
    raise SystemExit(main())
