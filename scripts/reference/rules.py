"""Every rule, and the language of one's own, in Markdown."""

from rules.catalog import RULES, ParamSpec, RuleSpec, checked_rule
from rules.language import EXAMPLES, FUNCTIONS, SERIES, Example
from scripts.reference.markdown import table


def rule_tables() -> str:
    """Every rule as a section with its conditions and a table of its params, in display order."""
    return "\n".join(rule_section(spec) for spec in RULES.values())


def rule_section(spec: RuleSpec) -> str:
    lines = [
        f"### {spec.name}: {spec.title}",
        "",
        spec.description,
        "",
        f"- Buy: {spec.buy}",
        f"- Sell: {spec.sell}",
        *[f"- Constraint: `{constraint}`" for constraint in spec.constraints],
        f"- Warm-up with the defaults: {checked_rule(spec.name, {}).warmup_bars()} bars",
        f"- Source: {spec.source}",
        "",
        f"![Its first signals on AAPL, 2008 and 2009: bought at ▲, sold at ▼](images/rules/{spec.name}.png)",
        "",
        *table("| param | kind | default | from | to | meaning |", map(_param_row, spec.params)),
        *(formula_tables() if spec.name == "FORMULA" else []),
    ]
    return "\n".join(lines)


def formula_tables() -> list[str]:
    """What a formula can name, and the worked examples, in Markdown."""
    series = [(f"`{each.name}`", each.help) for each in SERIES.values()]
    functions = [(f"`{each.signature}`", each.result, each.help, f"`{each.example}`") for each in FUNCTIONS.values()]
    examples = [f"{each.title} ({each.source}):\n\n{_example_block(each)}" for each in EXAMPLES]
    return [
        *table("| series | on each bar |", series),
        *table("| function | result | on each bar | example |", functions),
        *("Worked examples, each a click away in the editor:", "", *examples),
    ]


def _example_block(example: Example) -> str:
    inputs = ", ".join(
        f"{name} = {each['value']:g} ({each['min']:g}..{each['max']:g})" for name, each in example.inputs.items()
    )
    texts = [("buy", example.buy), ("sell", example.sell), *([("inputs", inputs)] if inputs else [])]
    lines = [f"{name + ':':8}{text}".replace("\n", f"\n{'':8}") for name, text in texts]
    return "\n".join(["```", *lines, "```", ""])


def _param_row(param: ParamSpec) -> tuple[str, ...]:
    kind = " or ".join(param.choices) if param.kind == "choice" else param.kind
    default = {"rules": "RSI and MACD", "text": f"`{param.default}`", "inputs": "fast and slow"}.get(
        param.kind, f"{param.default}"
    )
    bounds = ["" if value is None else f"{value:g}" for value in (param.minimum, param.maximum)]
    meaning = param.help + (f" ({param.unit})" if param.unit else "")
    return f"`{param.name}`", kind, default, *bounds, meaning
