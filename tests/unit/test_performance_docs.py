"""docs/metrics.md says what the catalog says."""

from pathlib import Path

from adapters.results.metrics import METRICS


def test_the_page_lists_every_metric_with_its_definition():
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()

    rows = [line for line in page.splitlines() if line.startswith("| `")]

    assert rows == [f"| `{m.name}` | {m.title} | {m.unit} | {m.formula} |" for m in METRICS]
