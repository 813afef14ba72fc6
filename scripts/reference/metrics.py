"""Every metric in Markdown, by section."""

from adapters.metrics.entry import Metric
from adapters.metrics.table import METRICS
from scripts.reference.markdown import table


def metric_tables() -> str:
    """Every section of metrics as a table, in display order."""
    sections = dict.fromkeys(metric.section for metric in METRICS)
    return "\n".join(metric_section(name, [each for each in METRICS if each.section == name]) for name in sections)


def metric_section(section: str, metrics: list[Metric]) -> str:
    rows = [(f"`{each.name}`", each.title, each.unit, each.better or "", _definition(each)) for each in metrics]
    return "\n".join([f"## {section}", "", *table("| name | title | unit | better | definition |", rows)])


def _definition(metric: Metric) -> str:
    return metric.formula + (f" {metric.source}." if metric.source else "")
