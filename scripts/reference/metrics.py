"""Every metric in Markdown, by section."""

from adapters.results.metrics.entry import Metric
from adapters.results.metrics.table import METRICS


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
