"""Write the rules' tables in docs/rules.md from the catalog; with --check only say whether they are up to date."""

from rules.catalog import RULES, ParamSpec, RuleSpec, warmup_bars
from scripts.marked_tables import renew


def main() -> int:
    """0 when the page has the catalog's tables (after writing, always); 1 when --check finds others."""
    return renew("rules.md", tables(), "python -m scripts.rule_tables")


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
