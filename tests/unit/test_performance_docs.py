"""docs/metrics.md says what the table of metrics says."""

from scripts import metric_tables


def test_the_tables_are_those_of_the_metrics(monkeypatch):
    monkeypatch.setattr("sys.argv", ["metric_tables", "--check"])

    assert metric_tables.main() == 0
