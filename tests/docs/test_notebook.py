"""docs/notebook.ipynb on a platform of its own: every cell runs, and prints what the file shows."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from flask import Flask
from nbclient import NotebookClient
from nbformat import NotebookNode

from tests.services.live_web import served
from tests.services.processes import PROJECT_ROOT, Programs

DOCS = PROJECT_ROOT / "docs"


def outputs(cell: NotebookNode) -> Iterator[str]:
    """Yield the output of a cell, which may come in pieces, without progress, and the kinds of its pictures."""
    outputs = cell.get("outputs", [])
    yield "".join(each.text for each in outputs if each.get("name") == "stdout")
    yield from (
        kind
        for each in outputs
        if each.output_type == "display_data"
        for kind in sorted(each.data)
    )


@pytest.mark.timeout(150)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_notebook_shows_what_its_cells_print(
    app: Flask, programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    committed = nbformat.read(DOCS / "notebook.ipynb", as_version=4)
    fresh = deepcopy(committed)
    programs.start("consumer.local_scaler")
    programs.start("consumer.reconciler")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))

    with served(app) as url:
        monkeypatch.setenv("BACKTEST_URL", url)
        NotebookClient(fresh, resources={"metadata": {"path": str(DOCS)}}).execute()

    assert [list(outputs(cell)) for cell in fresh.cells] == [
        list(outputs(cell)) for cell in committed.cells
    ]
