"""Write the tables in docs/metrics.md from the table of metrics; with --check only say whether they are up to date."""

from adapters.results.metrics.entry import Metric
from adapters.results.metrics.table import METRICS
from scripts.marked_tables import renew


def main() -> int:
    """0 when the page has the metrics' tables (after writing, always); 1 when --check finds others."""
    return renew("metrics.md", tables(), "python -m scripts.metric_tables")


def tables() -> str:
    """Every section of metrics as a table, in display order."""
    sections = dict.fromkeys(metric.section for metric in METRICS)
    return "\n".join(table(section, [each for each in METRICS if each.section == section]) for section in sections)


def table(section: str, metrics: list[Metric]) -> str:
    """One section in Markdown."""
    heading = [f"## {section}", "", "| name | title | unit | better | definition |", "|---|---|---|---|---|"]
    return "\n".join([*heading, *map(row, metrics), ""])


def row(metric: Metric) -> str:
    """One metric as a row of its table."""
    definition = metric.formula + (f" {metric.source}." if metric.source else "")
    return f"| `{metric.name}` | {metric.title} | {metric.unit} | {metric.better or ''} | {definition} |"


if __name__ == "__main__":
    raise SystemExit(main())
