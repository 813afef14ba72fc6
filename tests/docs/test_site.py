"""The documentation as a site: it builds without a broken link, and the platform serves every page of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.services.processes import PROJECT_ROOT
from web.documents import catalog


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Nothing here depends on the kind of database."""
    return sqlite_url


def build(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mkdocs", "build", "--site-dir", str(folder)]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_every_page_is_served(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = build(tmp_path / "site")
    assert built.returncode == 0, built.stderr
    monkeypatch.setattr(catalog, "SITE", tmp_path / "site")

    names = sorted(
        path.relative_to(tmp_path / "site").as_posix() for path in tmp_path.glob("site/**/*.*")
    )
    refused = [
        name
        for name in ("", *names)
        if client.get(f"/docs/{name}", buffered=True).status_code != 200
    ]
    zipped = client.get(
        "/docs/search/search_index.json", headers={"Accept-Encoding": "gzip"}, buffered=True
    )

    absolute = {
        f"{path.name}: {address}"
        for path in tmp_path.glob("site/**/*.html")
        for address in re.findall(r'(?:href|src)="?(/[^" >]*)', path.read_text("utf-8"))
    }

    assert absolute == set()  # it may be served under a path
    assert "rules.html" in names
    assert refused == []
    assert zipped.headers["Content-Encoding"] == "gzip"


def test_a_site_that_was_not_built_says_how(
    client: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalog, "SITE", tmp_path / "nothing")

    answer = client.get("/docs/", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert "make docs" in answer.text
